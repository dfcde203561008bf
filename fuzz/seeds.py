"""Writes the seeds of the corpus: one small file of each kind, as other programs write them.

    python seeds.py        (pyarrow 26, numpy, Pillow 13)

Files without `schema` and `digest` are checked value by value by the readers, so damage
reaches all of the code; a file of ours would be refused by its digest.
"""

import io
import json
import pathlib
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CORPUS = pathlib.Path(__file__).parent / "corpus"


def put(target, name, data):
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(data)


KINDS = [
    ("plain", {"compression": "none", "use_dictionary": False}),
    ("zstd", {"compression": "zstd"}),
    # Columns that are never null and pages of the second kind, as our own programs write them.
    ("required", {"compression": "zstd", "use_dictionary": False, "data_page_version": "2.0"}),
]


def table(target, columns, metadata=None):
    for name, options in KINDS:
        schema = pa.table(columns)
        if name == "required":
            schema = schema.cast(pa.schema([field.with_nullable(False) for field in schema.schema]))
        schema = schema.replace_schema_metadata(metadata)
        out = io.BytesIO()
        pq.write_table(schema, out, **options)
        put(target, f"{name}.parquet", out.getvalue())


ids = pa.array(["a", "b", "c"])
f64 = lambda *values: pa.array(values, pa.float64())
table("labels", {"id": ids, "labels": pa.array([[0, 25], [], [27]], pa.list_(pa.uint8()))})
table("folds", {"id": ids, "fold": pa.array([0, 1, 0], pa.uint8()), "group": pa.array([0, 1, 1], pa.uint32())})
two = {"label_names": json.dumps(["x", "y"])}
table("predictions", {"id": ids, "fold": pa.array([0, 1, 0], pa.uint8()),
                      "probability": pa.array([[0, 1], [0.5, 0.5], [1, 0]], pa.list_(pa.float32(), 2))}, two)
table("thresholds", {"label": pa.array([0, 1], pa.uint8()), "name": pa.array(["x", "y"]), "threshold": f64(0.5, 0.25),
                     "fold_threshold": pa.array([[0.5, 0.4], [0.2, 0.3]], pa.list_(pa.float64())),
                     "support": pa.array([7, 8], pa.uint32()), "f1_fitted": f64(0.5, 1), "f1_held_out": f64(0.5, 1)},
      {**two, "method": "exact", "metric": "macro-f1"})
table("history", {"epoch": pa.array([0, 1], pa.uint32()), "train_loss": f64(1, 0.5), "valid_loss": f64(1, 0.5),
                  "valid_macro_f1": f64(0, 0.1), "learning_rate": f64(1e-3, 1e-4)})
table("scores", {**{name: pa.array(["x"]) for name in ("name", "split", "method", "metric")},
                 "value": f64(0.5), "low": f64(0.4), "high": f64(0.6)})
counts = np.zeros((4, 256), np.uint64)
counts[:, 0], counts[:, 255] = 3, 1
table("statistics", {"channel": pa.array(["red", "green", "blue", "yellow"]), "samples": pa.array([1] * 4, pa.uint64()),
                     "mean": f64(*[0.25] * 4), "std": f64(*[0.4] * 4), "saturated": f64(*[0.25] * 4),
                     "histogram": pa.array(list(counts), pa.list_(pa.uint64(), 256)),
                     "correlation": pa.array([[1.0, 0, 0, 0]] * 4, pa.list_(pa.float64(), 4))})
table("shard", {"id": ids, "image": pa.array([bytes(range(16))] * 3, pa.binary(16)),
                "height": pa.array([2] * 3, pa.uint32()), "width": pa.array([2] * 3, pa.uint32()),
                "phash": pa.array([[1, 2, 3, 4]] * 3, pa.list_(pa.uint64(), 4)),
                "digest": pa.array([bytes(32)] * 3, pa.binary(32))})

header = json.dumps({"__metadata__": {"hpa": "{}"}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
put("checkpoint", "weights.safetensors", struct.pack("<Q", len(header)) + header + bytes(8))

put("table", "train.csv", b"Id,Target\na,25 3\nb-1,0\n")
put("table", "spreadsheet.csv", b'\xef\xbb\xbf"Target","note","Id"\r\n"1 2","x, ""y""",a\r\n,,b\r\n')
put("table", "submission.csv", b"Id,Predicted\na,\nb,0 27\n")

levels = (np.arange(81, dtype=np.uint32) ** 2 % 251).astype(np.uint8).reshape(9, 9)
rgb = np.stack([levels, levels // 2, levels * 0], 2)
for name, image, options in [("grey.png", levels, {}), ("colour.png", rgb, {}), ("grey.jpg", levels, {}),
                               ("colour.jpg", rgb, {}), ("progressive.jpg", levels, {"progressive": True}),
                               ("grey.tif", levels, {}), ("packed.tif", levels, {"compression": "tiff_lzw"}),
                               ("deep.png", levels.astype(np.uint16) * 257, {}),
                               ("deep.tif", levels.astype(np.uint16) * 257, {})]:
    out = io.BytesIO()
    Image.fromarray(image).save(out, {"png": "PNG", "jpg": "JPEG", "tif": "TIFF"}[name.rsplit(".")[-1]], **options)
    put("image", name, out.getvalue())
out = io.BytesIO()
Image.fromarray(levels > 99).save(out, "PNG")
put("image", "one-bit.png", out.getvalue())

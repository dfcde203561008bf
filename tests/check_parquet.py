"""Opens every Parquet file of a run with pyarrow and DuckDB, and checks its metadata.

usage: check_parquet.py DIR     (needs pyarrow; without it says SKIPPED and exits 77. Without
                                duckdb it says so and checks the rest)
"""

import json
import pathlib
import sys

try:
    import pyarrow.parquet
except ImportError as error:
    print(f"SKIPPED: {error}")
    sys.exit(77)
try:
    import duckdb
except ImportError as error:
    print(f"SKIPPED DuckDB: {error}")
    duckdb = None


def check(path: pathlib.Path) -> None:
    table = pyarrow.parquet.read_table(path)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    for key in ("schema", "config", "inputs"):
        assert key in metadata, f"{path}: no metadata {key}"
    footer = pyarrow.parquet.read_metadata(path).metadata
    assert len(footer[b"digest"]) == 64, f"{path}: no digest in the footer"
    json.loads(metadata["inputs"])
    if duckdb is not None:
        ((rows,),) = duckdb.sql(f"select count(*) from '{path}'").fetchall()
        assert rows == table.num_rows, f"{path}: DuckDB sees {rows} rows, pyarrow {table.num_rows}"
        duckdb.sql(f"select * from '{path}' limit 5").fetchall()
    if metadata["schema"] == "images/1":
        shape = json.loads(metadata["tensor"])["shape"]
        size = shape[0] * shape[1] * shape[2]
        assert all(len(image) == size for image in table["image"].to_pylist()), path
        groups = pyarrow.parquet.ParquetFile(path).metadata
        assert all(groups.row_group(i).num_rows <= 256 for i in range(groups.num_row_groups)), path


files = sorted(pathlib.Path(sys.argv[1]).rglob("*.parquet"))
assert files, f"no Parquet file below {sys.argv[1]}"
for file in files:
    check(file)
readers = [f"pyarrow {pyarrow.__version__}"] + ([f"DuckDB {duckdb.__version__}"] if duckdb else [])
print(f"{len(files)} Parquet files: {' and '.join(readers)} open them all")

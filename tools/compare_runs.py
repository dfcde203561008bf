"""Whether two runs hold the same numbers: python3 tools/compare_runs.py data/RUN data/OTHER

Compares tensors and columns bit for bit, not file digests, because metadata (settings, digests of
inputs, schema versions) may change while the numbers do not. Checkpoints: every tensor. Parquet
files: every column. Submissions: every byte. Exit status 0 when all are equal, 1 otherwise.
Needs numpy, pyarrow and safetensors.
"""

import pathlib
import sys

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

PATTERNS = [
    "labels.parquet",
    "test-labels.parquet",
    "folds.parquet",
    "images/*.parquet",
    "statistics/*.parquet",
    "duplicates/*.csv",
    "models/*/*.safetensors",
    "models/*/*.history.parquet",
    "predictions/*/*.parquet",
    "thresholds/*/*.parquet",
    "submissions/*.csv",
    "report/scores.parquet",
]


def bits(array):
    """The array's bytes, so that NaN equals NaN and 0 differs from -0."""
    return np.ascontiguousarray(array).tobytes()


def differences_of_tensors(left, right):
    left, right = load_file(left), load_file(right)
    for name in sorted(left.keys() ^ right.keys()):
        yield f"tensor {name} is in one file only"
    for name in sorted(left.keys() & right.keys()):
        a, b = left[name], right[name]
        if a.dtype != b.dtype or a.shape != b.shape:
            yield f"tensor {name}: {a.dtype}{a.shape} against {b.dtype}{b.shape}"
        elif bits(a) != bits(b):
            yield f"tensor {name}: {np.count_nonzero(a != b)} of {a.size} values differ"


def differences_of_tables(left, right):
    left, right = pq.read_table(left), pq.read_table(right)
    if left.column_names != right.column_names:
        yield f"columns {left.column_names} against {right.column_names}"
        return
    if left.num_rows != right.num_rows:
        yield f"{left.num_rows} rows against {right.num_rows}"
        return
    for name in left.column_names:
        a, b = left[name], right[name]
        if a.type != b.type:
            yield f"column {name}: {a.type} against {b.type}"
        # `equals` says that NaN differs from itself: compare the printed values then.
        elif not a.equals(b) and repr(a.to_pylist()) != repr(b.to_pylist()):
            rows = sum(repr(x) != repr(y) for x, y in zip(a.to_pylist(), b.to_pylist()))
            yield f"column {name}: {rows} of {len(a)} rows differ"


def differences_of_bytes(left, right):
    if left.read_bytes() != right.read_bytes():
        yield "bytes differ"


COMPARISONS = {
    ".safetensors": differences_of_tensors,
    ".parquet": differences_of_tables,
    ".csv": differences_of_bytes,
}


def main():
    left, right = (pathlib.Path(folder) for folder in sys.argv[1:3])
    names = sorted(
        {
            str(path.relative_to(folder))
            for folder in (left, right)
            for pattern in PATTERNS
            for path in folder.glob(pattern)
        }
    )
    if not names:
        sys.exit(f"error: {left} and {right} hold no artefact of a run")
    differ = 0
    for name in names:
        a, b = left / name, right / name
        if not (a.exists() and b.exists()):
            found = ["exists on one side only"]
        else:
            found = list(COMPARISONS[a.suffix](a, b))
        for line in found:
            print(f"{name}: {line}")
        differ += bool(found)
    print(f"{len(names) - differ} of {len(names)} files hold the same numbers")
    sys.exit(differ > 0)


main()

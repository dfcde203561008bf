"""Peer of hpa-preprocess: OpenCV and pyarrow in two processes.

Each process decodes half of the samples, downscales with INTER_AREA and writes a shard of its
own with Zstandard level 1.

    python peer.py TABLE.csv IMAGES SIZE OUT_FOLDER
"""

import csv
import multiprocessing
import os
import sys

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CHANNELS = ["red", "green", "blue", "yellow"]
CHUNK = 32  # samples per write
PROCESSES = 2


def planes(folder, sample, size):
    for channel in CHANNELS:
        plane = cv2.imread(os.path.join(folder, f"{sample}_{channel}.png"), cv2.IMREAD_UNCHANGED)
        if plane.shape != (size, size):
            plane = cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA)
        yield plane


def write_shard(job):
    folder, samples, size, out = job
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    schema = pa.schema([("id", pa.string()), ("image", pa.binary(4 * size * size))])
    with pq.ParquetWriter(
        out, schema, compression="zstd", compression_level=1, use_dictionary=False
    ) as writer:
        for start in range(0, len(samples), CHUNK):
            chunk = samples[start : start + CHUNK]
            images = [np.stack(list(planes(folder, sample, size))).tobytes() for sample in chunk]
            image = pa.array(images, pa.binary(4 * size * size))
            writer.write_table(pa.table([pa.array(chunk), image], schema=schema))


def main():
    table, folder, size, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    with open(table, newline="") as rows:
        samples = [row["Id"] for row in csv.DictReader(rows)]
    jobs = [
        (folder, samples[part::PROCESSES], size, os.path.join(out, f"{part}.parquet"))
        for part in range(PROCESSES)
    ]
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(write_shard, jobs)


if __name__ == "__main__":
    main()

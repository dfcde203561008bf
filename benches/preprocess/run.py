"""Benchmarks hpa-preprocess and hpa-split against Python equivalents.

    python run.py --bin target/release --samples DIR [--tables DIR] --out preprocess.json

The samples (Kaggle's layout) are copied under several ids into a temporary folder. Runs of ours
and of the peer are interleaved; medians are compared. Two threads against two processes.
The output is a list of pairs; ratio > 1 means that ours is better.
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
CHANNELS = ["red", "green", "blue", "yellow"]


def copy_samples(samples, folder, count):
    """Copies the samples until there are `count`; returns the path of the table and the count."""
    found = []
    for table, part in [("train.csv", "train"), ("test_labels.csv", "test")]:
        if (samples / table).exists():
            with open(samples / table, newline="") as rows:
                found += [(row["Id"], samples / part) for row in csv.DictReader(rows)]
    if not found:
        sys.exit(f"{samples} has no samples: expected train.csv and train/ID_red.png and so on")
    (folder / "train").mkdir()
    ids = []
    while len(ids) < count:
        for sample, source in found:
            copy = f"c{len(ids)}_{sample}"[:128]
            ids.append(copy)
            for channel in CHANNELS:
                shutil.copy(source / f"{sample}_{channel}.png", folder / "train" / f"{copy}_{channel}.png")
    table = folder / "train.csv"
    table.write_text("Id,Target\n" + "".join(f"{sample},0\n" for sample in ids))
    return table, len(ids)


def timed(command):
    """Seconds and maximum resident set (MB) of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def pair(name, unit, ours, peer, peer_name, higher_is_better=True):
    ratio = ours / peer if higher_is_better else peer / ours if ours else float("inf")
    rounded = [round(value, 4) for value in (ours, peer, ratio)]
    return dict(name=name, unit=unit, ours=rounded[0], peer=rounded[1], peer_name=peer_name, ratio=rounded[2])


def preprocess(bin_folder, table, count, size, rounds):
    images, out = table.parent / "train", table.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    shard = out / "ours.parquet"
    ours = [bin_folder / "hpa-preprocess", "--csv", table, "--images", images, "--size-px", str(size),
            "--threads", "2", "--quiet", "--out", shard]
    peer = [sys.executable, HERE / "peer.py", table, images, str(size), out]
    bound = [bin_folder / "examples" / "lower_bound", table, images, str(size), "2"]
    times = {"ours": [], "peer": [], "bound": []}
    memory = 0
    for _ in range(rounds):
        shard.unlink(missing_ok=True)
        seconds, resident = timed(ours)
        times["ours"].append(seconds)
        memory = max(memory, resident)
        times["peer"].append(timed(peer)[0])
        steps = json.loads(subprocess.run(bound, check=True, capture_output=True).stdout)
        times["bound"].append((steps["decode"] + steps["resize"] + steps["compress"]) / steps["samples"])
    ours, peer, bound = (statistics.median(times[key]) for key in ("ours", "peer", "bound"))
    peer_bytes = sum((out / f"{part}.parquet").stat().st_size for part in range(2))
    print(f"{size} px, {count} samples: seconds ours {times['ours']}, peer {times['peer']}; "
          f"last lower bound {steps}; maximum resident set {memory:.0f} MB")
    rate = count / ours
    return [
        pair(f"preprocess-{size}", "samples/s", rate, count / peer, "OpenCV + pyarrow, two processes"),
        pair(f"preprocess-{size}-bound", "samples/s", rate, 1 / bound, "lower bound: decode, resize, compress"),
        pair(f"preprocess-{size}-bytes", "bytes", shard.stat().st_size, peer_bytes, "pyarrow, Zstandard 1", False),
    ]


def split(bin_folder, table, name, folder):
    labels, folds = folder / f"{name}.labels.parquet", folder / f"{name}.folds.parquet"
    timed([bin_folder / "hpa-labels", "--quiet", "--csv", table, "--out", labels])
    command = [bin_folder / "hpa-split", "--labels", labels, "--folds", "5", "--seed", "1", "--quiet",
               "--threads", "2", "--json", "--out", folds]
    seconds = statistics.median(timed(command)[0] for _ in range(5))
    ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    peer_command = [sys.executable, HERE / "split_peer.py", table, "5"]
    peer = json.loads(subprocess.run(peer_command, check=True, capture_output=True).stdout)
    rarest = [fold[27] for fold in ours["label_counts"]]
    print(f"{name}: label 27 in the folds: ours {rarest}, peer {peer['rarest']}")
    title = "iterative-stratification 0.1.9"
    return [
        pair(name, "s", seconds, peer["seconds"], title, False),
        pair(f"{name}-deviation", "samples", ours["largest_deviation"], peer["deviation"], title, False),
    ]


def near_duplicates(bin_folder):
    """No peer: available Python packages compare all pairs."""
    print(subprocess.run([bin_folder / "examples" / "near_duplicates", "31072", "1000000"], check=True,
                         capture_output=True, text=True).stdout, end="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--samples", type=pathlib.Path, required=True)
    parser.add_argument("--tables", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        table, count = copy_samples(args.samples, folder, args.count)
        for size in (512, 256):
            pairs += preprocess(args.bin, table, count, size, args.rounds)
        for tag, file in [("split-31k", "train.csv"), ("split-75k", "HPAv18RBGY_wodpl.csv")]:
            if args.tables and (args.tables / file).exists():
                pairs += split(args.bin, args.tables / file, tag, folder)
            else:
                print(f"SKIPPED {tag}: no {file}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(pairs, indent=1) + "\n")
    for row in pairs:
        print("{name:26} {ours:>14} {peer:>14} {unit:10} {ratio:>8}x  {peer_name}".format(**row))
    near_duplicates(args.bin)


if __name__ == "__main__":
    main()

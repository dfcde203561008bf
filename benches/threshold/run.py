"""Measures hpa-threshold against its peers; `make bench-threshold [ROWS="exact memory"]`.

Every time of ours is that of the whole process, from exec to exit: reading, checking digests,
searching, writing. The peers time themselves without their imports (peers.py). Pairs are measured
in turns in one run; medians count. Claims of quality are asserted: the bench fails with them.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import rows


class Bench:
    """Runs the programs and keeps what they say."""

    def __init__(self, desk_folder, programs, shared):
        self.folder, self.programs, self.shared = desk_folder, programs, shared
        self.results = []

    def threshold(self, predictions, labels, *flags):
        """What hpa-threshold says, with its `wall` seconds and `peak` bytes."""
        out = self.folder / "thresholds.parquet"
        command = [self.programs / "hpa-threshold", "--predictions", predictions, "--labels", labels,
                   "--bootstrap", "0", "--quiet", "--json", "--out", out, *flags]
        launcher = [sys.executable, "-S", "-B", pathlib.Path(__file__).with_name("launch.py")]
        done = subprocess.run([str(word) for word in launcher + command], check=True, stdout=subprocess.PIPE)
        run = json.loads(done.stdout)
        if run["code"] != 0:
            sys.exit(f"bench: {' '.join(map(str, command))} failed with {run['code']}")
        return {**json.loads(run["said"]), "wall": run["wall"], "peak": run["peak"]}

    def peer(self, method, predictions, labels, seed=0):
        script = pathlib.Path(__file__).with_name("peers.py")
        command = [sys.executable, "-B", script, method, predictions, labels, seed]
        done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def pair(self, name, ours, peer, peer_name, unit="s"):
        """One row of the table: smaller is better for seconds, larger for scores."""
        ratio = peer / ours if unit == "s" else ours / peer
        self.results.append({"name": name, "unit": unit, "ours": ours, "peer": peer,
                             "peer_name": peer_name, "ratio": ratio})
        print(f"{name}: {ours:.4f} {unit}, {peer_name} {peer:.4f} {unit}, ratio {ratio:.1f}", flush=True)

    def fact(self, text):
        """A measurement without a peer."""
        print(text, flush=True)

    def must(self, holds, claim):
        if not holds:
            sys.exit(f"bench: this does not hold: {claim}")
        print(f"holds: {claim}", flush=True)


def machine():
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{os.cpu_count()} x {model[0] if model else 'unknown'}"


def merged(path, results):
    """The rows on disk, those measured now in place of older ones."""
    old = json.loads(path.read_text()) if path.exists() else []
    new = {row["name"] for row in results}
    return sorted([row for row in old if row["name"] not in new] + results, key=lambda row: row["name"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("rows", nargs="*")
    args = parser.parse_args()
    if not (args.shared / "data/kaggle-tables/train.csv").exists():
        sys.exit(f"bench: {args.shared}/data/kaggle-tables/train.csv is missing: set HPA_SHARED")
    unknown = set(args.rows) - set(rows.ALL)
    if unknown:
        sys.exit(f"bench: no row {' '.join(sorted(unknown))}: there are {' '.join(rows.ALL)}")
    print(f"machine: {machine()}; NumPy {np.__version__}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hpa-bench-") as folder:
        bench = Bench(pathlib.Path(folder), args.programs, args.shared)
        for row in args.rows or rows.ALL:
            print(f"== {row}", flush=True)
            rows.ALL[row](bench)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    partial = args.out.with_suffix(".partial")
    partial.write_text(json.dumps(merged(args.out, bench.results), indent=1) + "\n")
    partial.replace(args.out)


if __name__ == "__main__":
    main()

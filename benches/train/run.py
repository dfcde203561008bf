"""Measures training and evaluation against PyTorch and ONNX Runtime, each pair interleaved.

Each side is a process that warms up, then replies to `N` on its standard input with a line of
JSON: the seconds of N steps and its peak memory. Rounds alternate between the sides (A B A B ...), so
that other load on the machine affects both, and the results are medians over the rounds.

    run.py --ours PROGRAM --out FILE.json --document FILE.md [--programs FOLDER] [--rows NAME...]
           [--threads N] [--budget SECONDS]

The row through the loader runs `hpa-train` on synthetic images, one epoch per round, against the
same steps in memory; FOLDER has the programs of the pipeline.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import document

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, "peer.py")
# Name: network, px, batch, mode, precision, peer, threads of both sides (0: --threads).
ROWS = {
    "train-resnet18-128-b32": ("resnet18", 128, 32, "train", "f32", "torch", 0, 0),
    "train-resnet18-224-b32": ("resnet18", 224, 32, "train", "f32", "torch", 0, 0),
    "train-resnet34-128-b32": ("resnet34", 128, 32, "train", "f32", "torch", 0, 0),
    "train-resnet50-128-b16": ("resnet50", 128, 16, "train", "f32", "torch", 0, 0),
    "train-resnet18-128-b32-bf16": ("resnet18", 128, 32, "train", "bf16", "torch", 0, 0),
    "train-resnet50-128-b16-bf16": ("resnet50", 128, 16, "train", "bf16", "torch", 0, 0),
    "eval-resnet18-224-b32": ("resnet18", 224, 32, "eval", "f32", "torch", 0, 0),
    "eval-resnet50-224-b32": ("resnet50", 224, 32, "eval", "f32", "torch", 0, 0),
    "eval-resnet18-224-b32-onnx": ("resnet18", 224, 32, "eval", "f32", "onnx", 0, 0),
    "eval-resnet50-224-b32-onnx": ("resnet50", 224, 32, "eval", "f32", "onnx", 0, 0),
    "train-resnet18-128-b32-threads": ("resnet18", 128, 32, "train", "f32", "ours", 2, 1),
    "train-resnet18-128-b32-loader": ("resnet18", 128, 32, "train", "f32", "memory", 0, 0),
}
HEAD = [
    "| row | ours, images/s | peer, images/s | peer | ratio | middle half of the pairs' ratios | peak memory, MiB |",
    "|---|---|---|---|---|---|---|",
]
# Seconds per row, including the start of both processes.
BUDGET = 60.0


class Contestant:
    """A process that runs steps on request."""

    def __init__(self, command, threads):
        # The peer chooses the settings of its BLAS library.
        dropped = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        environment["OMP_NUM_THREADS"] = str(threads)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment
        )
        self.greeting = self.read()
        self.seconds, self.peak_kib = [], 0

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args} ended with status {self.process.wait()}")
        return json.loads(line)

    def steps(self, count, keep=True):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        answer = self.read()
        if keep:
            self.seconds += answer["seconds"]
        self.peak_kib = answer["peak_kib"]
        return answer["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Loader:
    """Training by hpa-train from Parquet, with augmentation; each round is one epoch."""

    STEPS = 18

    def __init__(self, programs, folder, batch, threads):
        self.programs, self.folder, self.batch = programs, folder, batch
        self.threads = ["--threads", str(threads), "--quiet"]
        self.greeting, self.seconds, self.peak_kib = {}, [], 0

        def at(name):
            return os.path.join(folder, name)

        config = ["--config", os.path.join(HERE, "synth.toml")]
        self.run("synth", *config, "--out", at("raw"), *self.threads)
        csv = ["--csv", at("raw/train.csv")]
        images = ["--images", at("raw/train"), "--size-px", "128"]
        self.run("preprocess", *csv, *images, "--out", at("train.parquet"), *self.threads)
        self.run("labels", *csv, "--out", at("labels.parquet"))
        self.data = ["--images", at("train.parquet"), "--labels", at("labels.parquet")]
        folds = ["--folds", "10", "--seed", "1", "--out", at("folds.parquet")]
        self.run("split", *self.data, *folds, *self.threads)

    def run(self, program, *arguments):
        """Runs a program and returns its standard output; updates the peak memory."""
        command = [os.path.join(self.programs, "hpa-" + program), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        answer = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{command} ended with status {os.waitstatus_to_exitcode(status)}")
        self.peak_kib = max(self.peak_kib, usage.ru_maxrss)
        return answer

    def steps(self, count, keep=True):
        out = os.path.join(self.folder, "model.safetensors")
        config = ["--config", os.path.join(HERE, "loader.toml"), "--json"]
        fold = ["--folds", os.path.join(self.folder, "folds.parquet"), "--fold", "0"]
        device = ["--device", "cpu", "--out", out]
        answer = json.loads(self.run("train", *config, *self.data, *fold, *device, *self.threads))
        os.remove(out)
        if keep:
            self.seconds.append(self.batch / answer["images_per_second"])

    def close(self):
        pass


def contestants(row, arguments, folder):
    """Both sides of a row."""
    network_name, px, batch, mode, precision, peer, *threads = row
    threads = [count or arguments.threads for count in threads]
    work = [network_name, str(px), str(batch), mode, precision]
    path = os.path.join(folder, "network.onnx")
    if peer == "onnx":
        command = [sys.executable, "-B", PEER, "export", path, network_name, str(px), str(batch)]
        subprocess.run(command, check=True)
    if peer == "memory":
        ours = Loader(arguments.programs, folder, batch, threads[0])
    else:
        ours = Contestant([arguments.ours, *work, str(threads[0])], threads[0])
    is_ours = peer in ("ours", "memory")
    rival = [arguments.ours] if is_ours else [sys.executable, "-B", PEER, peer, path]
    return ours, Contestant([*rival, *work, str(threads[1])], threads[1])


def measure(name, row, arguments):
    """Measures a row: its entry in the JSON file and its line in the document."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = contestants(row, arguments, folder)
        rounds(ours, theirs, start + arguments.budget)
    return report(name, row, ours, theirs)


def rounds(ours, theirs, deadline):
    """Alternates until the time is up; at least five rounds after the warm-up."""
    count = 0
    while count < 6 or time.perf_counter() < deadline:
        for contestant in (ours, theirs):
            turn = Loader.STEPS if isinstance(ours, Loader) else 1
            contestant.steps(turn if count else 2, keep=count > 0)
        count += 1
    for contestant in (ours, theirs):
        contestant.close()


def report(name, row, ours, theirs):
    """The entry in the JSON file and the line in the document."""
    _, _, batch, _, precision, peer, *_ = row

    def rate(contestant):
        return batch / statistics.median(contestant.seconds)

    # A round through the loader is the median of an epoch.
    size = len(theirs.seconds) // len(ours.seconds)
    turns = [statistics.median(theirs.seconds[i : i + size]) for i in range(0, len(theirs.seconds), size)]
    pairs = [b / a for a, b in zip(ours.seconds, turns)]
    version = theirs.greeting.get("version")
    peer_name = {
        "torch": f"PyTorch {version} channels_last" + (" autocast" if precision == "bf16" else ""),
        "onnx": f"ONNX Runtime {version}",
        "ours": "one thread",
        "memory": "the same on data in memory",
    }[peer]
    low, _, high = statistics.quantiles(pairs, n=4)
    memory = [f"{side.peak_kib >> 10}" for side in (ours, theirs)]
    cells = [name, f"{rate(ours):.1f}", f"{rate(theirs):.1f}", peer_name, f"{rate(ours) / rate(theirs):.2f}"]
    cells += [f"{low:.2f} to {high:.2f} of {len(pairs)}", " against ".join(memory)]
    line = f"| {' | '.join(cells)} |"
    print(line, file=sys.stderr, flush=True)
    return {
        "name": name,
        "unit": "images/s",
        "ours": round(rate(ours), 2),
        "peer": round(rate(theirs), 2),
        "peer_name": peer_name,
        "ratio": round(rate(ours) / rate(theirs), 3),
    }, line


def write(rows, path):
    """Merges the new rows into the file, in the order of the table."""
    old = {}
    if os.path.exists(path):
        with open(path) as file:
            old = {row["name"]: row for row in json.load(file)}
    merged = old | {row["name"]: row for row in rows}
    order = [name for name in ROWS if name in merged]
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path + ".partial", "w") as file:
        json.dump([merged[name] for name in order], file, indent=1)
        file.write("\n")
    os.replace(path + ".partial", path)


def machine():
    """The CPU model and the number of CPUs."""
    with open("/proc/cpuinfo") as info:
        model = next((l.split(":")[1].strip() for l in info if l.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} CPUs"


def has_bf16():
    """Whether the CPU has bf16 dot products."""
    with open("/proc/cpuinfo") as info:
        return "avx512_bf16" in info.read().split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, help="the program crates/libs/nn/examples/speed.rs")
    parser.add_argument("--out", required=True, help="JSON file to update")
    parser.add_argument("--document", required=True, help="document whose table is updated")
    parser.add_argument("--programs", default="target/release", help="the pipeline's programs")
    parser.add_argument("--rows", nargs="*", default=[], help="some rows only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds per row")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rows if name not in ROWS]
    if unknown:
        sys.exit(f"there are no rows {', '.join(unknown)}: expected some of {', '.join(ROWS)}")
    document.block(arguments.document, "train")  # before anything is measured
    head = [f"{machine()}, {arguments.threads} threads, Python {platform.python_version()}:", "", *HEAD]
    for name in arguments.rows or ROWS:
        if ROWS[name][4] == "bf16" and not has_bf16():
            print(f"SKIPPED {name}: this CPU has no avx512_bf16", file=sys.stderr)
            continue
        row, line = measure(name, ROWS[name], arguments)
        write([row], arguments.out)
        document.update_table(arguments.document, "train", head, [line], ROWS)


if __name__ == "__main__":
    main()

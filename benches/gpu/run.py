"""Training speed on a GPU against PyTorch 2, eager and compiled, interleaved.

    run.py --ours PROGRAM --out FILE.json [--report FILE.md] [--rows NAME...] [--device cuda|cpu]
           [--budget SECONDS]

Each contestant is a process that keeps its network and one batch on the GPU. Each first finds its
fastest batch size; then they take turns, A B C A B C ..., and the medians over the turns are
reported. One more row compares our whole epochs from Parquet with our steps in memory. --device cpu
runs everything on the CPU at tiny sizes without compiled code to test this script; its figures mean
nothing, and it refuses the names of real rows.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
# Name: network, px, batches to choose from.
ROWS = {
    "gpu-train-resnet18-224-bf16": ("resnet18", 224, [64, 128, 256, 512]),
    "gpu-train-resnet50-224-bf16": ("resnet50", 224, [32, 64, 128, 256]),
    "gpu-train-resnet18-512-bf16": ("resnet18", 512, [16, 32, 64, 128]),
    "gpu-train-resnet50-512-bf16": ("resnet50", 512, [8, 16, 32, 64]),
}
DRY_ROWS = {"dry-train-resnet18-32-f32": ("resnet18", 32, [2, 4])}
PEERS = ("eager", "compile")
EPOCH_ROW = "gpu-train-resnet18-224-bf16"
EPOCH_SAMPLES = 8192
# Approximate seconds of one turn.
TURN = 1.0
# Dense bf16 products and memory traffic per second, from NVIDIA's data sheets (SXM modules).
GPU_PEAKS = {"H100": (989e12, 3.35e12), "H200": (989e12, 4.8e12), "A100": (312e12, 2.04e12)}


class Contestant:
    """A process that answers requests."""

    def __init__(self, name, command):
        self.name, self.batch, self.rates = name, 0, []
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.hello = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with status {self.process.wait()}: {self.process.args}")
        return json.loads(line)

    def request(self, message):
        self.process.stdin.write(message + "\n")
        self.process.stdin.flush()
        return self.read()

    def rate(self, batch, count):
        """Images per second, or None if the batch does not fit."""
        answer = self.request(f"steps {batch} {count}")
        return None if "full" in answer else batch * count / answer["seconds"]

    def choose(self, batches):
        """Chooses the fastest batch size and the number of steps of a turn."""
        found = {}
        for batch in batches:
            if self.rate(batch, 2) is None:
                break
            found[batch] = self.rate(batch, 5)
        if not found:
            sys.exit(f"{self.name}: the smallest batch, {batches[0]}, does not fit")
        self.batch = max(found, key=found.get)
        self.count = max(2, round(TURN * found[self.batch] / self.batch))
        self.rate(self.batch, 2)

    def turn(self):
        self.rates.append(self.rate(self.batch, self.count))

    def median(self):
        return statistics.median(self.rates)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def contestants(network, px, precision, arguments):
    work = [network, str(px), arguments.device, precision]
    peer = [sys.executable, "-B", str(HERE / "peer.py"), *work]
    dry = ["--dry"] if arguments.device == "cpu" else []
    ours = Contestant("ours", [arguments.ours, *work])
    return ours, [Contestant(mode, [*peer, mode, *dry]) for mode in PEERS]


def measure(name, row, arguments, deadline):
    """The rows of one network and size, and their section of the report."""
    network, px, batches = row
    precision = name.rsplit("-", 1)[1]
    ours, peers = contestants(network, px, precision, arguments)
    processes = [ours, *peers]
    ours.choose(batches)
    peers[0].choose(batches)
    # Compiling for every batch size takes too long; the best one of eager is close to its own.
    peers[1].choose([peers[0].batch])
    while len(ours.rates) < 5 or (time.monotonic() < deadline and len(ours.rates) < 30):
        for contestant in processes:
            contestant.turn()
    rows = [entry(f"{name}-{peer.name}", ours, peer) for peer in peers]
    if name == EPOCH_ROW or arguments.device == "cpu":
        samples = EPOCH_SAMPLES if arguments.device == "cuda" else 16
        epochs = ours.request(f"epoch {ours.batch} {samples}")["images_per_second"]
        rows.append(pair(name.replace("train", "epoch"), statistics.median(epochs), ours.median(), "ours, in memory"))
    section = describe(name, ours, peers)
    for contestant in processes:
        contestant.close()
    return rows, section


def pair(name, ours, peer, peer_name):
    rounded = lambda value: round(value, 3)
    return {
        "name": name,
        "unit": "images/s",
        "ours": rounded(ours),
        "peer": rounded(peer),
        "peer_name": peer_name,
        "ratio": rounded(ours / peer),
    }


def entry(name, ours, peer):
    version = peer.hello["version"]
    kind = {"eager": "eager", "compile": "torch.compile"}[peer.name]
    return pair(name, ours.median(), peer.median(), f"PyTorch {version} {kind}, channels_last, bf16 autocast, fused SGD")


def describe(name, ours, peers):
    """Batch sizes, and the shares of the peak performance of the GPU."""
    cost, rate, gpu = ours.hello["cost"], ours.median(), peers[0].hello["gpu"]
    batches = ", ".join(f"{it.name} {it.batch}" for it in [ours, *peers])
    peaks = next((peaks for word, peaks in GPU_PEAKS.items() if word in gpu), None)
    if peaks is None:
        shares = f"the peaks of {gpu} are unknown"
    else:
        products, traffic = cost["flops"] * rate, 2 * cost["activations"] * rate
        shares = f"{products / peaks[0]:.0%} of the matrix peak, {traffic / peaks[1]:.0%} of the memory bandwidth"
    return f"- {name} ({gpu}): batches {batches}; {shares}."


def markdown(rows, sections):
    lines = ["| row | ours | peer | ratio | peer |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['name']} | {row['ours']:.0f} | {row['peer']:.0f} | {row['ratio']:.2f} | {row['peer_name']} |")
    return "\n".join([*lines, "", *sections, ""])


def write(path, text):
    """Writes a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--rows", nargs="*")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--budget", type=float, default=540.0, help="seconds for all rows")
    arguments = parser.parse_args()
    known = ROWS if arguments.device == "cuda" else DRY_ROWS
    names = arguments.rows or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no such rows on {arguments.device}: {', '.join(unknown)}; there are {', '.join(known)}")
    start, rows, sections = time.monotonic(), [], []
    for number, name in enumerate(names, 1):
        deadline = start + arguments.budget * number / len(names)
        more, section = measure(name, known[name], arguments, deadline)
        rows += more
        sections.append(section)
        print("\n".join(json.dumps(row) for row in more), section, sep="\n", flush=True)
        # Keeps the rows so far if the run is interrupted.
        write(arguments.out, json.dumps(rows, indent=1) + "\n")
        if arguments.report:
            write(arguments.report, markdown(rows, sections))


main()

"""Measures training and evaluation against PyTorch and ONNX Runtime, each pair interleaved.

Every contestant is a process of its own that warms up, then answers `N` on its standard input
with a line of JSON: the seconds of N steps and its peak memory. The driver asks A B A B ...,
so that what disturbs the machine disturbs both, and takes medians over the rounds.

    run.py --ours PROGRAM --out FILE.json [--programs FOLDER] [--rows NAME...] [--threads N] [--budget SECONDS]

The row through the loader trains by `hpa-train` on drawn pictures, an epoch a turn, beside the same
steps in memory; FOLDER has the programs of the pipeline.
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

LABELS = 28
# Name: network, px, batch, mode, precision, peer, threads of ours and of the peer (0: --threads).
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
# Seconds that a row may take, two processes' starts included.
BUDGET = 60.0


def network(name, torch):
    """torchvision's network with four input channels and one logit a label."""
    import torchvision

    model = getattr(torchvision.models, name)(num_classes=LABELS)
    model.conv1 = torch.nn.Conv2d(4, 64, 7, 2, 3, bias=False)
    return model


def torch_step(name, px, batch, mode, precision):
    """One training step or one evaluation by PyTorch, channels_last."""
    import torch

    layout = torch.channels_last
    model = network(name, torch).to(memory_format=layout)
    images = torch.randn(batch, 4, px, px).contiguous(memory_format=layout)
    targets = (torch.rand(batch, LABELS) > 0.9).float()
    is_bf16 = precision == "bf16"

    def evaluate():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            model(images)

    if mode == "eval":
        model.eval()
        return evaluate
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            logits = model(images)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)
        loss.backward()
        optimizer.step()

    return train


def onnx_step(path, px, batch, threads):
    """One evaluation by ONNX Runtime, all of its graph optimisations on."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    images = numpy.random.default_rng(1).standard_normal((batch, 4, px, px), numpy.float32)
    return lambda: session.run(None, {"images": images})


def export(name, px, batch, path):
    """Writes the network in evaluation mode for ONNX Runtime."""
    import torch

    model, images = network(name, torch).eval(), torch.randn(batch, 4, px, px)
    torch.onnx.export(model, (images,), path, input_names=["images"], dynamo=False)


def peak_kib():
    """The peak of this process's memory."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def contest(peer, path, arguments):
    """The peer's side of the conversation."""
    name, px, batch, mode, precision, threads = arguments
    px, batch, threads = int(px), int(batch), int(threads)
    if peer == "onnx":
        step = onnx_step(path, px, batch, threads)
        import onnxruntime as framework
    else:
        import torch as framework

        framework.set_num_threads(threads)
        step = torch_step(name, px, batch, mode, precision)
    step()
    print(json.dumps({"version": framework.__version__}), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "peak_kib": peak_kib()}), flush=True)


class Contestant:
    """A process that is asked for steps."""

    def __init__(self, command, threads):
        # Settings of BLAS libraries are for the peer's own to choose.
        dropped = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        environment["OMP_NUM_THREADS"] = str(threads)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment
        )
        self.greeting = self.hear()
        self.seconds, self.peak_kib = [], 0

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args} ended with status {self.process.wait()}")
        return json.loads(line)

    def steps(self, count, keep=True):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        answer = self.hear()
        if keep:
            self.seconds += answer["seconds"]
        self.peak_kib = answer["peak_kib"]
        return answer["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Loader:
    """Training by hpa-train from Parquet, with augmentation; each turn is a run of one epoch."""

    HERE = os.path.dirname(os.path.abspath(__file__))
    STEPS = 18

    def __init__(self, programs, folder, batch, threads):
        self.programs, self.folder, self.batch = programs, folder, batch
        self.threads = ["--threads", str(threads), "--quiet"]
        self.greeting, self.seconds, self.peak_kib = {}, [], 0
        at = lambda name: os.path.join(folder, name)
        config = ["--config", os.path.join(self.HERE, "synth.toml")]
        self.run("synth", *config, "--out", at("raw"), *self.threads)
        csv = ["--csv", at("raw/train.csv")]
        pictures = ["--images", at("raw/train"), "--size", "128"]
        self.run("preprocess", *csv, *pictures, "--out", at("train.parquet"), *self.threads)
        self.run("labels", *csv, "--out", at("labels.parquet"))
        self.data = ["--images", at("train.parquet"), "--labels", at("labels.parquet")]
        folds = ["--folds", "10", "--seed", "1", "--out", at("folds.parquet")]
        self.run("split", *self.data, *folds, *self.threads)

    def run(self, program, *arguments):
        command = [os.path.join(self.programs, "hpa-" + program), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def steps(self, count, keep=True):
        out = os.path.join(self.folder, "model.safetensors")
        config = ["--config", os.path.join(self.HERE, "loader.toml"), "--json"]
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
        script = f"import run; run.export({network_name!r}, {px}, {batch}, {path!r})"
        where = os.path.dirname(os.path.abspath(__file__))
        subprocess.run([sys.executable, "-B", "-c", script], cwd=where, check=True)
    if peer == "memory":
        ours = Loader(arguments.programs, folder, batch, threads[0])
    else:
        ours = Contestant([arguments.ours, *work, str(threads[0])], threads[0])
    is_ours = peer in ("ours", "memory")
    rival = [arguments.ours] if is_ours else [sys.executable, __file__, "--peer", peer, path]
    return ours, Contestant([*rival, *work, str(threads[1])], threads[1])


def measure(name, row, arguments):
    """Both contestants' medians, and the lines of the row."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = contestants(row, arguments, folder)
        rounds(ours, theirs, start + arguments.budget)
    return report(name, row[2], row[5], ours, theirs)


def rounds(ours, theirs, deadline):
    """A B A B until the time is up; at least five rounds, the first thrown away."""
    count = 0
    while count < 6 or time.perf_counter() < deadline:
        for contestant in (ours, theirs):
            turn = Loader.STEPS if isinstance(ours, Loader) else 1
            contestant.steps(turn if count else 2, keep=count > 0)
        count += 1
    for contestant in (ours, theirs):
        contestant.close()


def report(name, batch, peer, ours, theirs):
    """The row of the table, and a line for people."""
    rate = lambda contestant: batch / statistics.median(contestant.seconds)
    # A turn through the loader is the median of an epoch.
    size = len(theirs.seconds) // len(ours.seconds)
    turns = [statistics.median(theirs.seconds[i : i + size]) for i in range(0, len(theirs.seconds), size)]
    pairs = [b / a for a, b in zip(ours.seconds, turns)]
    version = theirs.greeting.get("version")
    peer_name = {
        "torch": f"PyTorch {version} channels_last",
        "onnx": f"ONNX Runtime {version}",
        "ours": "one thread",
        "memory": "the same on data in memory",
    }[peer]
    quartiles = statistics.quantiles(pairs, n=4)
    print(
        f"{name:32} {rate(ours):8.1f} against {rate(theirs):8.1f} images/s: "
        f"{rate(ours) / rate(theirs):.2f} (pairs {quartiles[0]:.2f} to {quartiles[2]:.2f}, "
        f"{len(pairs)} rounds), peak {ours.peak_kib >> 10} against {theirs.peak_kib >> 10} MiB",
        file=sys.stderr,
        flush=True,
    )
    return {
        "name": name,
        "unit": "images/s",
        "ours": round(rate(ours), 2),
        "peer": round(rate(theirs), 2),
        "peer_name": peer_name,
        "ratio": round(rate(ours) / rate(theirs), 3),
    }


def write(rows, path):
    """Puts the new rows into the file, in the order of the table; the others stay."""
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
    """The processor and the threads, for the reader of the figures."""
    with open("/proc/cpuinfo") as info:
        model = next((l.split(":")[1].strip() for l in info if l.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} processors"


def main():
    if sys.argv[1:2] == ["--peer"]:
        return contest(sys.argv[2], sys.argv[3], sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, help="the program crates/libs/nn/examples/speed.rs")
    parser.add_argument("--out", required=True, help="where the rows go")
    parser.add_argument("--programs", default="target/release", help="the pipeline's programs")
    parser.add_argument("--rows", nargs="*", default=[], help="some rows only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds a row")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rows if name not in ROWS]
    if unknown:
        sys.exit(f"there are no rows {', '.join(unknown)}: expected some of {', '.join(ROWS)}")
    print(machine(), file=sys.stderr)
    for name in arguments.rows or ROWS:
        write([measure(name, ROWS[name], arguments)], arguments.out)


if __name__ == "__main__":
    main()

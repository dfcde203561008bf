"""Loss and gradients of residual networks as PyTorch sees them: writes resnet{18,34,50}.json beside.

    python3 -m venv VENV && VENV/bin/pip install torch numpy
    VENV/bin/python resnet.py

Weights, images and labels follow from a formula that both sides compute (SplitMix64 of a
tensor's number and an element's index), so no weights are stored. The reference is a float64
run. A gradient g is stored as 64 projections <s_k, g>, the signs s_k = +-1 being the bits of
a hash of the element's index: for any other gradient h the mean over k of <s_k, g - h>^2
estimates |g - h|^2 without bias, with a relative deviation of sqrt(2/64) = 18 % (9 % of the
norm). `torch_f32_error` is the exact relative L2 distance of PyTorch's own float32 gradient,
`torch_bf16_error` that of its bf16 autocast. A rectifier whose input is within rounding of zero
falls on either side, and the gradients below it jump: `torch_f32_rounding` is the distance of the
float32 gradient from a float64 run whose rectifiers and stem pool decide as the float32 run's did,
and `torch_f32_flips` counts how many of them float64 would have decided otherwise.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

PROJECTIONS = 64
BATCH, SIZE, LABELS = 4, 64, 28
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
IMAGES = 500
MASK = (1 << 64) - 1


def mix(z):
    """SplitMix64's finaliser over an array of uint64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bits(stream, count):
    """64 random bits for each of `count` elements of stream number `stream`."""
    start = (stream * 0x9E3779B97F4A7C15) & MASK
    index = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03)
    return mix(index + np.uint64(start))


def uniform(stream, shape, low, high):
    """Numbers in [low, high), rounded to float32, kept as float64."""
    unit = (bits(stream, math.prod(shape)) >> np.uint64(40)).astype(np.float64) / (1 << 24)
    return (low + (high - low) * unit).astype(np.float32).astype(np.float64).reshape(shape)


def blocks(depth):
    """Prefix, inputs, stride, convolutions (inputs, outputs, kernel, stride) of each block."""
    inputs = 64
    for layer, count in enumerate(DEPTHS[depth]):
        width = 64 << layer
        for block in range(count):
            stride = 2 if layer > 0 and block == 0 else 1
            if depth == 50:
                body = [(inputs, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
            else:
                body = [(inputs, width, 3, stride), (width, width, 3, 1)]
            yield f"layer{layer + 1}.{block}.", inputs, stride, body
            inputs = body[-1][1]


def names(depth):
    """Every parameter with its shape, under torchvision's names."""
    out = {"conv1.weight": (64, 4, 7, 7), "bn1.weight": (64,), "bn1.bias": (64,)}
    for prefix, inputs, stride, body in blocks(depth):
        for number, (source, width, kernel, _) in enumerate(body, start=1):
            out[f"{prefix}conv{number}.weight"] = (width, source, kernel, kernel)
            out[f"{prefix}bn{number}.weight"] = (width,)
            out[f"{prefix}bn{number}.bias"] = (width,)
        width = body[-1][1]
        if stride != 1 or inputs != width:
            out[f"{prefix}downsample.0.weight"] = (width, inputs, 1, 1)
            out[f"{prefix}downsample.1.weight"] = (width,)
            out[f"{prefix}downsample.1.bias"] = (width,)
    out["fc.weight"], out["fc.bias"] = (LABELS, 2048 if depth == 50 else 512), (LABELS,)
    return dict(sorted(out.items()))


def value(stream, name, shape):
    """The tensor of that name: convolutions with Kaiming's variance, the rest around 1 or 0."""
    if len(shape) == 4:
        bound = math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        return uniform(stream, shape, -bound, bound)
    if name == "fc.weight":
        return uniform(stream, shape, -0.1, 0.1)
    return uniform(stream, shape, 0.5, 1.5) if name.endswith("weight") else uniform(stream, shape, -0.2, 0.2)


class Net:
    """A residual network with batch norm in training mode, written out."""

    def __init__(self, depth, values, dtype, decisions=None):
        self.depth = depth
        # What the rectifiers and the pool did, or are to do.
        self.decisions, self.given = [], decisions
        self.p = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in values.items()}
        self.buffers = {}
        self.dtype = dtype

    def unit(self, x, conv, norm, stride, padding):
        y = F.conv2d(x, self.p[conv + ".weight"], stride=stride, padding=padding)
        mean, var = torch.zeros(y.shape[1], dtype=self.dtype), torch.ones(y.shape[1], dtype=self.dtype)
        y = F.batch_norm(y, mean, var, self.p[norm + ".weight"], self.p[norm + ".bias"], True, 0.1, 1e-5)
        self.buffers[norm + ".running_mean"], self.buffers[norm + ".running_var"] = mean, var
        return y

    def relu(self, x):
        self.decisions.append(x.detach() > 0)
        return F.relu(x) if self.given is None else x * self.given[len(self.decisions) - 1]

    def pool(self, x):
        y, winners = F.max_pool2d(x, 3, 2, 1, return_indices=True)
        self.decisions.append(winners)
        if self.given is None:
            return y
        winners = self.given[len(self.decisions) - 1]
        return x.flatten(2).gather(2, winners.flatten(2)).view(y.shape)

    def __call__(self, x):
        y = self.pool(self.relu(self.unit(x, "conv1", "bn1", 2, 3)))
        for p, inputs, stride, body in blocks(self.depth):
            is_fitted = stride != 1 or inputs != body[-1][1]
            short = self.unit(y, p + "downsample.0", p + "downsample.1", stride, 0) if is_fitted else y
            for number, (_, _, kernel, step) in enumerate(body, start=1):
                y = self.unit(y, f"{p}conv{number}", f"{p}bn{number}", step, kernel // 2)
                y = self.relu(y + short if number == len(body) else y)
        return F.linear(y.mean((2, 3)), self.p["fc.weight"], self.p["fc.bias"])


def run(depth, values, images, targets, dtype, autocast=False, decisions=None):
    net = Net(depth, values, dtype, decisions)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = net(torch.tensor(images, dtype=dtype)).to(dtype)
    loss = F.binary_cross_entropy_with_logits(logits, torch.tensor(targets, dtype=dtype), reduction="none")
    loss = loss.sum(1).mean()
    loss.backward()
    grads = {k: v.grad.double().numpy() for k, v in net.p.items()}
    return loss.item(), logits.detach().double().numpy(), grads, net


def sketch(gradient):
    flat = gradient.ravel()
    word = bits(1_000, flat.size)
    signs = lambda k: ((word >> np.uint64(k)) & np.uint64(1)).astype(np.float64) * 2 - 1
    return [float(f"{signs(k) @ flat:.9e}") for k in range(PROJECTIONS)]


def main(depth, stream):
    shapes = names(depth)
    values = {n: value(i, n, s) for i, (n, s) in enumerate(shapes.items())}
    images = uniform(stream, (BATCH, 4, SIZE, SIZE), -1.0, 3.0)
    targets = (uniform(501, (BATCH, LABELS), 0.0, 1.0) < 0.25).astype(np.float64)
    loss, logits, exact, net = run(depth, values, images, targets, torch.float64)
    _, _, single, rounding = run(depth, values, images, targets, torch.float32)
    _, _, half, _ = run(depth, values, images, targets, torch.float32, autocast=True)
    _, _, same, _ = run(depth, values, images, targets, torch.float64, decisions=rounding.decisions)
    flips = sum((a != b).sum().item() for a, b in zip(net.decisions, rounding.decisions))
    error = lambda one, other: np.linalg.norm(one - other) / np.linalg.norm(other)
    gradients = {}
    for name, grad in exact.items():
        gradients[name] = {
            "norm": np.linalg.norm(grad), "torch_f32_error": error(single[name], grad),
            "torch_f32_rounding": error(single[name], same[name]),
            "torch_bf16_error": error(half[name], grad), "projections": sketch(grad),
        }
    out = {
        "torch": torch.__version__, "images": stream, "torch_f32_flips": flips, "loss": loss, "logits": logits.ravel().tolist(),
        "buffers": {k: [v.sum().item(), v.abs().max().item()] for k, v in sorted(net.buffers.items())},
        "gradients": gradients,
    }
    path = pathlib.Path(__file__).with_name(f"resnet{depth}.json")
    path.write_text(json.dumps(out, indent=None, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    for kind in ("f32_error", "f32_rounding", "bf16_error"):
        worst = max(g[f"torch_{kind}"] for g in gradients.values())
        print(f"resnet{depth}: loss {loss:.6f}, {flips} flips, worst {kind} of PyTorch {worst:.2e}")


if __name__ == "__main__":
    chosen = [int(word) for word in sys.argv[1:]]
    if chosen:
        main(*chosen)
    else:
        for depth in DEPTHS:
            main(depth, IMAGES)

"""Weights, inputs and gradient projections shared by the scripts of the golden files.

Weights, images and labels follow from a formula that scripts and tests both compute (SplitMix64 of a
tensor's number and an element's index), so no weights are stored. The reference is a float64
run. A gradient g is stored as 64 projections <s_k, g>, the signs s_k = +-1 being the bits of
a hash of the element's index: for any other gradient h the mean over k of <s_k, g - h>^2
estimates |g - h|^2 without bias, with a relative deviation of sqrt(2/64) = 18 % (9 % of the
norm).
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

PROJECTIONS = 64
BATCH, SIZE, LABELS = 4, 64, 28
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


def initial(shapes):
    """Values of all parameters, numbered in the order of their names: convolutions with Kaiming's variance, the rest around 1 or 0."""
    return {name: value(stream, name, shape) for stream, (name, shape) in enumerate(shapes.items())}


def value(stream, name, shape):
    if len(shape) == 4:
        bound = math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        return uniform(stream, shape, -bound, bound)
    if name in ("fc.weight", "classifier.weight"):
        return uniform(stream, shape, -0.1, 0.1)
    return uniform(stream, shape, 0.5, 1.5) if name.endswith("weight") else uniform(stream, shape, -0.2, 0.2)


def images(stream):
    return uniform(stream, (BATCH, 4, SIZE, SIZE), -1.0, 3.0)


def targets():
    return (uniform(501, (BATCH, LABELS), 0.0, 1.0) < 0.25).astype(np.float64)


class Net:
    """Parameters and running statistics of a network with batch norm in training mode."""

    def __init__(self, values, dtype, eps):
        self.p = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in values.items()}
        self.buffers, self.dtype, self.eps = {}, dtype, eps

    def batch_norm(self, y, norm):
        mean, var = torch.zeros(y.shape[1], dtype=self.dtype), torch.ones(y.shape[1], dtype=self.dtype)
        y = F.batch_norm(y, mean, var, self.p[norm + ".weight"], self.p[norm + ".bias"], True, 0.1, self.eps)
        self.buffers[norm + ".running_mean"], self.buffers[norm + ".running_var"] = mean, var
        return y


def run(net, images, autocast=False):
    """Loss, logits and gradients of a network."""
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = net(torch.tensor(images, dtype=net.dtype)).to(net.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, torch.tensor(targets(), dtype=net.dtype), reduction="none")
    loss = loss.sum(1).mean()
    loss.backward()
    return loss.item(), logits.detach().double().numpy(), {k: v.grad.double().numpy() for k, v in net.p.items()}


def relative_error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def sketch(gradient):
    """The projections of a gradient."""
    flat = gradient.ravel()
    word = bits(1_000, flat.size)
    signs = lambda k: ((word >> np.uint64(k)) & np.uint64(1)).astype(np.float64) * 2 - 1
    return [float(f"{signs(k) @ flat:.9e}") for k in range(PROJECTIONS)]


def write(name, out):
    path = pathlib.Path(__file__).with_name(name)
    path.write_text(json.dumps(out, indent=None, separators=(",", ":")).replace('},"', '},\n"') + "\n")


def summary(net):
    """Sum and largest magnitude of each running statistic."""
    return {k: [v.sum().item(), v.abs().max().item()] for k, v in sorted(net.buffers.items())}

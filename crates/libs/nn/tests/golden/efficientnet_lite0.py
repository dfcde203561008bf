"""Loss and gradients of EfficientNet-Lite0 as PyTorch sees them: writes efficientnet_lite0.json beside this file.

    python3 -m venv VENV && VENV/bin/pip install torch numpy
    VENV/bin/python efficientnet_lite0.py

Weights, images and labels follow from a formula that both sides compute (SplitMix64 of a
tensor's number and an element's index), so no weights are stored. The reference is a float64
run. A gradient g is stored as 64 projections <s_k, g>, the signs s_k = +-1 being the bits of
a hash of the element's index: for any other gradient h the mean over k of <s_k, g - h>^2
estimates |g - h|^2 without bias, with a relative deviation of sqrt(2/64) = 18 % (9 % of the
norm). `torch_f32_error` is the exact relative L2 distance of PyTorch's own float32 gradient.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

PROJECTIONS = 64
BATCH, SIZE, LABELS = 4, 64, 28
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
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


def blocks():
    """Number of the stage and the block, inputs, outputs, kernel, stride and expansion of each block."""
    inputs = 32
    for stage, (repeats, kernel, first, expansion, outputs) in enumerate(STAGES):
        for index in range(repeats):
            yield f"blocks.{stage}.{index}.", inputs, outputs, kernel, first if index == 0 else 1, expansion
            inputs = outputs


def names():
    """Every parameter of EfficientNet-Lite0 with its shape, under timm's names."""
    out = {}

    def unit(conv, norm, shape):
        out[conv + ".weight"] = shape
        out[norm + ".weight"] = out[norm + ".bias"] = (shape[0],)

    unit("conv_stem", "bn1", (32, 4, 3, 3))
    for p, inputs, outputs, kernel, _, expansion in blocks():
        wide = inputs * expansion
        if expansion == 1:
            unit(p + "conv_dw", p + "bn1", (wide, 1, kernel, kernel))
            unit(p + "conv_pw", p + "bn2", (outputs, wide, 1, 1))
        else:
            unit(p + "conv_pw", p + "bn1", (wide, inputs, 1, 1))
            unit(p + "conv_dw", p + "bn2", (wide, 1, kernel, kernel))
            unit(p + "conv_pwl", p + "bn3", (outputs, wide, 1, 1))
    unit("conv_head", "bn2", (1280, 320, 1, 1))
    out["classifier.weight"], out["classifier.bias"] = (LABELS, 1280), (LABELS,)
    return dict(sorted(out.items()))


def value(stream, name, shape):
    """The tensor of that name: convolutions with Kaiming's variance, the rest around 1 or 0."""
    if len(shape) == 4:
        bound = math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        return uniform(stream, shape, -bound, bound)
    if name == "classifier.weight":
        return uniform(stream, shape, -0.1, 0.1)
    return uniform(stream, shape, 0.5, 1.5) if name.endswith("weight") else uniform(stream, shape, -0.2, 0.2)


class Net:
    """EfficientNet-Lite0 with batch norm in training mode and TensorFlow's padding, written out."""

    def __init__(self, values, dtype):
        self.p = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in values.items()}
        self.buffers = {}
        self.dtype = dtype

    def unit(self, x, conv, norm, stride=1):
        weight = self.p[conv + ".weight"]
        kernel, groups = weight.shape[2], x.shape[1] // weight.shape[1]
        pads = []
        for side in (x.shape[3], x.shape[2]):
            zeros = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [zeros // 2, zeros - zeros // 2]
        y = F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)
        mean, var = torch.zeros(y.shape[1], dtype=self.dtype), torch.ones(y.shape[1], dtype=self.dtype)
        y = F.batch_norm(y, mean, var, self.p[norm + ".weight"], self.p[norm + ".bias"], True, 0.1, 1e-3)
        self.buffers[norm + ".running_mean"], self.buffers[norm + ".running_var"] = mean, var
        return y

    def __call__(self, x):
        y = F.relu6(self.unit(x, "conv_stem", "bn1", 2))
        for p, inputs, outputs, _, stride, expansion in blocks():
            if expansion == 1:
                z = F.relu6(self.unit(y, p + "conv_dw", p + "bn1", stride))
                z = self.unit(z, p + "conv_pw", p + "bn2")
            else:
                z = F.relu6(self.unit(y, p + "conv_pw", p + "bn1"))
                z = F.relu6(self.unit(z, p + "conv_dw", p + "bn2", stride))
                z = self.unit(z, p + "conv_pwl", p + "bn3")
            y = z + y if stride == 1 and inputs == outputs else z
        y = F.relu6(self.unit(y, "conv_head", "bn2"))
        return F.linear(y.mean((2, 3)), self.p["classifier.weight"], self.p["classifier.bias"])


def run(values, images, targets, dtype):
    net = Net(values, dtype)
    logits = net(torch.tensor(images, dtype=dtype))
    loss = F.binary_cross_entropy_with_logits(logits, torch.tensor(targets, dtype=dtype), reduction="none")
    loss = loss.sum(1).mean()
    loss.backward()
    grads = {k: v.grad.double().numpy() for k, v in net.p.items()}
    return loss.item(), logits.detach().double().numpy(), grads, net.buffers


def sketch(gradient):
    flat = gradient.ravel()
    word = bits(1_000, flat.size)
    signs = lambda k: ((word >> np.uint64(k)) & np.uint64(1)).astype(np.float64) * 2 - 1
    return [float(f"{signs(k) @ flat:.9e}") for k in range(PROJECTIONS)]


def main():
    shapes = names()
    values = {n: value(i, n, s) for i, (n, s) in enumerate(shapes.items())}
    images = uniform(500, (BATCH, 4, SIZE, SIZE), -1.0, 3.0)
    targets = (uniform(501, (BATCH, LABELS), 0.0, 1.0) < 0.25).astype(np.float64)
    loss, logits, exact, buffers = run(values, images, targets, torch.float64)
    _, _, single, _ = run(values, images, targets, torch.float32)
    gradients = {}
    for name, grad in exact.items():
        error = np.linalg.norm(single[name] - grad) / np.linalg.norm(grad)
        gradients[name] = {"norm": np.linalg.norm(grad), "torch_f32_error": error, "projections": sketch(grad)}
    out = {
        "torch": torch.__version__, "loss": loss, "logits": logits.ravel().tolist(),
        "buffers": {k: [v.sum().item(), v.abs().max().item()] for k, v in sorted(buffers.items())},
        "gradients": gradients,
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(out, indent=None, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    worst = max(g["torch_f32_error"] for g in gradients.values())
    print(f"loss {loss:.6f}, worst float32 gradient error of PyTorch {worst:.2e}")


if __name__ == "__main__":
    main()

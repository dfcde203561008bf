"""Loss and gradients of residual networks in PyTorch: writes resnet{18,34,50}.json beside this file.

    python3 -m venv VENV && VENV/bin/pip install torch numpy
    VENV/bin/python resnet.py

`common.py` defines weights, inputs and projections. `torch_f32_error` is the exact relative L2
distance of PyTorch's own float32 gradient, `torch_bf16_error` that of its bf16 autocast. A ReLU
whose input is within rounding of zero falls on either side, and the gradients below it jump:
`torch_f32_rounding` is the distance of the float32 gradient from a float64 run with the ReLU masks
and max-pool indices of the float32 run, and `torch_f32_flips` counts how many of them float64 would
have decided otherwise.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

import common

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
IMAGES = 500


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
    out["fc.weight"], out["fc.bias"] = (common.LABELS, 2048 if depth == 50 else 512), (common.LABELS,)
    return dict(sorted(out.items()))


class Net(common.Net):
    """A residual network with batch norm in training mode, written out."""

    def __init__(self, depth, values, dtype, decisions=None):
        super().__init__(values, dtype, 1e-5)
        self.depth = depth
        # ReLU masks and max-pool indices of this run, and those to use instead.
        self.decisions, self.given = [], decisions

    def conv_bn(self, x, conv, norm, stride, padding):
        return self.batch_norm(F.conv2d(x, self.p[conv + ".weight"], stride=stride, padding=padding), norm)

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
        y = self.pool(self.relu(self.conv_bn(x, "conv1", "bn1", 2, 3)))
        for p, inputs, stride, body in blocks(self.depth):
            is_fitted = stride != 1 or inputs != body[-1][1]
            short = self.conv_bn(y, p + "downsample.0", p + "downsample.1", stride, 0) if is_fitted else y
            for number, (_, _, kernel, step) in enumerate(body, start=1):
                y = self.conv_bn(y, f"{p}conv{number}", f"{p}bn{number}", step, kernel // 2)
                y = self.relu(y + short if number == len(body) else y)
        return F.linear(y.mean((2, 3)), self.p["fc.weight"], self.p["fc.bias"])


def main(depth, stream):
    values, images = common.initial(names(depth)), common.images(stream)
    exact, single = Net(depth, values, torch.float64), Net(depth, values, torch.float32)
    loss, logits, gradients = common.run(exact, images)
    _, _, f32 = common.run(single, images)
    _, _, bf16 = common.run(Net(depth, values, torch.float32), images, autocast=True)
    _, _, same = common.run(Net(depth, values, torch.float64, single.decisions), images)
    flips = sum((a != b).sum().item() for a, b in zip(exact.decisions, single.decisions))
    stored = {}
    for name, grad in gradients.items():
        stored[name] = {
            "norm": np.linalg.norm(grad), "torch_f32_error": common.relative_error(f32[name], grad),
            "torch_f32_rounding": common.relative_error(f32[name], same[name]),
            "torch_bf16_error": common.relative_error(bf16[name], grad), "projections": common.sketch(grad),
        }
    common.write(f"resnet{depth}.json", {
        "torch": torch.__version__, "images": stream, "torch_f32_flips": flips, "loss": loss,
        "logits": logits.ravel().tolist(), "buffers": common.summary(exact), "gradients": stored,
    })
    for kind in ("f32_error", "f32_rounding", "bf16_error"):
        worst = max(g[f"torch_{kind}"] for g in stored.values())
        print(f"resnet{depth}: loss {loss:.6f}, {flips} flips, worst {kind} of PyTorch {worst:.2e}")


if __name__ == "__main__":
    chosen = [int(word) for word in sys.argv[1:]]
    if chosen:
        main(*chosen)
    else:
        for depth in DEPTHS:
            main(depth, IMAGES)

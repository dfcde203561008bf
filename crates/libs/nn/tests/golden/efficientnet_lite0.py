"""Loss and gradients of EfficientNet-Lite0 in PyTorch: writes efficientnet_lite0.json beside this file.

    python3 -m venv VENV && VENV/bin/pip install torch numpy
    VENV/bin/python efficientnet_lite0.py

`common.py` defines weights, inputs and projections. `torch_f32_error` is the exact relative L2
distance of PyTorch's own float32 gradient.
"""

import numpy as np
import torch
import torch.nn.functional as F

import common

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


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

    def conv_bn(conv, norm, shape):
        out[conv + ".weight"] = shape
        out[norm + ".weight"] = out[norm + ".bias"] = (shape[0],)

    conv_bn("conv_stem", "bn1", (32, 4, 3, 3))
    for p, inputs, outputs, kernel, _, expansion in blocks():
        wide = inputs * expansion
        if expansion == 1:
            conv_bn(p + "conv_dw", p + "bn1", (wide, 1, kernel, kernel))
            conv_bn(p + "conv_pw", p + "bn2", (outputs, wide, 1, 1))
        else:
            conv_bn(p + "conv_pw", p + "bn1", (wide, inputs, 1, 1))
            conv_bn(p + "conv_dw", p + "bn2", (wide, 1, kernel, kernel))
            conv_bn(p + "conv_pwl", p + "bn3", (outputs, wide, 1, 1))
    conv_bn("conv_head", "bn2", (1280, 320, 1, 1))
    out["classifier.weight"], out["classifier.bias"] = (common.LABELS, 1280), (common.LABELS,)
    return dict(sorted(out.items()))


class Net(common.Net):
    """EfficientNet-Lite0 with batch norm in training mode and TensorFlow's padding, written out."""

    def conv_bn(self, x, conv, norm, stride=1):
        weight = self.p[conv + ".weight"]
        kernel, groups = weight.shape[2], x.shape[1] // weight.shape[1]
        pads = []
        for side in (x.shape[3], x.shape[2]):
            zeros = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [zeros // 2, zeros - zeros // 2]
        y = F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)
        return self.batch_norm(y, norm)

    def __call__(self, x):
        y = F.relu6(self.conv_bn(x, "conv_stem", "bn1", 2))
        for p, inputs, outputs, _, stride, expansion in blocks():
            if expansion == 1:
                z = F.relu6(self.conv_bn(y, p + "conv_dw", p + "bn1", stride))
                z = self.conv_bn(z, p + "conv_pw", p + "bn2")
            else:
                z = F.relu6(self.conv_bn(y, p + "conv_pw", p + "bn1"))
                z = F.relu6(self.conv_bn(z, p + "conv_dw", p + "bn2", stride))
                z = self.conv_bn(z, p + "conv_pwl", p + "bn3")
            y = z + y if stride == 1 and inputs == outputs else z
        y = F.relu6(self.conv_bn(y, "conv_head", "bn2"))
        return F.linear(y.mean((2, 3)), self.p["classifier.weight"], self.p["classifier.bias"])


def main():
    values, images = common.initial(names()), common.images(500)
    exact = Net(values, torch.float64, 1e-3)
    loss, logits, gradients = common.run(exact, images)
    _, _, f32 = common.run(Net(values, torch.float32, 1e-3), images)
    stored = {}
    for name, grad in gradients.items():
        error = common.relative_error(f32[name], grad)
        stored[name] = {"norm": np.linalg.norm(grad), "torch_f32_error": error, "projections": common.sketch(grad)}
    common.write("efficientnet_lite0.json", {
        "torch": torch.__version__, "loss": loss, "logits": logits.ravel().tolist(),
        "buffers": common.summary(exact), "gradients": stored,
    })
    worst = max(g["torch_f32_error"] for g in stored.values())
    print(f"loss {loss:.6f}, worst float32 gradient error of PyTorch {worst:.2e}")


if __name__ == "__main__":
    main()

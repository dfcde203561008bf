"""Operations and their gradients as PyTorch computes them in float64: writes ops.json beside.

    python3 -m venv VENV && VENV/bin/pip install torch numpy
    VENV/bin/python ops.py

Activations are stored as NHWC, weights as PyTorch has them. `gradients` are those of
sum(dy * y), by the name of the input.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(3)


def numbers(*shape):
    """Random numbers that float32 holds exactly."""
    return torch.randn(*shape).double().requires_grad_()


def nhwc(tensor):
    tensor = tensor.detach()
    return (tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor).contiguous()


def store(tensor, is_weight=False):
    tensor = tensor.detach().contiguous() if is_weight else nhwc(tensor)
    return {"shape": list(tensor.shape), "values": [float(f"{v:.10e}") for v in tensor.flatten().tolist()]}


def case(op, settings, inputs, y, weights=()):
    dy = torch.randn(y.shape).double()
    (y * dy).sum().backward()
    return {
        "op": op, "settings": settings, "y": store(y), "dy": store(dy),
        "inputs": {k: store(v, k in weights) for k, v in inputs.items()},
        "gradients": {k: store(v.grad, k in weights) for k, v in inputs.items() if v.requires_grad},
    }


def conv(x, w, stride, padding, groups):
    x, w = numbers(*x), numbers(*w)
    y = F.conv2d(x, w, stride=stride, padding=padding, groups=groups)
    return case("conv2d", [stride, padding, groups], {"x": x, "w": w}, y, ("w",))


def batch_norm():
    x, gamma, beta, r = numbers(3, 6, 4, 5), numbers(6), numbers(6), numbers(3, 6, 4, 5)
    mean, var = torch.zeros(6).double(), torch.ones(6).double()
    y = F.relu(F.batch_norm(x, mean, var, gamma, beta, True, 0.1, 1e-5) + r)
    out = case("batch_norm", [], {"x": x, "gamma": gamma, "beta": beta, "residual": r}, y)
    return out | {"running_mean": store(mean), "running_var": store(var)}


def max_pool(kernel, stride, padding):
    x = numbers(2, 3, 7, 6)
    y = F.max_pool2d(x, kernel, stride, padding)
    return case("max_pool2d", [kernel, stride, padding], {"x": x}, y)


def linear():
    x, w, b = numbers(5, 7), numbers(4, 7), numbers(4)
    return case("linear", [], {"x": x, "w": w, "b": b}, F.linear(x, w, b), ("w",))


def main():
    cases = [
        conv((2, 4, 9, 11), (8, 4, 7, 7), 2, 3, 1),
        conv((2, 16, 6, 5), (16, 16, 3, 3), 1, 1, 1),
        conv((1, 5, 7, 8), (3, 5, 3, 3), 2, 1, 1),
        conv((2, 6, 5, 4), (7, 6, 1, 1), 1, 0, 1),
        conv((2, 6, 6, 5), (9, 2, 3, 3), 1, 1, 3),
        conv((2, 5, 7, 6), (5, 1, 3, 3), 2, 1, 5),
        batch_norm(),
        max_pool(3, 2, 1),
        max_pool(2, 2, 0),
        linear(),
    ]
    path = pathlib.Path(__file__).with_name("ops.json")
    text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":"))
    path.write_text(text.replace('{"op"', '\n{"op"') + "\n")


if __name__ == "__main__":
    main()

"""The operations that ops.py leaves out, and optimisers, as PyTorch computes them in float64:
writes rest.json beside.

    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 numpy==2.4.6
    VENV/bin/python rest.py

The cases are laid out as those of ops.py. An optimiser takes three steps with the gradients that
are stored, none of which depends on the parameters.
"""

import json
import pathlib
import platform

import numpy
import torch
import torch.nn.functional as F
from ops import case, numbers

STEPS = 3


def plain(tensor):
    return {"shape": list(tensor.shape), "values": [float(f"{v:.10e}") for v in tensor.tolist()]}


def average():
    x = numbers(2, 5, 6, 7)
    return case("global_average_pool", [], {"x": x}, x.mean((2, 3)))


def relu():
    """Every fifth input is 0, every seventh -0, where the slope is a matter of choice."""
    x = torch.randn(2, 3, 5, 4).double()
    x.view(-1)[::5] = 0.0
    x.view(-1)[::7] = -0.0
    x.requires_grad_()
    return case("relu", [], {"x": x}, F.relu(x))


def batch_norm(rectify):
    x, gamma, beta, r = numbers(3, 6, 4, 5), numbers(6), numbers(6), numbers(3, 6, 4, 5)
    mean, var = torch.randn(6).double(), (torch.rand(6) + 0.5).double()
    y = F.batch_norm(x, mean, var, gamma, beta, False, 0.1, 1e-5) + r
    inputs = {"x": x, "gamma": gamma, "beta": beta, "residual": r, "mean": mean, "variance": var}
    return case("batch_norm_eval", [int(rectify)], inputs, F.relu(y) if rectify else y)


def loss(gamma, is_mean):
    """Focal as torchvision's sigmoid_focal_loss without alpha; gamma 0 is plain cross-entropy."""
    x = (torch.randn(4, 6) * 4).double().requires_grad_()
    t = (torch.rand(4, 6) < 0.4).double()
    if gamma == 0:
        y = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    else:
        p = torch.sigmoid(x)
        right = p * t + (1 - p) * (1 - t)
        y = F.binary_cross_entropy_with_logits(x, t, reduction="none") * (1 - right) ** gamma
    y = y.mean() if is_mean else y.sum(1).mean()
    return case("loss", [gamma, int(is_mean)], {"x": x, "target": t}, y)


def optimiser(name, make):
    parameter = numbers(7)
    start = plain(parameter.detach().clone())
    steps, optimiser = [], make([parameter])
    for _ in range(STEPS):
        parameter.grad = torch.randn(7).double()
        gradient = plain(parameter.grad.clone())
        optimiser.step()
        steps.append({"gradient": gradient, "after": plain(parameter.detach().clone())})
    return {"name": name, "start": start, "steps": steps}


def main():
    torch.manual_seed(4)
    cases = [
        average(), relu(), batch_norm(False), batch_norm(True),
        loss(0, True), loss(0, False), loss(2, True), loss(2, False),
    ]
    sgd = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}
    optimisers = [
        optimiser("sgd", lambda p: torch.optim.SGD(p, **sgd)),
        optimiser("nesterov", lambda p: torch.optim.SGD(p, nesterov=True, **sgd)),
        optimiser("adamw", lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1)),
    ]
    versions = {
        "script": pathlib.Path(__file__).name, "torch": torch.__version__,
        "numpy": numpy.__version__, "python": platform.python_version(),
    }
    path = pathlib.Path(__file__).with_name("rest.json")
    text = json.dumps(versions | {"cases": cases, "optimisers": optimisers}, separators=(",", ":"))
    path.write_text(text.replace('{"op"', '\n{"op"').replace('{"name"', '\n{"name"') + "\n")


if __name__ == "__main__":
    main()

"""ResNet-18 of the quick pipeline in plain PyTorch: the peer of `make bench-quality`.

Same samples, fold, image size, epochs, batch size, loss, optimizer, schedule, augmentation and
initial distributions as pipelines/quick/models/resnet18.toml, whose keys are read from that file; an
unknown key is an error, so that the two cannot diverge unnoticed. What differs: the random numbers
and the order of floating-point sums.

Usage: train_torch.py --config MODEL.toml --images SHARD… --labels L --folds F --fold I --seed S
                      --out PROBABILITIES.npz [--threads N] [--epochs N]

An interrupted run resumes after its last complete epoch (OUT.state).
"""
import argparse
import math
import os
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn import functional as F

LABELS = 28
KNOWN = {"architecture", "epochs", "batch_size", "optimizer", "schedule", "max_learning_rate",
         "weight_decay", "loss", "gamma", "reduction", "d4", "rotate_degrees", "zoom", "lighting",
         "augment_probability", "checkpoint", "seed"}


def config(path):
    with open(path, "rb") as file:
        keys = tomllib.load(file)
    unknown = set(keys) - KNOWN
    fixed = {"architecture": "resnet18", "optimizer": "adamw", "schedule": "one-cycle",
             "loss": "focal", "reduction": "sum", "rotate_degrees": 0.0, "zoom": 1.0,
             "checkpoint": "last"}
    wrong = [f"{k} = {keys.get(k)!r}, expected {v!r}" for k, v in fixed.items() if keys.get(k) != v]
    if unknown or wrong:
        raise SystemExit(f"{path} differs from what this script implements: {sorted(unknown)} {wrong}")
    return keys


def read(args):
    rows, side = {}, None
    for path in args.images:
        table = pq.read_table(path, columns=["id", "image"])
        for name, image in zip(table["id"].to_pylist(), table["image"].to_pylist()):
            side = side or math.isqrt(len(image) // 4)
            rows[name] = np.frombuffer(image, np.uint8).reshape(4, side, side)
    labels = {r["id"]: r["labels"] for r in pq.read_table(args.labels).to_pylist()}
    folds = pq.read_table(args.folds).to_pylist()
    parts = []
    for held_out in (False, True):
        ids = [r["id"] for r in folds if (r["fold"] == args.fold) == held_out]
        target = np.zeros((len(ids), LABELS), np.float32)
        for row, name in enumerate(ids):
            target[row, labels[name]] = 1
        parts.append((ids, np.stack([rows[name] for name in ids]), target))
    return parts


class Block(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        conv = lambda i, o, k, s: nn.Conv2d(i, o, k, s, k // 2, bias=False)
        self.conv1, self.bn1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, 1), nn.BatchNorm2d(width)
        self.down = nn.Sequential()
        if stride != 1 or inputs != width:
            self.down = nn.Sequential(conv(inputs, width, 1, stride), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.down(x))


def resnet18():
    blocks, inputs = [], 64
    for layer, width in enumerate((64, 128, 256, 512)):
        blocks += [Block(inputs, width, 2 if layer else 1), Block(width, width, 1)]
        inputs = width
    net = nn.Sequential(nn.Conv2d(4, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                        nn.MaxPool2d(3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                        nn.Linear(512, LABELS))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def focal(x, t, gamma):
    bce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    return (torch.exp(gamma * F.logsigmoid(-x * (2 * t - 1))) * bce).sum(1).mean()


def augment(images, keys, rng):
    """Pixels in [0, 1]; fastai 1.0's lighting and the eight symmetries of the square."""
    m, p, out = keys["lighting"], keys["augment_probability"], []
    for image in images:
        if keys["d4"]:
            image = torch.rot90(image, int(rng.integers(4)), (1, 2))
            image = image.flip(2) if rng.random() < 0.5 else image
        bright = rng.uniform(0.5 * (1 - m), 0.5 * (1 + m)) if rng.random() < p else 0.5
        contrast = rng.uniform(1 - m, 1 / (1 - m)) if rng.random() < p else 1.0
        if m > 0 and (bright, contrast) != (0.5, 1.0):
            logit = torch.logit(image.clamp(1e-7, 1 - 1e-7)) + math.log(bright / (1 - bright))
            image = torch.sigmoid(logit * contrast)
        out.append(image)
    return torch.stack(out)


def run(args):
    keys = config(args.config)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(args.seed)
    (_, train, targets), (ids, valid, truth) = read(args)
    train, valid = (torch.from_numpy(a).float() / 255 for a in (train, valid))
    targets = torch.from_numpy(targets)
    mean = train.mean((0, 2, 3)).view(1, 4, 1, 1)
    std = train.std((0, 2, 3), unbiased=False).view(1, 4, 1, 1)
    net = resnet18().to(memory_format=torch.channels_last)
    decay = [p for p in net.parameters() if p.ndim > 1]
    spared = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": keys["weight_decay"]},
                                   {"params": spared, "weight_decay": 0.0}],
                                  lr=keys["max_learning_rate"])
    number = -(-len(train) // keys["batch_size"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, keys["max_learning_rate"], total_steps=keys["epochs"] * number, div_factor=25,
        final_div_factor=10_000, base_momentum=0.85, max_momentum=0.95)
    state, first = Path(f"{args.out}.state"), 0
    if state.exists():
        saved = torch.load(state, weights_only=False)
        first, rng.bit_generator.state = saved["epochs"], saved["rng"]
        for part, name in ((net, "net"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(saved[name])
    for epoch in range(first, keys["epochs"]):
        if args.epochs and epoch - first == args.epochs:
            raise SystemExit(3)
        net.train()
        order, total = rng.permutation(len(train)), 0.0
        for batch in np.array_split(order, number):
            images = (augment(train[batch], keys, rng) - mean) / std
            images = images.contiguous(memory_format=torch.channels_last)
            loss = focal(net(images), targets[batch], keys["gamma"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}: loss {total / len(train):.4f}", flush=True)
        saved = {"net": net.state_dict(), "optimizer": optimizer.state_dict(),
                 "schedule": schedule.state_dict(), "rng": rng.bit_generator.state}
        torch.save({"epochs": epoch + 1, **saved}, f"{state}.partial")
        os.replace(f"{state}.partial", state)
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net((part - mean) / std) for part in valid.split(64)])
    with open(args.out, "wb") as file:
        np.savez(file, ids=np.array(ids), probability=torch.sigmoid(logits).numpy(), truth=truth)
    state.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--config", "--labels", "--folds", "--out"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--images", nargs="+", required=True)
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=0, help="stop after this many, with exit status 3")
    run(parser.parse_args())

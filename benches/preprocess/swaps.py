"""How often swapped red and yellow channels are seen, and others warned of without cause.

    python swaps.py SAMPLES        (Kaggle's layout; NumPy and OpenCV of requirements.txt)

The rule is that of hpa-statistics (crates/stages/preprocess/src/statistics.rs): another order of
the channels is warned of when the correlations' difference to the training part falls to 93
hundredths or less. Parts are drawn from the samples, 35 others for training; not independent
draws, since all are from the same few dozen. Other light is that of each channel changed at random:
a power, a factor, background and noise, then clipped to 8 bits.
"""

import csv
import itertools
import pathlib
import sys

import cv2
import numpy as np

CHANNELS = ["red", "green", "blue", "yellow"]
PAIRS = list(itertools.combinations(range(4), 2))
ORDERS = [list(order) for order in itertools.permutations(range(4))]
BETTER, NEGLIGIBLE, TRAINING, SIDE = 0.93, 0.05, 35, 128


def pictures(samples):
    for table, part in [("train.csv", "train"), ("test_labels.csv", "test")]:
        with open(samples / table, newline="") as rows:
            for row in csv.DictReader(rows):
                files = [str(samples / part / f"{row['Id']}_{channel}.png") for channel in CHANNELS]
                yield [cv2.resize(cv2.imread(file, 0), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for file in files]


def correlations(images):
    return np.corrcoef(images.transpose(1, 0, 2, 3).reshape(4, -1))


def warned(training, part):
    costs = [sum(abs(part[a, b] - training[order[a], order[b]]) for a, b in PAIRS) for order in ORDERS]
    return costs[0] >= NEGLIGIBLE and min(costs) <= BETTER * costs[0]


def other_light(images, rng):
    changed = np.empty_like(images)
    for channel in range(4):
        power, factor = np.exp(rng.uniform(-0.5, 0.5)), np.exp(rng.uniform(-0.7, 0.7))
        light = factor * (images[:, channel] / 255) ** power + rng.uniform(0, 0.03)
        noise = rng.normal(0, 0.01, light.shape)
        changed[:, channel] = np.clip(np.round(255 * (light + noise)), 0, 255)
    return changed


def main():
    images = np.array(list(pictures(pathlib.Path(sys.argv[1]))), np.float64)
    rng = np.random.default_rng(5)
    swap = [3, 1, 2, 0]
    draws = 600
    for light in ("same", "other"):
        for size in (25, 12, 8):
            seen = without_cause = 0
            for _ in range(draws):
                order = rng.permutation(len(images))
                part, training = images[order[:size]], images[order[size:size + TRAINING]]
                part = correlations(other_light(part, rng) if light == "other" else part)
                training = correlations(training)
                seen += warned(training, part[np.ix_(swap, swap)])
                without_cause += warned(training, part)
            print(f"{light} light, {size} samples, {draws} draws: red and yellow seen {seen / draws:.1%}, "
                  f"warned without cause {without_cause / draws:.2%}", flush=True)


if __name__ == "__main__":
    main()

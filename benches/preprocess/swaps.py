"""Detection and false-alarm rates of the check for swapped channels.

    python swaps.py SAMPLES        (Kaggle's layout; NumPy and OpenCV of requirements.txt)

The rule is that of hpa-statistics (crates/stages/statistics/src/compare.rs): a permutation of the
channels is reported if it reduces the distance of the correlations to the training part's to 93 %
or less. Parts are drawn from the samples, 35 others are the training part; the draws are not
independent, because all are from the same few dozen samples. "other" brightness changes each channel
at random: a power, a factor, background and noise, clipped to 8 bits.
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
SWAP_RATIO, MIN_DISTANCE, TRAINING, SIDE = 0.93, 0.05, 35, 128


def read_images(samples):
    for table, part in [("train.csv", "train"), ("test_labels.csv", "test")]:
        with open(samples / table, newline="") as rows:
            for row in csv.DictReader(rows):
                files = [str(samples / part / f"{row['Id']}_{channel}.png") for channel in CHANNELS]
                yield [cv2.resize(cv2.imread(file, 0), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for file in files]


def correlations(images):
    return np.corrcoef(images.transpose(1, 0, 2, 3).reshape(4, -1))


def is_reported(training, part):
    distances = [sum(abs(part[a, b] - training[order[a], order[b]]) for a, b in PAIRS) for order in ORDERS]
    return distances[0] >= MIN_DISTANCE and min(distances) <= SWAP_RATIO * distances[0]


def change_brightness(images, rng):
    changed = np.empty_like(images)
    for channel in range(4):
        power, factor = np.exp(rng.uniform(-0.5, 0.5)), np.exp(rng.uniform(-0.7, 0.7))
        levels = factor * (images[:, channel] / 255) ** power + rng.uniform(0, 0.03)
        noise = rng.normal(0, 0.01, levels.shape)
        changed[:, channel] = np.clip(np.round(255 * (levels + noise)), 0, 255)
    return changed


def main():
    images = np.array(list(read_images(pathlib.Path(sys.argv[1]))), np.float64)
    rng = np.random.default_rng(5)
    swap = [3, 1, 2, 0]
    draws = 600
    for brightness in ("same", "other"):
        for size in (25, 12, 8):
            detected = false_alarms = 0
            for _ in range(draws):
                order = rng.permutation(len(images))
                part, training = images[order[:size]], images[order[size:size + TRAINING]]
                part = correlations(change_brightness(part, rng) if brightness == "other" else part)
                training = correlations(training)
                detected += is_reported(training, part[np.ix_(swap, swap)])
                false_alarms += is_reported(training, part)
            print(f"{brightness} brightness, {size} samples, {draws} draws: red and yellow detected "
                  f"{detected / draws:.1%}, false alarms {false_alarms / draws:.2%}", flush=True)


if __name__ == "__main__":
    main()

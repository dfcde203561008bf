"""Peer of hpa-split: iterative-stratification. Prints seconds and largest deviation as JSON.

    python split_peer.py TABLE.csv FOLDS

The deviation is defined as in hpa-split: the largest difference, over labels and folds, between
a label count and an equal share.
"""

import csv
import json
import sys
import time

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

with open(sys.argv[1], newline="") as rows:
    targets = [[int(label) for label in row["Target"].split()] for row in csv.DictReader(rows)]
labels = np.zeros((len(targets), 28), int)
for row, target in enumerate(targets):
    labels[row, target] = 1
folds = int(sys.argv[2])
start = time.perf_counter()
splitter = MultilabelStratifiedKFold(n_splits=folds, shuffle=True, random_state=1)
parts = [held for _, held in splitter.split(np.zeros(len(labels)), labels)]
seconds = time.perf_counter() - start
counts = np.stack([labels[held].sum(0) for held in parts])
deviation = float(np.abs(counts - counts.sum(0) / folds).max())
print(json.dumps({"seconds": seconds, "deviation": deviation, "rarest": counts[:, 27].tolist()}))

"""Writes scikit_learn.txt: what scikit-learn says of small random matrices.

Run with scikit-learn 1.x: python scikit_learn.py > scikit_learn.txt
Each case is four lines: its shape, the truth, the scores in 64ths (so ties are common; the
decision is score > 0.5), and the expected numbers in the order of the header.
"""

import sys
import warnings

import numpy as np
import sklearn
from sklearn.metrics import fbeta_score, roc_auc_score

warnings.simplefilter("ignore")
print(f"# scikit-learn {sklearn.__version__}, numpy {np.__version__}, python {sys.version.split()[0]};"
      " made by scikit_learn.py")
print("# macro, micro, samples x beta 1, 2, 0.5 (zero_division=0); then ROC AUC of each label, nan where undefined")
rng = np.random.default_rng(20240607)
for n, labels, share in [(1, 1, 0.5), (2, 3, 0.0), (5, 2, 1.0), (17, 4, 0.3), (60, 28, 0.06), (200, 5, 0.4)]:
    truth = rng.random((n, labels)) < share
    scores = np.clip(np.round(64 * (rng.random((n, labels)) * 0.8 + 0.2 * truth)), 0, 64) / 64
    decided = scores > 0.5
    if labels > 2:
        decided[:, 1] = False  # a label that is never predicted
        scores[:, 1] = np.minimum(scores[:, 1], 0.5)
    values = [
        fbeta_score(truth, decided, beta=beta, average=average, zero_division=0) if labels > 1
        else fbeta_score(truth, decided, beta=beta, average="binary", zero_division=0)
        for average in ("macro", "micro", "samples") for beta in (1, 2, 0.5)
    ]
    for label in range(labels):
        both = 0 < truth[:, label].sum() < n
        values.append(roc_auc_score(truth[:, label], scores[:, label]) if both else float("nan"))
    print(n, labels)
    print(" ".join(str(int(x)) for x in truth.ravel()))
    print(" ".join(str(int(64 * x)) for x in scores.ravel()))
    print(" ".join(repr(float(x)) for x in values))

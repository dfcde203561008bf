"""What hpa-threshold is measured against, each in a process of its own that times itself.

    python peers.py METHOD PREDICTIONS.parquet LABELS.parquet [SEED]

prints one JSON object {"seconds", "score", ...}. Seconds hold reading both files and the search;
starting Python and importing packages are left out, in the peer's favour. METHOD:

sweep        macro F1, the usual vectorised optimum: one argsort and two cumulative sums a label
macro-f1     SciPy's recipe of the talk: L-BFGS-B (finite differences of 0.05) inside basin hopping
samples-f2   (10 hops of 0.1 from 0.2, hops out of the box refused), after mratsim's Amazon code.
             F is written in NumPy; mratsim's own call of scikit-learn's fbeta_score takes
             fifteen times as long (`evaluation` measures both).
evaluation   milliseconds of one evaluation of F, by NumPy and by scikit-learn
"""
import json
import sys
import time
import warnings

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import basinhopping
from sklearn.metrics import fbeta_score

warnings.simplefilter("ignore")


def read(predictions, labels):
    """Scores, float32, and truth, both samples x labels."""
    column = pq.read_table(predictions, columns=["probability"])["probability"].combine_chunks()
    width = column.type.list_size
    scores = np.asarray(column.values, dtype=np.float32).reshape(-1, width)
    lists = pq.read_table(labels, columns=["labels"])["labels"].combine_chunks()
    offsets, values = np.asarray(lists.offsets), np.asarray(lists.values)
    truth = np.zeros(scores.shape, bool)
    truth[np.repeat(np.arange(len(scores)), np.diff(offsets)), values] = True
    return scores, truth


def macro_f1(scores, truth):
    positives = truth.sum(0)

    def f(thresholds):
        decided = scores > thresholds
        both = positives + decided.sum(0)
        return np.mean(2 * (decided & truth).sum(0) / np.maximum(both, 1))

    return f


def samples_f2(scores, truth):
    positives = truth.sum(1)

    def f(thresholds):
        decided = scores > thresholds
        below = 4 * positives + decided.sum(1)
        return np.mean(5 * (decided & truth).sum(1) / np.maximum(below, 1))

    return f


def sweep(scores, truth):
    """The best threshold of each label; the midpoint of two scores."""
    n, width = scores.shape
    thresholds, best = np.ones(width), np.zeros(width)
    for label in range(width):
        order = np.argsort(-scores[:, label])
        ranked = scores[order, label]
        hits = np.cumsum(truth[order, label])
        f = 2 * hits / (np.arange(1, n + 1) + max(hits[-1], 1))
        f[:-1][ranked[1:] == ranked[:-1]] = 0  # equal scores go together
        top = np.argmax(f)
        after = ranked[top + 1] if top + 1 < n else 0
        thresholds[label], best[label] = (float(ranked[top]) + float(after)) / 2, f[top]
    return thresholds, best


class Inside:
    """Refuses hops out of the box, as the recipe does."""

    def __call__(self, x_new, **_):
        return bool(np.all((x_new >= 0) & (x_new <= 1)))


def recipe(f, width, seed):
    bounds = [(0.0, 1.0)] * width
    local = {"method": "L-BFGS-B", "bounds": bounds, "options": {"eps": 0.05}}
    found = basinhopping(
        lambda x: -f(x), np.full(width, 0.2), niter=10, stepsize=0.1,
        minimizer_kwargs=local, accept_test=Inside(), rng=seed,
    )
    return found.x, -found.fun, int(found.nfev)


def evaluation(scores, truth):
    small = truth.astype(np.uint8)
    at = np.full(scores.shape[1], 0.2)

    def milliseconds(call, times):
        call()
        began = time.perf_counter()
        for _ in range(times):
            call()
        return 1e3 * (time.perf_counter() - began) / times

    learn = {
        average: lambda average=average, beta=beta: fbeta_score(
            small, scores > at, beta=beta, average=average, zero_division=0)
        for average, beta in (("macro", 1), ("samples", 2))
    }
    macro, samples = macro_f1(scores, truth), samples_f2(scores, truth)
    return {
        "macro-f1": [milliseconds(lambda: macro(at), 20), milliseconds(learn["macro"], 5)],
        "samples-f2": [milliseconds(lambda: samples(at), 20), milliseconds(learn["samples"], 5)],
    }


def main():
    method, predictions, labels, *rest = sys.argv[1:]
    began = time.perf_counter()
    scores, truth = read(predictions, labels)
    if method == "evaluation":
        answer = evaluation(scores, truth)
    elif method == "sweep":
        thresholds, best = sweep(scores, truth)
        answer = {"score": best.mean(), "thresholds": thresholds.tolist()}
    else:
        f = {"macro-f1": macro_f1, "samples-f2": samples_f2}[method](scores, truth)
        thresholds, score, evaluations = recipe(f, scores.shape[1], int(rest[0]))
        answer = {"score": float(score), "evaluations": evaluations}
    answer["seconds"] = time.perf_counter() - began
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

"""The rows of the bench, each for itself."""
import statistics

import numpy as np

from data import Desk, foreign_predictions, label_table, simulate
from peers import macro_f1, read

SEEDS = range(10)


def desk(bench):
    return Desk(bench.folder, bench.programs, bench.shared)


def table(bench):
    return label_table(bench.shared / "data/kaggle-tables/train.csv")


# Both sides take tens of milliseconds, which a virtual machine stretches by half now and then.
EXACT_PAIRS = 31


def exact(bench):
    """`exact` on 31,072 x 28 against the sort sweep in NumPy, and against brute force."""
    ids, truth = table(bench)
    labels, [predictions] = desk(bench).simulated(truth, ids, [0])
    ours, theirs = [], []
    for _ in range(EXACT_PAIRS):
        mine = bench.threshold(predictions, labels, "--method", "exact")
        peer = bench.peer("sweep", predictions, labels)
        ours.append(mine["wall"])
        theirs.append(peer["seconds"])
    bench.must(abs(mine["fitted"] - peer["score"]) < 1e-12, "exact equals the sort sweep")
    scores, truth = read(predictions, labels)
    brute = brute_force(scores, truth)
    bench.must(abs(mine["fitted"] - brute) < 1e-12, f"exact equals brute force, {brute:.9f}")
    bench.pair("threshold-exact-31k", statistics.median(ours), statistics.median(theirs), "NumPy sort sweep")


def brute_force(scores, truth):
    """Macro F1 of the best threshold below each score of a positive: between two of them F falls."""
    best = np.zeros(truth.shape[1])
    for label in range(truth.shape[1]):
        column, there = scores[:, label], truth[:, label]
        inside = np.ascontiguousarray(column[there])
        for lowest in np.unique(inside):
            hits = np.count_nonzero(inside >= lowest)
            f = 2 * hits / (there.sum() + np.count_nonzero(column >= lowest))
            best[label] = max(best[label], f)
    return best.mean()


def gaps(bench, name, predictions, labels, seeds):
    """Asserts that the search comes near the optimum with each seed."""
    after, before = [], []
    for seed, file in zip(seeds, predictions):
        found = bench.threshold(file, labels, "--method", "basinhopping", "--seed", str(seed))
        after.append(found["exact"] - found["fitted"])
        before.append(found["exact"] - found["before_polish"])
    claim = f"{name}: {max(after):.6f} below the optimum at worst of {len(after)} seeds, {max(before):.6f} before the polish"
    bench.must(max(after) < 5e-4 and max(before) < 3e-3, claim)


def basinhopping(bench):
    """`basinhopping` on macro F1: time and score against SciPy's recipe."""
    ids, truth = table(bench)
    labels, [predictions] = desk(bench).simulated(truth, ids, [0])
    against_scipy(bench, "threshold-basinhopping-31k", "macro-f1", labels, predictions)


def basinhopping_gaps(bench):
    """`basinhopping` on macro F1: the gap to the optimum with ten seeds on all data."""
    place = desk(bench)
    ids, truth = table(bench)
    labels, predictions = place.simulated(truth, ids, SEEDS)
    gaps(bench, "simulated", predictions, labels, SEEDS)
    yeast_labels, yeast = place.yeast()
    gaps(bench, "yeast", [yeast] * len(SEEDS), yeast_labels, SEEDS)
    for name, known, file in place.networks():
        gaps(bench, name, [file] * len(SEEDS), known, SEEDS)


def against_scipy(bench, name, metric, labels, predictions):
    """Time and score of one seed; ours before and after SciPy's minute."""
    flags = ["--method", "basinhopping", "--metric", metric]
    runs = [bench.threshold(predictions, labels, *flags) for _ in range(3)]
    peer = bench.peer(metric, predictions, labels)
    runs += [bench.threshold(predictions, labels, *flags) for _ in range(3)]
    wall = statistics.median(run["wall"] for run in runs)
    bench.pair(name, wall, peer["seconds"], "SciPy basinhopping, L-BFGS-B, F in NumPy")
    bench.pair(f"{name}-score", runs[0]["fitted"], peer["score"], "SciPy basinhopping", metric)
    bench.fact(f"SciPy measured F {peer['evaluations']} times, hpa-threshold {runs[0]['evaluations']} times")
    costs = bench.peer("evaluation", predictions, labels)[metric]
    bench.fact(f"one F takes NumPy {costs[0]:.2f} ms and scikit-learn, mratsim's own choice, {costs[1]:.1f} ms")


def samples_f2(bench):
    """`basinhopping` on mratsim's task: time and score against SciPy's recipe."""
    ids, truth = table(bench)
    labels, [predictions] = desk(bench).simulated(truth, ids, [0])
    against_scipy(bench, "threshold-samples-f2-31k", "samples-f2", labels, predictions)


def samples_f2_seeds(bench):
    """mratsim's task with ten seeds on yeast and on every tenth row, where SciPy finishes."""
    place = desk(bench)
    ids, truth = table(bench)
    yeast_labels, yeast = place.yeast()
    never_below(bench, "yeast", yeast_labels, [yeast] * len(SEEDS))
    tenth, files = place.simulated(truth[::10], ids[::10], SEEDS, "tenth")
    never_below(bench, "every tenth row", tenth, files)


def never_below(bench, name, labels, predictions):
    margins, seconds = [], []
    for seed, file in zip(SEEDS, predictions):
        flags = ["--method", "basinhopping", "--metric", "samples-f2", "--seed", str(seed)]
        mine, peer = bench.threshold(file, labels, *flags), bench.peer("samples-f2", file, labels, seed)
        margins.append(mine["fitted"] - peer["score"])
        seconds.append(peer["seconds"] / mine["wall"])
    claim = f"{name}: samples F2 {min(margins):+.6f} to {max(margins):+.6f} against SciPy's on {len(margins)} seeds"
    bench.must(min(margins) >= 0, claim)
    bench.fact(f"{name}: {statistics.median(seconds):.0f} times as fast")


def memory(bench):
    """A million rows: memory, and the time of a row against that at 31,072."""
    ids, truth = table(bench)
    place = desk(bench)
    labels, [predictions] = place.simulated(truth, ids, [0])
    drawn = np.random.default_rng(1).integers(len(truth), size=1_000_000)
    many_ids = [f"s{number}" for number in range(len(drawn))]
    many_labels, [many] = place.simulated(truth[drawn], many_ids, [0], "million")
    for method, metric, threads in MEMORY:
        flags = ["--method", method, "--metric", metric, "--threads", str(threads)]
        small = [bench.threshold(predictions, labels, *flags) for _ in range(7)]
        large = [bench.threshold(many, many_labels, *flags) for _ in range(3)]
        each = [statistics.median(run["wall"] for run in runs) for runs in (small, large)]
        per_row = (each[1] / len(drawn)) / (each[0] / len(truth))
        peak = max(run["peak"] for run in large)
        claim = f"{method}, {metric}, {threads} threads on 1,000,000 x 28: {peak / 1e9:.2f} GB, {each[1]:.2f} s, a row {per_row:.2f} times that of 31,072"
        bench.must(peak < 1.5e9 and per_row <= 2, claim)


# Macro F searches a label a thread, so more threads than cores show what a large machine needs.
MEMORY = [
    ("exact", "macro-f1", 2),
    ("exact", "macro-f1", 32),
    ("basinhopping", "macro-f1", 2),
    ("basinhopping", "macro-f1", 32),
    ("basinhopping", "micro-f1", 2),
    ("basinhopping", "samples-f2", 1),
    ("basinhopping", "samples-f2", 2),
]


def crossfit(bench):
    """The held-out score against fresh data, on 20 simulated data sets."""
    ids, truth = table(bench)
    labels, _ = desk(bench).simulated(truth, ids, [])
    file = bench.folder / "folds.parquet"
    folds = np.arange(len(truth)) % 5
    fitted, held_out = [], []
    for seed in range(20):
        foreign_predictions(file, ids, folds, simulate(truth, seed))
        found = bench.threshold(file, labels, "--method", "exact")
        thresholds = np.array([label["threshold"] for label in found["labels"]])
        fresh = macro_f1(simulate(truth, 1000 + seed), truth)(thresholds)
        fitted.append(found["fitted"] - fresh)
        held_out.append(found["held_out"] - fresh)
    means = np.mean(held_out), np.mean(fitted)
    claim = f"against fresh data the held-out score is off by {means[0]:+.5f}, the fitted one by {means[1]:+.5f} (means of 20)"
    bench.must(abs(means[0]) < 0.003 and means[1] > 0.01, claim)


ALL = {
    "exact": exact,
    "basinhopping": basinhopping,
    "basinhopping-gaps": basinhopping_gaps,
    "samples-f2": samples_f2,
    "samples-f2-seeds": samples_f2_seeds,
    "memory": memory,
    "crossfit": crossfit,
}

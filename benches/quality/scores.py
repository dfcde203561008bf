"""Scores of runs on the held-out fold, and the tables of docs/quality.md.

Usage: scores.py bench   FOLDER LABELS FOLDS FOLD DOCUMENT   compare ours-*.parquet with torch-*.npz
       scores.py ablation FOLDER LABELS FOLDS FOLD DOCUMENT  one row per NAME in NAME-S.parquet

Metrics, by scikit-learn: macro F1 over all labels at threshold 0.5 (a label without positives or
predictions counts 0), macro F1 at each label's own best threshold (chosen on the same samples, so
optimistic, equally for all), mean AUC over the labels with at least three positives.
"""
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy import stats
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score

METRICS = ["macro F1 at 0.5", "macro F1, best thresholds", "mean AUC"]


def truth_of(labels, folds, fold):
    ids = [r["id"] for r in pq.read_table(folds).to_pylist() if r["fold"] == fold]
    held = {r["id"]: r["labels"] for r in pq.read_table(labels).to_pylist()}
    truth = np.zeros((len(ids), 28), int)
    for row, name in enumerate(ids):
        truth[row, held[name]] = 1
    return ids, truth


def best_f1(truth, probability):
    precision, recall, _ = precision_recall_curve(truth, probability)
    total = precision + recall
    return float(np.max(np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)))


def scores(path, ids, truth):
    if path.suffix == ".npz":
        file = np.load(path)
        names, values = file["ids"].tolist(), file["probability"]
    else:
        table = pq.read_table(path)
        names, values = table["id"].to_pylist(), np.array(table["probability"].to_pylist())
    place = {name: row for row, name in enumerate(names)}
    p = values[[place[name] for name in ids]].astype(float)
    enough = [k for k in range(28) if truth[:, k].sum() >= 3]
    return [f1_score(truth, p > 0.5, average="macro", zero_division=0),
            float(np.mean([best_f1(truth[:, k], p[:, k]) if truth[:, k].any() else 0.0 for k in range(28)])),
            float(np.mean([roc_auc_score(truth[:, k], p[:, k]) for k in enough]))]


def spread(values):
    values = np.array(values)
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}" if len(values) > 1 else f"{values[0]:.4f}"


def welch(ours, peers):
    """Difference of means with its 95 % interval."""
    a, b = np.array(ours), np.array(peers)
    difference = a.mean() - b.mean()
    if min(len(a), len(b)) < 2:
        return f"{difference:+.4f} (one run each: no interval)"
    low, high = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]"


def paired(ours, base):
    """Mean difference over the seeds that both have, with its 95 % interval."""
    both = sorted(set(ours) & set(base))
    d = np.array([ours[s] for s in both]) - np.array([base[s] for s in both])
    if len(d) < 2:
        return f"{d.mean():+.4f}" if len(d) else "–"
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    return f"{d.mean():+.4f} [{d.mean() - half:+.4f}, {d.mean() + half:+.4f}]"


def replace(document, mark, text):
    path = Path(document)
    page = path.read_text()
    begin, end = f"<!-- {mark} begin -->", f"<!-- {mark} end -->"
    head, rest = page.split(begin)
    _, tail = rest.split(end)
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def runs(folder, pattern, ids, truth):
    found = {}
    for path in sorted(Path(folder).iterdir()):
        match = re.fullmatch(pattern, path.name)
        if match:
            found.setdefault(match[1], {})[int(match[2])] = scores(path, ids, truth)
    return found


def bench(folder, document, ids, truth):
    found = runs(folder, r"(ours|torch)-(\d+)\.(?:parquet|npz)", ids, truth)
    ours, torch = found.get("ours", {}), found.get("torch", {})
    lines = [f"ResNet-18, {len(ours)} seeds of ours and {len(torch)} of PyTorch, {len(ids)} validation samples.", "",
             "| metric | ours | PyTorch | difference, 95 % interval (Welch) |", "|---|---|---|---|"]
    for m, name in enumerate(METRICS):
        a, b = ([run[m] for run in part.values()] for part in (ours, torch))
        lines.append(f"| {name} | {spread(a)} | {spread(b)} | {welch(a, b)} |")
    replace(document, "bench-quality", "\n".join(lines))
    print("\n".join(lines))


def ablation(folder, document, ids, truth):
    found = runs(folder, r"(.+)-(\d+)\.parquet", ids, truth)
    base = {seed: run[1] for seed, run in found.get("00-plain", {}).items()}
    lines = ["| row | seeds | " + " | ".join(METRICS) + " | against `plain`, paired 95 % (best thresholds) |",
             "|---|---|---|---|---|---|"]
    for name, seeds in sorted(found.items()):
        cells = [spread([run[m] for run in seeds.values()]) for m in range(3)]
        gain = "–" if name == "00-plain" else paired({s: run[1] for s, run in seeds.items()}, base)
        lines.append(f"| {name} | {len(seeds)} | " + " | ".join(cells) + f" | {gain} |")
    replace(document, "ablation", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    what, folder, labels, folds, fold, document = sys.argv[1:]
    {"bench": bench, "ablation": ablation}[what](folder, document, *truth_of(labels, folds, int(fold)))

"""The data of the bench: the real label table with simulated scores, yeast, and real networks."""
import csv
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def label_table(path):
    """Ids and truth (samples x 28) of a Kaggle label table."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    truth = np.zeros((len(rows), 28), bool)
    for row, cells in enumerate(rows):
        truth[row, [int(label) for label in cells["Target"].split()]] = True
    return [cells["Id"] for cells in rows], truth


def simulate(truth, seed):
    """sigmoid(z + 1.7 y + logit(p)/2), z standard normal, p the label's frequency."""
    share = truth.mean(0)
    z = np.random.default_rng(seed).standard_normal(truth.shape)
    x = z + 1.7 * truth + 0.5 * np.log(share / (1 - share))
    return (1 / (1 + np.exp(-x))).astype(np.float32)


def write_csv(path, header, rows):
    with open(path, "w") as file:
        file.write(header + "\n")
        file.writelines(",".join(row) + "\n" for row in rows)


class Desk:
    """A folder of inputs, made with the project's own programs."""

    def __init__(self, folder, programs, shared):
        self.folder, self.programs, self.shared = folder, programs, shared / "data"

    def run(self, program, *arguments):
        command = [self.programs / program, *arguments, "--quiet"]
        subprocess.run([str(word) for word in command], check=True)

    def labels(self, name, table, *flags):
        out = self.folder / f"{name}-labels.parquet"
        self.run("hpa-labels", "--csv", table, *flags, "--out", out)
        return out

    def predictions(self, name, scores, table, *flags):
        np.save(self.folder / "scores.npy", scores)
        out = self.folder / f"{name}.parquet"
        arguments = ["--npy", self.folder / "scores.npy", "--ids", table, "--out", out]
        self.run("hpa-import", *arguments, *flags)
        (self.folder / "scores.npy").unlink()
        return out

    def simulated(self, truth, ids, seeds, name="simulated"):
        """Labels and one predictions file a seed."""
        table = self.folder / f"{name}.csv"
        targets = (" ".join(map(str, np.flatnonzero(row))) for row in truth)
        write_csv(table, "Id,Target", zip(ids, targets))
        files = [self.predictions(f"{name}-{seed}", simulate(truth, seed), table) for seed in seeds]
        return self.labels(name, table), files

    def yeast(self):
        """The 14 labels of yeast and honest out-of-fold probabilities."""
        labels = self.labels("yeast", self.shared / "multilabel/yeast_labels.csv", "--one-hot")
        out = self.folder / "yeast.parquet"
        table = self.shared / "multilabel/yeast_oof_logreg.csv"
        self.run("hpa-import", "--csv", table, "--id-column", "row", "--out", out)
        return labels, out

    def networks(self):
        """The three real networks, on the 128 test samples whose labels are known."""
        template = self.shared / "kaggle-tables/sample_submission.csv"
        labels = self.labels("known", self.shared / "probabilities/test_labels_128.csv")
        for name in ("DenseNet121", "InceptionV3", "ResNet50"):
            out = self.folder / f"{name}.parquet"
            array = self.shared / f"probabilities/{name}.npz"
            self.run("hpa-import", "--npy", array, "--key", "pred", "--ids", template, "--out", out)
            yield name, labels, out


def foreign_predictions(path, ids, folds, scores):
    """A predictions file as pyarrow writes it, with folds."""
    flat = pa.array(scores.ravel())
    columns = {
        "id": pa.array(ids),
        "fold": pa.array(folds.astype(np.uint8)),
        "probability": pa.FixedSizeListArray.from_arrays(flat, scores.shape[1]),
    }
    pq.write_table(pa.table(columns), path)

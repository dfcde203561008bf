//! Errors of files that contradict each other.

use std::path::PathBuf;

/// Why no report can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Two files have different label names.
    #[error(
        "{} has other label names than {}: label {label} is {theirs} there and {ours} here", path.display(), first.display()
    )]
    Names {
        /// The file at fault.
        path: PathBuf,
        /// The labels file.
        first: PathBuf,
        /// The first label that differs.
        label: usize,
        /// Its name in the labels file.
        ours: String,
        /// Its name in the other file.
        theirs: String,
    },
    /// Samples that are missing from a file.
    #[error("{} lacks {count} samples of {}: {listed}", path.display(), of.display())]
    Missing {
        /// The file at fault.
        path: PathBuf,
        /// The file that lists them.
        of: PathBuf,
        /// How many are missing.
        count: usize,
        /// The first of them.
        listed: String,
    },
    /// Nothing to score.
    #[error("{} has no samples", path.display())]
    Empty {
        /// The file at fault.
        path: PathBuf,
    },
    /// Two files with the same content for the same model.
    #[error("{} and {} both hold {what}", first.display(), second.display())]
    Duplicate {
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
        /// What they hold.
        what: String,
    },
    /// Thresholds of a model without predictions.
    #[error(
        "{}: no predictions of {name:?} are given\n  help: add --predictions predictions/{name}/oof.parquet; thresholds and predictions are matched by the name of their folder", path.display()
    )]
    NoPredictions {
        /// The thresholds file.
        path: PathBuf,
        /// The folder's name.
        name: String,
    },
    /// Predictions, thresholds or folds of different runs.
    #[error("{} is from another run: {reason}\n  help: run `make {}`", path.display(), path.display())]
    OtherRun {
        /// The file at fault.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

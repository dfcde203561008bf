//! What can be wrong with the files of a run when they are laid side by side.

use std::path::PathBuf;

/// Why no report can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Two files call the labels by other names.
    #[error(
        "{} has other label names than {}: label {label} is {theirs} there and {ours} here", path.display(), first.display()
    )]
    Names {
        /// The file that is blamed.
        path: PathBuf,
        /// The labels file.
        first: PathBuf,
        /// The first label that differs.
        label: usize,
        /// What the labels file calls it.
        ours: String,
        /// What the other file calls it.
        theirs: String,
    },
    /// Samples that should be in a file are not.
    #[error("{} lacks {count} samples of {}: {listed}", path.display(), of.display())]
    Missing {
        /// The file that is blamed.
        path: PathBuf,
        /// The file that names them.
        of: PathBuf,
        /// How many are missing.
        count: usize,
        /// The first of them.
        listed: String,
    },
    /// Nothing to score.
    #[error("{} has no samples", path.display())]
    Empty {
        /// The file that is blamed.
        path: PathBuf,
    },
    /// Two files say the same thing of the same model.
    #[error("{} and {} both hold {what}", first.display(), second.display())]
    Twice {
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
        /// What they hold.
        what: String,
    },
    /// Thresholds of a model that has no predictions.
    #[error(
        "{}: no predictions of {name:?} are given\n  help: the folder of a thresholds file is named like that of its predictions; give --predictions …/{name}/oof.parquet too", path.display()
    )]
    NoPredictions {
        /// The thresholds file.
        path: PathBuf,
        /// The folder's name.
        name: String,
    },
    /// Predictions and thresholds, or folds, that do not belong together.
    #[error("{} is from another run: {reason}\n  help: run `make {}`", path.display(), path.display())]
    OtherRun {
        /// The file that is blamed.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

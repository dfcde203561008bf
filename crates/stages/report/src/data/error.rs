//! Errors of files that contradict each other.

use hpa_artifacts::{LabelNameMismatch, MissingIds};
use std::path::PathBuf;

/// Why no report can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Two files have different label names.
    #[error(
        "{} has other label names than {}: label {} is {} there and {} here",
        path.display(), first.display(), mismatch.label, mismatch.second, mismatch.first
    )]
    Names {
        /// The file at fault.
        path: PathBuf,
        /// The labels file.
        first: PathBuf,
        /// The first label that differs.
        mismatch: LabelNameMismatch,
    },
    /// Samples that are missing from a file.
    #[error("{} lacks {} samples of {}: {missing}", path.display(), missing.count, of.display())]
    Missing {
        /// The file at fault.
        path: PathBuf,
        /// The file that lists them.
        of: PathBuf,
        /// The missing samples.
        missing: MissingIds,
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
}

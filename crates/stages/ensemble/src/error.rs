//! Errors of combining members.

use hpa_artifacts::{ArtifactError, ErrorList, MissingIds, ThresholdMismatch};
use std::path::PathBuf;

/// Why members cannot be combined.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// Two members have different label names.
    #[error("{} has other labels than {}: label {label} differs", path.display(), first.display())]
    Names {
        /// The member that differs.
        path: PathBuf,
        /// The first member.
        first: PathBuf,
        /// The first label that differs.
        label: usize,
    },
    /// A member lacks samples of another.
    #[error("{} lacks {} samples of {}: {missing}", path.display(), missing.count, of.display())]
    Samples {
        /// The member that lacks them.
        path: PathBuf,
        /// The member that has them.
        of: PathBuf,
        /// The samples.
        missing: MissingIds,
    },
    /// Two members were held out in different folds.
    #[error("{} and {} have different folds: {errors}\n  help: predict both with the same --folds file", path.display(), first.display())]
    Folds {
        /// The member that differs.
        path: PathBuf,
        /// The first member.
        first: PathBuf,
        /// The samples that differ, or what else does.
        errors: ErrorList,
    },
    /// A member of another run.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A member is given twice.
    #[error("{} and {} are the same file", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
    /// OR needs one thresholds file a member, the other methods none.
    #[error(
        "{predictions} predictions and {thresholds} thresholds: method or needs one thresholds file a member, in the same order; the other methods take none"
    )]
    ThresholdCount {
        /// How many members.
        predictions: usize,
        /// How many thresholds files.
        thresholds: usize,
    },
    /// Thresholds of another member.
    #[error("{} holds the thresholds of {found}, but is given in the place of those of {member}", path.display())]
    OtherThresholds {
        /// The thresholds.
        path: PathBuf,
        /// The member at that place.
        member: String,
        /// The folder they lie in.
        found: String,
    },
    /// Thresholds that do not fit a member's predictions.
    #[error("{}: {source}", path.display())]
    Thresholds {
        /// The thresholds.
        path: PathBuf,
        /// What does not fit.
        source: ThresholdMismatch,
    },
}

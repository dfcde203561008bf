//! Why members cannot be combined.

use hpa_artifacts::{ArtifactError, DecideError};
use std::path::PathBuf;

/// What is wrong with the members of an ensemble.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// Members that do not speak of the same labels.
    #[error("{} has other labels than {}: label {label} differs", path.display(), first.display())]
    Names {
        /// The member that differs.
        path: PathBuf,
        /// The member it was compared with.
        first: PathBuf,
        /// The first label that differs.
        label: usize,
    },
    /// Members that do not speak of the same samples.
    #[error("{} and {} do not hold the same samples: {listed}", path.display(), first.display())]
    Samples {
        /// The member that differs.
        path: PathBuf,
        /// The member it was compared with.
        first: PathBuf,
        /// The first twenty.
        listed: String,
    },
    /// Samples held out by different folds.
    #[error("{} and {} have other folds: {listed}\n  help: predict both with the same --folds file", path.display(), first.display())]
    Folds {
        /// The member that differs.
        path: PathBuf,
        /// The member it was compared with.
        first: PathBuf,
        /// The first twenty samples, or what else differs.
        listed: String,
    },
    /// A member that descends from another folds file.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A member occurs twice.
    #[error("{} and {} are the same file", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
    /// The members that the configuration names are not those given.
    #[error(
        "the members are {named}, but the predictions lie in folders {given}\n  help: give --predictions in the order of the members, each in a folder with its name"
    )]
    Members {
        /// By `--members`.
        named: String,
        /// By the folders of `--predictions`.
        given: String,
    },
    /// OR decides by thresholds, the other methods do not.
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
    #[error("{} are the thresholds of {found}, but stand where those of {member} are due", path.display())]
    OtherThresholds {
        /// The thresholds.
        path: PathBuf,
        /// The member at that place.
        member: String,
        /// The folder they lie in.
        found: String,
    },
    /// Thresholds that cannot decide on a member.
    #[error("{}: {source}", path.display())]
    Decide {
        /// The thresholds.
        path: PathBuf,
        /// Why not.
        source: DecideError,
    },
}

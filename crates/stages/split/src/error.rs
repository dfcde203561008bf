//! Errors of splitting.

use std::path::PathBuf;

/// Why samples cannot be split.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Labelled samples that have no image and are not excluded.
    #[error(
        "{count} labelled samples have no image: {ids}\n  help: add their images, or pass the list of skipped samples to --exclude"
    )]
    NoImage {
        /// How many.
        count: usize,
        /// The first twenty ids.
        ids: String,
    },
    /// No samples.
    #[error("all labelled samples are excluded: there is nothing to split")]
    NoSamples,
    /// A fold would be empty.
    #[error(
        "{folds} folds of {groups} groups of samples: a fold would be empty\n  help: set --folds to at most {groups}"
    )]
    TooFewGroups {
        /// The requested number of folds.
        folds: u8,
        /// The number of groups, single samples included.
        groups: usize,
    },
    /// A list of duplicates that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] hpa_artifacts::CsvError),
    /// A line that is not a list of ids.
    #[error("{} line {line}: {source}\n  help: write one group of ids per line, separated by commas", path.display())]
    DuplicateLine {
        /// The list.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong with the id.
        source: hpa_core::SampleIdError,
    },
}

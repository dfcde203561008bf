//! Why no folds can be made.

use std::path::PathBuf;

/// What is wrong with the input of a split.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Labelled samples that have no picture, and nobody said that they were skipped.
    #[error(
        "{count} labelled samples have no image: {first}\n  help: add their images, or hand the list of skipped samples to --skipped"
    )]
    NoImage {
        /// How many.
        count: usize,
        /// The first twenty.
        first: String,
    },
    /// Nobody takes part.
    #[error("no labelled sample takes part: there is nothing to split")]
    Empty,
    /// A fold would hold nothing out.
    #[error(
        "{folds} folds of {groups} groups of samples: a fold would be empty\n  help: give --folds at most {groups}"
    )]
    TooFewGroups {
        /// What was asked for.
        folds: u8,
        /// Samples, duplicates counted once.
        groups: usize,
    },
    /// A list of duplicates that is no text.
    #[error(transparent)]
    Unreadable(#[from] hpa_artifacts::csv_table::CsvTableError),
    /// A line that is no list of ids.
    #[error("{} line {line}: {source}\n  help: write one group of ids a line, with commas between them", path.display())]
    DuplicateLine {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is no id.
        source: hpa_core::SampleIdError,
    },
}

//! Why a table cannot be made.

use hpa_artifacts::csv_table::Problems;
use hpa_core::LabelError;
use std::path::PathBuf;

/// What is wrong with the input of a table program.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The operating system said no.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file that does not hold what its flag asks for.
    #[error("{} is not {expected}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// What is found instead.
        reason: String,
    },
    /// Rows that are wrong.
    #[error("{}: {problems}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// Line or sample, and reason of each.
        problems: Problems,
    },
    /// A list of label names that is none.
    #[error("{}: {source}", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: LabelError,
    },
    /// Two inputs that do not belong together.
    #[error("{0}")]
    Mismatch(String),
    /// Labelled or wanted samples without a prediction.
    #[error("{count} {what} samples have no prediction: {first}\n  help: {help}")]
    Unpredicted {
        /// How many.
        count: usize,
        /// Whose samples.
        what: &'static str,
        /// The first twenty.
        first: String,
        /// What to do.
        help: &'static str,
    },
}

impl TableError {
    pub(crate) fn unpredicted(ids: &[&str], what: &'static str, help: &'static str) -> Self {
        let rest = if ids.len() > 20 { ", …" } else { "" };
        let first = format!("{}{rest}", ids[..ids.len().min(20)].join(", "));
        Self::Unpredicted { count: ids.len(), what, first, help }
    }
}

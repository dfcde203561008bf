//! The flags of `hpa-submit`, and what `--json` prints.

use hpa_artifacts::{Predictions, Thresholds};
use hpa_cli::Input;
use serde::Serialize;
use std::path::PathBuf;

/// What the user sets.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The probabilities
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    pub(crate) predictions: Input<Predictions>,
    /// The thresholds of the same model or ensemble
    #[arg(long, value_name = "THRESHOLDS.parquet")]
    pub(crate) thresholds: Input<Thresholds>,
    /// The competition's template: its ids and their order
    #[arg(long, value_name = "CSV")]
    pub(crate) template: PathBuf,
    /// Samples that need no prediction (columns Id,Reason): they are left empty
    #[arg(long, num_args = 1.., value_name = "LIST.csv")]
    pub(crate) skipped: Vec<PathBuf>,
    /// Where to write the submission
    #[arg(long, value_name = "CSV")]
    pub(crate) out: PathBuf,
}

/// What was done.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) rows: usize,
    pub(crate) empty: usize,
    pub(crate) skipped: usize,
}

//! The flags of `hpa-labels`, and what `--json` prints.

use hpa_artifacts::Labels;
use hpa_cli::Output;
use serde::Serialize;
use std::path::PathBuf;

/// What the user sets.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tables with columns Id and Target; several are joined
    #[arg(long, num_args = 1.., required = true, value_name = "CSV")]
    pub(crate) csv: Vec<PathBuf>,
    /// Names of the labels, one a line or a JSON array [default: the 28 of the atlas]
    #[arg(long, value_name = "FILE")]
    pub(crate) label_names: Option<PathBuf>,
    /// The table has a column a label that holds 1 or 0; without ids, rows count from 0
    #[arg(long)]
    pub(crate) one_hot: bool,
    /// With --one-hot: the column of ids [default: Id or id, where there is one]
    #[arg(long, requires = "one_hot", value_name = "NAME")]
    pub(crate) id_column: Option<String>,
    /// Where to write the labels
    #[arg(long, value_name = "LABELS.parquet")]
    pub(crate) out: Output<Labels>,
}

/// What was done.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) samples: usize,
    pub(crate) labels: usize,
    pub(crate) label_counts: Vec<usize>,
}

//! The flags of `hpa-import`, and what `--json` prints.

use hpa_artifacts::Predictions;
use hpa_cli::Output;
use serde::Serialize;
use std::path::PathBuf;

/// What the user sets.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["csv", "npy"]))]
pub(crate) struct Args {
    /// A table with a column a label, perhaps with columns of ids and of folds (`fold`)
    #[arg(long, value_name = "CSV")]
    pub(crate) csv: Option<PathBuf>,
    /// An array, rows × labels, of 16-, 32- or 64-bit floats
    #[arg(long, value_name = "FILE.npy|FILE.npz")]
    pub(crate) npy: Option<PathBuf>,
    /// Which array of an .npz [default: the only one]
    #[arg(long, requires = "npy", value_name = "NAME")]
    pub(crate) key: Option<String>,
    /// A table whose column Id names the rows in order; a --csv with ids needs none
    #[arg(long, required_unless_present = "csv", value_name = "CSV")]
    pub(crate) ids: Option<PathBuf>,
    /// The --csv column of ids [default: Id or id, where there is one]
    #[arg(long, requires = "csv", value_name = "NAME")]
    pub(crate) id_column: Option<String>,
    /// Names of the labels, one a line or a JSON array [default: the --csv header, or the atlas]
    #[arg(long, value_name = "FILE")]
    pub(crate) label_names: Option<PathBuf>,
    /// Where to write the predictions
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    pub(crate) out: Output<Predictions>,
}

/// What was done.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) samples: usize,
    pub(crate) labels: usize,
    pub(crate) folds: Option<u8>,
}

//! `hpa-import`: probabilities of other programs to predictions.

use anyhow::{Result, ensure};
use hpa_artifacts::read_id_csv;
use hpa_artifacts::{Digest, Predictions, Provenance, read_label_names, read_matrix_csv};
use hpa_cli::{Output, RunContext};
use hpa_core::{LabelNames, SampleId};
use hpa_import::npy::read_npy;
use hpa_import::{RawPredictions, predictions};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["csv", "npy"]))]
struct Args {
    /// A table with one column per label, perhaps with columns of ids and of folds (`fold`)
    #[arg(long, value_name = "CSV")]
    csv: Option<PathBuf>,
    /// An array, rows × labels, of 16-, 32- or 64-bit floats
    #[arg(long, value_name = "FILE.npy|FILE.npz")]
    npy: Option<PathBuf>,
    /// Which array of an .npz [default: the only one]
    #[arg(long, requires = "npy", value_name = "NAME")]
    key: Option<String>,
    /// A table whose column Id gives the sample of each row; a --csv with ids needs none
    #[arg(long, required_unless_present = "csv", value_name = "CSV")]
    ids: Option<PathBuf>,
    /// The --csv column of ids [default: Id or id, if there is one]
    #[arg(long, requires = "csv", value_name = "NAME")]
    id_column: Option<String>,
    /// Names of the labels, one a line or a JSON array [default: the --csv header, or the atlas]
    #[arg(long, value_name = "FILE")]
    label_names: Option<PathBuf>,
    /// Where to write the predictions
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    out: Output<Predictions>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    samples: usize,
    labels: usize,
    folds: Option<u8>,
}

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Imports probabilities of other programs",
        "hpa-import --npy DenseNet121.npz --key pred --ids sample_submission.csv \\\n    \
         --out predictions/densenet121/test.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Summary> {
    let names = args.label_names.as_deref().map(read_label_names).transpose()?;
    let ids = args.ids.as_deref().map(read_id_csv).transpose()?;
    let (flag, path, (raw, names)) = match (&args.csv, &args.npy) {
        (Some(path), _) => ("csv", path, read_csv(args, path, names, ids)?),
        (None, Some(path)) => ("npy", path, read_array(args, path, names, ids)?),
        (None, None) => unreachable!("clap requires one of them"),
    };
    let predictions = predictions(raw, names, path)?;
    let settings = (&args.key, &args.id_column, &predictions.names);
    let mut provenance = Provenance::new(&settings).with_input(flag, Digest::of_file(path)?);
    if let Some(ids) = &args.ids {
        provenance = provenance.with_input("ids", Digest::of_file(ids)?);
    }
    args.out.write(&predictions, &provenance)?;
    let summary = Summary {
        samples: predictions.ids.len(),
        labels: predictions.names.count(),
        folds: predictions.folds.map(|column| column.count.get()),
    };
    context.info(format!("{} samples, {} labels", summary.samples, summary.labels));
    Ok(summary)
}

fn read_csv(
    args: &Args,
    path: &Path,
    names: Option<LabelNames>,
    listed: Option<Vec<SampleId>>,
) -> Result<(RawPredictions, LabelNames)> {
    let matrix = read_matrix_csv(path, args.id_column.as_deref())?;
    let names = matrix.label_names(names)?;
    let ids = match (matrix.ids, listed) {
        (Some(own), Some(listed)) => {
            ensure!(own == listed, "the ids of --csv and --ids differ, in order or at all");
            own
        }
        (Some(ids), None) | (None, Some(ids)) => ids,
        (None, None) => anyhow::bail!(
            "{} has no column of ids\n  help: name it with --id-column, or give --ids",
            path.display()
        ),
    };
    ensure!(ids.len() == matrix.rows, "{} ids for {} rows of --csv", ids.len(), matrix.rows);
    Ok((RawPredictions { ids, folds: matrix.folds, values: matrix.values }, names))
}

fn read_array(
    args: &Args,
    path: &Path,
    names: Option<LabelNames>,
    ids: Option<Vec<SampleId>>,
) -> Result<(RawPredictions, LabelNames)> {
    let ids = ids.unwrap_or_default();
    let matrix = read_npy(path, args.key.as_deref(), ids.len())?;
    let names = names.unwrap_or_else(LabelNames::atlas);
    ensure!(
        matrix.width == names.count(),
        "{} columns for {} label names\n  help: name the columns with --label-names",
        matrix.width,
        names.count()
    );
    ensure!(!ids.is_empty(), "--ids has no rows");
    Ok((RawPredictions { ids, folds: None, values: matrix.values }, names))
}

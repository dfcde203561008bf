//! `hpa-labels`: label tables to `labels.parquet`.

use anyhow::Result;
use hpa_artifacts::read_label_csv;
use hpa_artifacts::{Digest, Labels, Provenance, read_label_names, read_matrix_csv};
use hpa_cli::{Output, RunContext};
use hpa_core::LabelNames;
use hpa_labels::one_hot;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
struct Args {
    /// Tables with columns Id and Target; several are joined
    #[arg(long, num_args = 1.., required = true, value_name = "CSV")]
    csv: Vec<PathBuf>,
    /// Names of the labels, one a line or a JSON array [default: the 28 of the atlas]
    #[arg(long, value_name = "FILE")]
    label_names: Option<PathBuf>,
    /// The table has one column per label that holds 1 or 0; without ids, rows count from 0
    #[arg(long)]
    one_hot: bool,
    /// With --one-hot: the column of ids [default: Id or id, if there is one]
    #[arg(long, requires = "one_hot", value_name = "NAME")]
    id_column: Option<String>,
    /// Where to write the labels
    #[arg(long, value_name = "LABELS.parquet")]
    out: Output<Labels>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    samples: usize,
    labels: usize,
    label_counts: Vec<usize>,
}

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Converts label tables to Parquet",
        "hpa-labels --csv train.csv --out labels.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Summary> {
    let names = args.label_names.as_deref().map(read_label_names).transpose()?;
    let labels = read(args, names)?;
    let files: Vec<Digest> =
        args.csv.iter().map(|csv| Digest::of_file(csv)).collect::<Result<_, _>>()?;
    let settings = (&labels.names, args.one_hot, &args.id_column);
    let provenance = Provenance::new(&settings).with_input("csv", Digest::combine(&files));
    args.out.write(&labels, &provenance)?;
    let mut label_counts = vec![0; labels.names.count()];
    for label in labels.rows.iter().flat_map(|row| row.labels.as_slice()) {
        label_counts[label.index()] += 1;
    }
    let summary =
        Summary { samples: labels.rows.len(), labels: labels.names.count(), label_counts };
    context.info(format!("{} samples, {} labels", summary.samples, summary.labels));
    Ok(summary)
}

fn read(args: &Args, names: Option<LabelNames>) -> Result<Labels> {
    if !args.one_hot {
        let names = names.unwrap_or_else(LabelNames::atlas);
        return Ok(Labels { rows: read_label_csv(&args.csv, &names)?, names });
    }
    let [path] = args.csv.as_slice() else {
        anyhow::bail!("--one-hot takes one table, not {}", args.csv.len());
    };
    let matrix = read_matrix_csv(path, args.id_column.as_deref())?;
    let names = matrix.label_names(names)?;
    Ok(one_hot(matrix, names)?)
}

//! `hpa-labels`: tables of labels to `labels.parquet`.

mod args;

use anyhow::Result;
use args::{Args, Outcome};
use hpa_artifacts::csv_table::read_label_csv;
use hpa_artifacts::{Digest, Labels, Provenance};
use hpa_cli::RunContext;
use hpa_core::LabelNames;
use hpa_tables::import::column_names;
use hpa_tables::label_names::read_label_names;
use hpa_tables::matrix_csv::read_matrix_csv;
use hpa_tables::one_hot::one_hot;
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Reads which labels each sample carries",
        "hpa-labels --csv train.csv --out labels.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Outcome> {
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
    let (samples, labels) = (labels.rows.len(), labels.names.count());
    context.notice(format!("{samples} samples, {labels} labels"));
    Ok(Outcome { samples, labels, label_counts })
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
    let names = column_names(matrix.columns.clone(), names)?;
    Ok(one_hot(matrix, names, path)?)
}

//! `hpa-import`: probabilities made elsewhere to predictions.

mod args;
mod read;

use anyhow::Result;
use args::{Args, Outcome};
use hpa_artifacts::id_table::read_id_csv;
use hpa_artifacts::{Digest, Provenance};
use hpa_cli::RunContext;
use hpa_tables::import::predictions;
use hpa_tables::label_names::read_label_names;
use read::{from_csv, from_npy};
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Takes in probabilities made elsewhere",
        "hpa-import --npy DenseNet121.npz --key pred --ids sample_submission.csv \\\n    \
         --out predictions/densenet121/test.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Outcome> {
    let given = args.label_names.as_deref().map(read_label_names).transpose()?;
    let ids = args.ids.as_deref().map(read_id_csv).transpose()?;
    let (flag, path) = match (&args.csv, &args.npy) {
        (Some(path), _) => ("csv", path),
        (None, Some(path)) => ("npy", path),
        (None, None) => anyhow::bail!("give --csv or --npy"),
    };
    let (raw, names) = match flag {
        "csv" => from_csv(args, path, given, ids)?,
        _ => from_npy(args, path, given, ids.unwrap_or_default())?,
    };
    let predictions = predictions(raw, names, path)?;
    let settings = (&args.key, &args.id_column, &predictions.names);
    let mut provenance = Provenance::new(&settings).with_input(flag, Digest::of_file(path)?);
    if let Some(ids) = &args.ids {
        provenance = provenance.with_input("ids", Digest::of_file(ids)?);
    }
    args.out.write(&predictions, &provenance)?;
    let (samples, labels) = (predictions.ids.len(), predictions.names.count());
    context.notice(format!("{samples} samples, {labels} labels"));
    let folds = predictions.folds.map(|column| column.count.get());
    Ok(Outcome { samples, labels, folds })
}

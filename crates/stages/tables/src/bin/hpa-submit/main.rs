//! `hpa-submit`: predictions and thresholds to a submission.

mod args;

use anyhow::Result;
use args::{Args, Outcome};
use hpa_artifacts::id_table::read_id_csv;
use hpa_artifacts::{atomic, check_lineage};
use hpa_cli::RunContext;
use hpa_tables::submission::submission;
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Writes a submission in the competition's form",
        "hpa-submit --predictions predictions/resnet18/test.parquet \\\n    \
         --thresholds thresholds/resnet18/exact.parquet --template sample_submission.csv \\\n    \
         --out submissions/resnet18.csv"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Outcome> {
    let predictions = args.predictions.read(context)?;
    let thresholds = args.thresholds.read(context)?;
    check_lineage("models", &predictions.origin, &thresholds.origin)?;
    let template = read_id_csv(&args.template)?;
    anyhow::ensure!(!template.is_empty(), "{} has no rows", args.template.display());
    let mut skipped = Vec::new();
    for list in &args.skipped {
        skipped.extend(read_id_csv(list)?);
    }
    let submission = submission(&predictions, &thresholds, &template, &skipped)?;
    if submission.surplus > 0 {
        context.notice(format!("{} predictions are not in the template", submission.surplus));
    }
    if submission.skipped > 0 {
        context.notice(format!("{} skipped samples are left empty", submission.skipped));
    }
    atomic::write_bytes(&args.out, submission.csv().as_bytes())?;
    let (rows, empty) = (submission.rows.len(), submission.empty());
    Ok(Outcome { rows, empty, skipped: submission.skipped })
}

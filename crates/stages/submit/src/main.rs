//! `hpa-submit`: predictions and thresholds to a submission.

use anyhow::Result;
use hpa_artifacts::read_id_csv;
use hpa_artifacts::{Predictions, Thresholds, atomic, check_lineage};
use hpa_cli::{Input, RunContext};
use hpa_submit::submission;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
struct Args {
    /// The probabilities
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    predictions: Input<Predictions>,
    /// The thresholds of the same model or ensemble
    #[arg(long, value_name = "THRESHOLDS.parquet")]
    thresholds: Input<Thresholds>,
    /// The competition's template: its ids and their order
    #[arg(long, value_name = "CSV")]
    template: PathBuf,
    /// Samples without a prediction (columns Id,Reason): an empty prediction is written
    #[arg(long, num_args = 1.., value_name = "LIST.csv")]
    exclude: Vec<PathBuf>,
    /// Where to write the submission
    #[arg(long, value_name = "CSV")]
    out: PathBuf,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    rows: usize,
    empty: usize,
    excluded: usize,
}

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Writes a submission in the competition's form",
        "hpa-submit --predictions predictions/resnet18/test.parquet \\\n    \
         --thresholds thresholds/resnet18/exact.parquet --template sample_submission.csv \\\n    \
         --out submissions/resnet18.csv",
        renamed: &[("skipped", "exclude")]
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Summary> {
    let predictions = args.predictions.read(context)?;
    let thresholds = args.thresholds.read(context)?;
    check_lineage("models", &predictions.origin, &thresholds.origin)?;
    let template = read_id_csv(&args.template)?;
    anyhow::ensure!(!template.is_empty(), "{} has no rows", args.template.display());
    let mut excluded = Vec::new();
    for list in &args.exclude {
        excluded.extend(read_id_csv(list)?);
    }
    let submission = submission(&predictions, &thresholds, &template, &excluded)?;
    if submission.surplus > 0 {
        context.info(format!("{} predictions are not in the template", submission.surplus));
    }
    if submission.excluded > 0 {
        context.info(format!("{} excluded samples are left empty", submission.excluded));
    }
    atomic::write_bytes(&args.out, submission.csv.as_bytes())?;
    Ok(Summary { rows: template.len(), empty: submission.empty, excluded: submission.excluded })
}

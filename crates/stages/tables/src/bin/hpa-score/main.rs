//! `hpa-score`: how good decisions are.

mod args;

use anyhow::Result;
use args::{Args, Checked};
use hpa_artifacts::{Labels, check_lineage, check_made_from};
use hpa_cli::RunContext;
use hpa_core::Seed;
use hpa_metrics::Bootstrap;
use hpa_tables::scoring::{Judged, Score, Scored, groups};
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Scores decisions against the truth",
        "hpa-score --predictions predictions/resnet18/oof.parquet \\\n    \
         --thresholds thresholds/resnet18/exact.parquet --labels labels.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(Checked(args): &Checked, context: &RunContext) -> Result<Vec<Scored>> {
    let predictions = args.predictions.read(context)?;
    let labels = args.labels.read(context)?;
    let thresholds = args.thresholds.as_ref().map(|path| path.read(context)).transpose()?;
    if let Some(thresholds) = &thresholds {
        check_lineage("models", &predictions.origin, &thresholds.origin)?;
    }
    if predictions.folds.is_some() {
        let present = (labels.origin.digest, labels.origin.path.as_path());
        check_made_from(&predictions.origin, "labels", present)?;
    }
    let judged = Judged::new(&labels, &predictions)?;
    if judged.left_out > 0 {
        context.notice(format!("{} predictions have no labels: left out", judged.left_out));
    }
    let plan = plan(args, &labels, context)?;
    let score = |score: &Score| match (score, &thresholds) {
        (Score::MeanAuc, _) => Ok(judged.mean_auc(args.min_positives, &plan)?),
        (Score::F(metric), Some(thresholds)) => Ok(judged.f(*metric, thresholds, &plan)?),
        (Score::F(metric), None) => anyhow::bail!("{metric} needs --thresholds"),
    };
    let scores: Vec<Scored> = args.metric.iter().map(score).collect::<Result<_>>()?;
    for Scored { split, method, metric, value, low, high } in &scores {
        let interval = match (low, high) {
            (Some(low), Some(high)) => format!(" (95 % interval {low:.4} to {high:.4})"),
            _ => String::new(),
        };
        context.notice(format!("{split} {metric} by {method}: {value:.4}{interval}"));
    }
    Ok(scores)
}

fn plan(args: &Args, labels: &Labels, context: &RunContext) -> Result<Bootstrap> {
    let seed = Seed::new(args.seed);
    let Some(folds) = &args.folds else {
        return Ok(Bootstrap::of_samples(labels.rows.len(), args.bootstrap, seed));
    };
    let folds = folds.read(context)?;
    Ok(Bootstrap::new(&groups(labels, &folds)?, args.bootstrap, seed))
}

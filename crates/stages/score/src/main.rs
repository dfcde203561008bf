//! `hpa-score`: F-scores and mean AUC of predictions.

use anyhow::Result;
use hpa_artifacts::{
    Folds, Labels, Predictions, Thresholds, align, check_lineage, check_made_from,
};
use hpa_cli::{Input, RunContext, UsageError, in_range};
use hpa_core::Seed;
use hpa_metrics::Bootstrap;
use hpa_score::{Score, ScoreKind, f_score, mean_auc};
use std::process::ExitCode;

#[derive(clap::Args)]
struct Args {
    /// The probabilities; with a fold column each fold uses its own thresholds
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    predictions: Input<Predictions>,
    /// The thresholds of the same model or ensemble; not needed for mean-auc
    #[arg(long, value_name = "THRESHOLDS.parquet")]
    thresholds: Option<Input<Thresholds>>,
    /// The true labels; predictions of other samples are left out
    #[arg(long, value_name = "LABELS.parquet")]
    labels: Input<Labels>,
    /// macro-f1, micro-f1, samples-f1, the same with f2 or f0.5, or mean-auc; may be repeated
    #[arg(long, num_args = 1.., default_value = "macro-f1")]
    metric: Vec<ScoreKind>,
    /// For mean-auc: labels count that have so many positive and so many negative samples
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = in_range::<usize>(1..=1_000_000))]
    min_positives: usize,
    /// Resamples for the 95 % interval; 0 gives none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = in_range::<u32>(0..=1_000_000))]
    bootstrap: u32,
    /// Resample the groups of duplicates in this file as a whole [default: each sample by itself]
    #[arg(long, value_name = "FOLDS.parquet")]
    folds: Option<Input<Folds>>,
    /// Seed of the resamples
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = in_range::<u64>(0..=u64::MAX))]
    seed: u64,
}

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Scores predictions against the true labels",
        "hpa-score --predictions predictions/resnet18/oof.parquet \\\n    \
         --thresholds thresholds/resnet18/exact.parquet --labels labels.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Vec<Score>> {
    let needs_thresholds = |kind: &&ScoreKind| matches!(kind, ScoreKind::F(_));
    if let (Some(ScoreKind::F(metric)), None) =
        (args.metric.iter().find(needs_thresholds), &args.thresholds)
    {
        let message = format!("{metric} needs --thresholds; only mean-auc does not");
        return Err(UsageError::new(message).into());
    }
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
    let folds = args.folds.as_ref().map(|path| path.read(context)).transpose()?;
    let data = align(&labels, predictions.value, folds.as_deref())?;
    if data.left_out > 0 {
        context.info(format!("{} predictions have no labels and are left out", data.left_out));
    }
    let seed = Seed::new(args.seed);
    let bootstrap = match &data.groups {
        Some(groups) => Bootstrap::new(groups, args.bootstrap, seed),
        None => Bootstrap::of_samples(data.n_samples(), args.bootstrap, seed),
    };
    let mut scores = Vec::new();
    for kind in &args.metric {
        let score = match (kind, &thresholds) {
            (ScoreKind::MeanAuc, _) => mean_auc(&data, args.min_positives, &bootstrap)?,
            (ScoreKind::F(metric), Some(thresholds)) => {
                f_score(&data, *metric, thresholds, &bootstrap)?
            }
            (ScoreKind::F(_), None) => unreachable!("refused above"),
        };
        let Score { split, method, metric, value, low, high } = &score;
        let interval = match (low, high) {
            (Some(low), Some(high)) => format!(" (95 % interval {low:.4} to {high:.4})"),
            _ => String::new(),
        };
        context.info(format!("{split} {metric} by {method}: {value:.4}{interval}"));
        scores.push(score);
    }
    Ok(scores)
}

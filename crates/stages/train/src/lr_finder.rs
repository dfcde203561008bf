//! `--find-learning-rate`: a curve of losses over learning rates, its plot, a suggestion.

use crate::fingerprint::ConfigFingerprint;
use crate::{Args, Inputs, initial_network, lr_plot};
use anyhow::Context;
use hpa_artifacts::atomic::{AtomicFile, write_bytes};
use hpa_artifacts::{LrCurve, LrCurvePoint};
use hpa_cli::{Output, RunContext, in_range, in_range_f64};
use hpa_nn::{Device, LrFinder, Trainer, suggest};
use serde::Serialize;
use std::path::PathBuf;

/// Flags of the learning rate finder.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Learning rate finder (instead of training)")]
pub struct FinderArgs {
    /// Take steps at growing learning rates and suggest the one of the steepest descent
    #[arg(long, requires = "out_curve", conflicts_with_all = ["out", "out_history", "out_events"])]
    pub find_learning_rate: bool,
    /// Losses over learning rates to write
    #[arg(long, value_name = "FILE.parquet")]
    pub out_curve: Option<Output<LrCurve>>,
    /// Plot of the curve to write
    #[arg(long, value_name = "FILE.svg")]
    pub out_curve_plot: Option<PathBuf>,
    /// Smallest learning rate
    #[arg(long, value_name = "X", default_value_t = 1e-7, value_parser = in_range_f64(1e-12..=1.0))]
    pub find_from: f64,
    /// Largest learning rate
    #[arg(long, value_name = "X", default_value_t = 10.0, value_parser = in_range_f64(1e-9..=1e6))]
    pub find_to: f64,
    /// Steps from the smallest to the largest, unless the loss diverges before
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = in_range::<usize>(20..=100_000))]
    pub find_steps: usize,
}

impl FinderArgs {
    /// Refuses outputs of the finder without it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.find_learning_rate || (self.out_curve.is_none() && self.out_curve_plot.is_none()),
            "--out-curve and --out-curve-plot belong to the learning rate finder\n  help: add --find-learning-rate, or leave them out"
        );
        Ok(())
    }
}

/// The JSON value of the learning rate finder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FinderReport {
    /// Learning rate of the steepest descent.
    pub suggestion: f64,
    /// Steps taken.
    pub steps: usize,
    /// Learning rate of the last of them.
    pub last_rate: Option<f64>,
    /// Smallest smoothed loss.
    pub least_loss: Option<f64>,
}

/// What decides the curve apart from training settings and inputs.
#[derive(Serialize)]
pub(crate) struct FinderRange {
    find_from: f64,
    find_to: f64,
    find_steps: usize,
}

/// Runs the finder and writes its outputs.
pub(crate) fn run(
    args: &Args,
    context: &RunContext,
    device: &Device,
) -> anyhow::Result<FinderReport> {
    let FinderArgs { out_curve, out_curve_plot, find_from, find_to, find_steps, .. } = &args.finder;
    let out = out_curve.as_ref().context("--find-learning-rate needs --out-curve")?;
    anyhow::ensure!(
        find_from < find_to,
        "find_from {find_from} is not below find_to {find_to}\n  help: start lower or end higher"
    );
    // Find out now whether the outputs can be written; a dropped file leaves nothing.
    for path in [Some(out.path()), out_curve_plot.as_deref()].into_iter().flatten() {
        AtomicFile::create(path)?;
    }
    let finder = LrFinder { from: *find_from, to: *find_to, steps: *find_steps };
    let range = FinderRange { find_from: *find_from, find_to: *find_to, find_steps: *find_steps };
    let fingerprint =
        ConfigFingerprint { config: args.config(), fold: args.fold()?, finder: Some(&range) };
    let inputs = Inputs::read(args, context, &fingerprint)?;
    let data = inputs.train_data(context, device)?;
    let mut network = initial_network(args, context, data.labels)?;
    network.to_device(device)?;
    let trainer = Trainer::new(data, args.config().clone(), network)?;
    let progress = context.progress("searching", finder.steps as u64, "steps");
    let points = trainer.find_lr(finder, &mut |point: &LrCurvePoint| {
        progress.inc(1);
        let LrCurvePoint { learning_rate, loss, .. } = point;
        progress.message(format!("learning rate {learning_rate:.1e}, loss {loss:.4}"));
    })?;
    progress.finish();
    let suggestion = suggest(&points, finder.steps)?;
    let curve = LrCurve { points, suggestion };
    if let Some(path) = out_curve_plot {
        write_bytes(path, lr_plot::svg(&curve).as_bytes())?;
    }
    out.write(&curve, &inputs.provenance)?;
    context.info(format!("the loss falls most steeply at a learning rate of {suggestion:.2e}"));
    Ok(FinderReport {
        suggestion,
        steps: curve.points.len(),
        last_rate: curve.points.last().map(|point| point.learning_rate),
        least_loss: curve.points.iter().map(|point| point.smooth_loss).reduce(f64::min),
    })
}

//! `--find-learning-rate`: a curve of losses over learning rates, its plot, a suggestion.

use crate::args::{Args, FinderArgs};
use crate::fingerprint::ConfigFingerprint;
use crate::{Inputs, initial_network, lr_plot};
use anyhow::Context;
use hpa_artifacts::atomic::{AtomicFile, write_bytes};
use hpa_artifacts::{LrCurve, LrCurvePoint};
use hpa_cli::RunContext;
use hpa_nn::{Device, LrFinder, Trainer, suggest};
use serde::Serialize;

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
    let fingerprint =
        ConfigFingerprint { config: args.config(), fold: args.fold()?, finder: Some(&finder) };
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

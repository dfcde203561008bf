//! The search for a learning rate: a curve, a picture of it, a suggestion.

use crate::plot;
use crate::{Args, Inputs, network};
use anyhow::Context;
use hpa_artifacts::atomic::{AtomicFile, write_bytes};
use hpa_artifacts::{LrCurve, LrCurvePoint};
use hpa_cli::{Output, RunContext, in_range, in_range_f64};
use hpa_nn::{Device, LrFinder, Trainer, suggest};
use serde::Serialize;
use std::path::PathBuf;

/// Where to search and where to write what was found.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Search for a learning rate (instead of training)")]
pub struct Search {
    /// Take steps at growing rates and say at which the loss falls most steeply
    #[arg(long, requires = "out_curve", conflicts_with_all = ["out", "out_history", "out_events"])]
    pub find_learning_rate: bool,
    /// Where to write the curve
    #[arg(long, value_name = "FILE.parquet")]
    pub out_curve: Option<Output<LrCurve>>,
    /// Where to draw the curve
    #[arg(long, value_name = "FILE.svg")]
    pub out_curve_plot: Option<PathBuf>,
    /// The first rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-7, value_parser = in_range_f64(1e-12..=1.0))]
    pub find_from: f64,
    /// The last rate
    #[arg(long, value_name = "RATE", default_value_t = 10.0, value_parser = in_range_f64(1e-9..=1e6))]
    pub find_to: f64,
    /// Steps from the first to the last, unless the loss explodes before
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = in_range::<usize>(20..=100_000))]
    pub find_steps: usize,
}

impl Search {
    /// Refuses places for a curve that nobody will draw.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.find_learning_rate || (self.out_curve.is_none() && self.out_curve_plot.is_none()),
            "--out-curve and --out-curve-plot are for the search, not for training\n  help: add --find-learning-rate, or leave them out"
        );
        Ok(())
    }
}

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The rate at the steepest slope.
    pub suggestion: f64,
    /// Steps taken.
    pub steps: usize,
    /// Rate of the last of them.
    pub last_rate: Option<f64>,
    /// Least smoothed loss.
    pub least_loss: Option<f64>,
}

/// What the curve depends on beside the training settings and inputs.
#[derive(Serialize)]
pub(crate) struct Range {
    #[serde(rename = "find_from")]
    from: f64,
    #[serde(rename = "find_to")]
    to: f64,
    #[serde(rename = "find_steps")]
    steps: usize,
}

/// Searches and writes.
pub(crate) fn find(args: &Args, context: &RunContext, device: &Device) -> anyhow::Result<Found> {
    let Search { out_curve, out_curve_plot, find_from, find_to, find_steps, .. } = &args.search;
    let out = out_curve.as_ref().context("--find-learning-rate needs --out-curve")?;
    anyhow::ensure!(
        find_from < find_to,
        "find_from {find_from} is not below find_to {find_to}\n  help: begin lower or end higher"
    );
    // Dropped, an unfinished file leaves nothing.
    [Some(out.path()), out_curve_plot.as_deref()]
        .into_iter()
        .flatten()
        .try_for_each(|path| AtomicFile::create(path).map(drop))?;
    let search = LrFinder { from: *find_from, to: *find_to, steps: *find_steps };
    let range = Range { from: search.from, to: search.to, steps: search.steps };
    let inputs = Inputs::read(args, context, Some(&range))?;
    let task = inputs.task(context, device)?;
    let mut network = network(args, context, task.labels)?;
    network.to_device(device)?;
    let trainer = Trainer::new(task, args.settings.recipe(), network)?;
    let progress = context.progress("searching", search.steps as u64, "steps");
    let points = trainer.find_rate(search, &mut |point: &LrCurvePoint| {
        progress.inc(1);
        progress.message(format!("rate {:.1e}, loss {:.4}", point.learning_rate, point.loss));
    })?;
    progress.finish();
    let suggestion = suggest(&points, search.steps)?;
    let curve = LrCurve { points, suggestion };
    if let Some(path) = out_curve_plot {
        write_bytes(path, plot::svg(&curve).as_bytes())?;
    }
    out.write(&curve, &inputs.provenance)?;
    context.info(format!("the loss falls most steeply at a learning rate of {suggestion:.2e}"));
    let least = curve.points.iter().map(|point| point.smooth_loss).reduce(f64::min);
    let last_rate = curve.points.last().map(|point| point.learning_rate);
    Ok(Found { suggestion, steps: curve.points.len(), last_rate, least_loss: least })
}

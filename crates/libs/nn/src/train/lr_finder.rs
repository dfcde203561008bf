//! Learning rate finder (Smith 2015, arXiv 1506.01186), as fastai's `lr_find`.
//!
//! The learning rate grows by a constant factor per step until the loss diverges. Losses are
//! smoothed exponentially (0.98, bias corrected); the search ends when the smoothed loss is four
//! times its minimum. The suggestion is fastai's `steep`: the learning rate of the steepest
//! descent over the logarithm of the learning rate, without the first tenth and the last five points.

use crate::data::device_loader::DeviceBatch;
use crate::error::NnError;
use crate::train::accumulate::GradientAccumulator;
use crate::train::deferred_losses::{BatchLoss, DeferredLosses};
use crate::train::epoch::Epoch;
use crate::train::lr_scheduler::StepParams;
use crate::train::trainer::{EpochExit, Trainer, ids};
use hpa_artifacts::LrCurvePoint;
use serde::Serialize;

/// Weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.98;
/// The search ends at this multiple of the smallest smoothed loss.
const DIVERGED: f64 = 4.0;

/// Range of learning rates to try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LrFinder {
    /// Smallest learning rate.
    #[serde(rename = "find_from")]
    pub from: f64,
    /// Largest learning rate, reached only if the loss does not diverge before.
    #[serde(rename = "find_to")]
    pub to: f64,
    /// Number of steps.
    #[serde(rename = "find_steps")]
    pub steps: usize,
}

impl LrFinder {
    /// Learning rate of a step, from 0.
    #[must_use]
    pub fn learning_rate(&self, step: usize) -> f64 {
        self.from * (self.to / self.from).powf(step as f64 / self.steps as f64)
    }
}

/// Exponentially smoothed loss with bias correction.
#[derive(Default)]
struct SmoothLoss {
    mean: f64,
    count: i32,
    minimum: f64,
}

impl SmoothLoss {
    fn push(&mut self, loss: f64) -> f64 {
        self.count += 1;
        self.mean = SMOOTHING * self.mean + (1.0 - SMOOTHING) * loss;
        let smooth = self.mean / (1.0 - SMOOTHING.powi(self.count));
        self.minimum = if self.count == 1 { smooth } else { self.minimum.min(smooth) };
        smooth
    }
}

impl Trainer<'_> {
    /// Takes steps at growing learning rates; the weights are useless afterwards.
    ///
    /// # Errors
    /// When images cannot be read or the GPU's memory is full.
    pub fn find_lr(
        mut self,
        finder: LrFinder,
        on_step: &mut dyn FnMut(&LrCurvePoint),
    ) -> Result<Vec<LrCurvePoint>, NnError> {
        let mut points: Vec<LrCurvePoint> = Vec::new();
        let mut smooth = SmoothLoss::default();
        for number in 0.. {
            let epoch = if number == 0 {
                self.begin_epoch()?
            } else {
                Epoch::new(&self.data, &self.config, number)
            };
            let side_px = self.side_px();
            let device = self.network.candle_device().clone();
            let outcome = epoch.for_each_batch(&epoch.batches, side_px, &device, |batch| {
                let learning_rate = finder.learning_rate(points.len());
                let Some(loss) = self.trial_step(&epoch, batch, learning_rate)? else {
                    return Err(EpochExit::Stopped);
                };
                let smooth_loss = smooth.push(loss);
                let step = u32::try_from(points.len()).unwrap_or(u32::MAX);
                let point = LrCurvePoint { step, learning_rate, loss, smooth_loss };
                on_step(&point);
                points.push(point);
                let has_diverged = smooth_loss > DIVERGED * smooth.minimum;
                let is_done = has_diverged || points.len() >= finder.steps;
                if is_done { Err(EpochExit::Stopped) } else { Ok(()) }
            });
            match outcome {
                Ok(()) => {}
                Err(EpochExit::Stopped) => break,
                Err(EpochExit::Failed(error)) => return Err(self.explain_oom(error)),
            }
        }
        Ok(points)
    }

    /// One step at this learning rate; its loss, or none when training has diverged.
    fn trial_step(
        &mut self,
        epoch: &Epoch<'_>,
        batch: DeviceBatch,
        learning_rate: f64,
    ) -> Result<Option<f64>, NnError> {
        let losses = DeferredLosses::new(0, self.config.loss.chance_level(self.data.labels), false);
        let ids = ids(&batch, epoch.dataset().samples);
        let samples = ids.len();
        let (loss, gradients) = self.value_and_grad(batch)?;
        let loss = match losses.read(&[BatchLoss { batch: 0, ids, loss }]) {
            Ok(losses) => losses[0] * samples as f64 / samples as f64,
            Err(NnError::Diverged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parameters = self.network.parameters().values();
        // Rounds as a step of several batches does.
        let steps = self.config.run.gradient_accumulation_steps;
        let mut accumulator = GradientAccumulator::new(steps);
        accumulator.add(gradients, samples, parameters.clone())?;
        if let Some(gradients) = accumulator.take(parameters.clone())? {
            let max_norm = self.config.optimizer.grad_clip_norm;
            if max_norm > 0.0 && !gradients.clip(parameters, max_norm)?.is_finite() {
                return Ok(None);
            }
            let momentum = self.config.optimizer.momentum;
            self.optimizer.step_with(&gradients, StepParams { learning_rate, momentum })?;
        }
        Ok(Some(loss))
    }
}

/// The learning rate at the steepest descent of the smoothed loss: fastai's `steep`.
///
/// # Errors
/// When no points are left without the first tenth of `steps` and the last five.
pub fn suggest(points: &[LrCurvePoint], steps: usize) -> Result<f64, NnError> {
    let kept = points.get(steps / 10..points.len().saturating_sub(5)).unwrap_or_default();
    let slope = |pair: &[LrCurvePoint]| {
        (pair[1].smooth_loss - pair[0].smooth_loss)
            / (pair[1].learning_rate.ln() - pair[0].learning_rate.ln())
    };
    let slopes = kept.windows(2).map(|pair| (slope(pair), pair[0].learning_rate));
    // The first of equals, as NumPy's argmin.
    let steepest = slopes.reduce(|least, next| if next.0 < least.0 { next } else { least });
    steepest.map(|(_, learning_rate)| learning_rate).ok_or(NnError::ShortCurve(points.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of fastai 2's `SchedExp`, `AvgSmoothLoss(.98)` and `steep` for these losses, from
    /// `tests/golden/lr_finder.py`.
    #[test]
    fn smoothing_and_suggestion_equal_fastai() {
        let finder = LrFinder { from: 1e-7, to: 10.0, steps: 60 };
        let mut smooth = SmoothLoss::default();
        let points: Vec<LrCurvePoint> = (0..60)
            .map(|step| {
                let x = f64::from(step) / 60.0;
                let loss =
                    3.0 - 2.0 / (1.0 + (-(x - 0.6) * 20.0).exp()) + 40.0 * (x - 0.8).max(0.0);
                let learning_rate = finder.learning_rate(step as usize);
                LrCurvePoint { step, learning_rate, loss, smooth_loss: smooth.push(loss) }
            })
            .collect();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} is not {b}");
        near(points[30].learning_rate, GOLDEN[0]);
        near(points[30].smooth_loss, GOLDEN[1]);
        near(points[59].smooth_loss, GOLDEN[2]);
        near(suggest(&points, 60).unwrap(), GOLDEN[3]);
        assert!(matches!(suggest(&points[..9], 60), Err(NnError::ShortCurve(9))));
    }

    const GOLDEN: [f64; 4] =
        [0.001, 2.963_813_462_913_970_7, 3.107_445_197_935_175, 0.029_286_445_646_252_372];
}

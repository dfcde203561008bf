//! The search for a learning rate (Smith 2015, arXiv 1506.01186), as fastai's `lr_find` does it.
//!
//! The rate grows by an even factor from step to step, from nearly nothing until the loss
//! explodes. Losses are smoothed exponentially (0.98, bias corrected), and the search ends where
//! the smoothed loss is four times its least. The suggestion is the rate at which it falls most
//! steeply over the logarithm of the rate, the first tenth and the last five points left out.

use crate::data::dataset::Dataset;
use crate::data::device_loader::DeviceBatch;
use crate::error::NnError;
use crate::train::accumulate::{GradientAccumulator, Halt};
use crate::train::epoch::Epoch;
use crate::train::lr_scheduler::StepParams;
use crate::train::trainer::Trainer;
use hpa_artifacts::LrCurvePoint;

/// Share of the old in a smoothed loss.
const SMOOTHING: f64 = 0.98;
/// So many times the least smoothed loss is an explosion.
const EXPLOSION: f64 = 4.0;

/// Where to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrFinder {
    /// The first rate.
    pub from: f64,
    /// The last, if the loss does not explode before.
    pub to: f64,
    /// How many steps.
    pub steps: usize,
}

impl LrFinder {
    /// The rate of a step, from 0.
    #[must_use]
    pub fn rate(&self, step: usize) -> f64 {
        self.from * (self.to / self.from).powf(step as f64 / self.steps as f64)
    }
}

/// The losses so far, smoothed.
#[derive(Default)]
struct Smooth {
    mean: f64,
    count: i32,
    least: f64,
}

impl Smooth {
    fn push(&mut self, loss: f64) -> f64 {
        self.count += 1;
        self.mean = SMOOTHING * self.mean + (1.0 - SMOOTHING) * loss;
        let smooth = self.mean / (1.0 - SMOOTHING.powi(self.count));
        self.least = if self.count == 1 { smooth } else { self.least.min(smooth) };
        smooth
    }
}

impl Trainer<'_> {
    /// Takes steps at growing rates; the network is of no use afterwards.
    ///
    /// # Errors
    /// When images cannot be read.
    pub fn find_rate(
        mut self,
        search: LrFinder,
        on_step: &mut dyn FnMut(&LrCurvePoint),
    ) -> Result<Vec<LrCurvePoint>, NnError> {
        let (mut points, mut smooth) = (Vec::new(), Smooth::default());
        for number in 0.. {
            let epoch = if number == 0 {
                self.open_epoch()?
            } else {
                Epoch::new(&self.task, &self.recipe, number)
            };
            let train = epoch.dataset();
            let (side, device) = (self.side(), self.network.candle_device().clone());
            let outcome = epoch.for_each_batch(&epoch.batches, (side, &device), |batch| {
                let learning_rate = search.rate(points.len());
                let Some(loss) = self.trial(train, batch, learning_rate)? else {
                    return Err(Halt::Stopped);
                };
                let smooth_loss = smooth.push(loss);
                let step = u32::try_from(points.len()).unwrap_or(u32::MAX);
                points.push(LrCurvePoint { step, learning_rate, loss, smooth_loss });
                on_step(&points[points.len() - 1]);
                let ends = smooth_loss > EXPLOSION * smooth.least || points.len() >= search.steps;
                if ends { Err(Halt::Stopped) } else { Ok(()) }
            });
            match outcome {
                Ok(()) => self.place.batches = 0,
                Err(Halt::Stopped) => break,
                Err(Halt::Failed(error)) => return Err(self.explained(error)),
            }
        }
        Ok(points)
    }

    /// One step at this rate; its loss, or nothing where that is past all use.
    fn trial(
        &mut self,
        train: Dataset<'_>,
        batch: DeviceBatch,
        learning_rate: f64,
    ) -> Result<Option<f64>, NnError> {
        let mut pending = GradientAccumulator::default();
        let outcome = self.learn(train, batch, &mut pending).and_then(|()| {
            let unread = std::mem::take(&mut pending.unread);
            Ok(pending.loss + self.read(&unread)?)
        });
        let loss = match outcome {
            Err(NnError::Diverged { .. }) => return Ok(None),
            other => other? / pending.samples as f64,
        };
        let momentum = self.recipe.momentum;
        match self.apply(&pending, StepParams { learning_rate, momentum }) {
            Err(NnError::Diverged { .. }) => Ok(None),
            other => other.map(|()| Some(loss)),
        }
    }
}

/// The rate at which the smoothed loss falls most steeply: fastai's `steep`.
///
/// # Errors
/// When too few points are left after the first tenth of `steps` and the last five.
pub fn suggest(points: &[LrCurvePoint], steps: usize) -> Result<f64, NnError> {
    let kept = points.get(steps / 10..points.len().saturating_sub(5)).unwrap_or_default();
    let slope = |pair: &[LrCurvePoint]| {
        (pair[1].smooth_loss - pair[0].smooth_loss)
            / (pair[1].learning_rate.ln() - pair[0].learning_rate.ln())
    };
    let steepest = kept.windows(2).map(|pair| (slope(pair), pair[0].learning_rate));
    // The first of equals, as NumPy's argmin.
    let least = steepest.reduce(|least, next| if next.0 < least.0 { next } else { least });
    least.map(|(_, rate)| rate).ok_or(NnError::ShortCurve(points.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fastai 2's `SchedExp`, `AvgSmoothLoss(.98)` and `steep` make of these losses; the
    /// script is `tests/golden/rate_finder.py`.
    #[test]
    fn smoothing_and_suggestion_are_fastais() {
        let search = LrFinder { from: 1e-7, to: 10.0, steps: 60 };
        let mut smooth = Smooth::default();
        let points: Vec<LrCurvePoint> = (0..60)
            .map(|step| {
                let x = f64::from(step) / 60.0;
                let loss =
                    3.0 - 2.0 / (1.0 + (-(x - 0.6) * 20.0).exp()) + 40.0 * (x - 0.8).max(0.0);
                let learning_rate = search.rate(step as usize);
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

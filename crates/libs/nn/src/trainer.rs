//! Training, epoch by epoch.

use crate::dataset::{Dataset, shuffled_batches};
use crate::error::NnError;
use crate::inference::{Answers, answers};
use crate::loader::{Batch, Preparation, for_each_batch};
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::recipe::{Keep, Recipe};
use crate::schedule::{Pace, Schedule};
use crate::state::State;
use crate::statistics::ChannelStatistics;
use crate::tta::TestTimeAugmentation;
use candle_core::{Device, Tensor};
use hpa_artifacts::{HistoryRow, Weights};
use hpa_core::Channel;
use std::collections::BTreeMap;
use std::time::Instant;

/// A loss this many times that of a network that knows nothing is no longer training.
const EXPLODED: f64 = 1000.0;

/// What is learnt, and from what.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// Samples to learn from.
    pub train: Dataset<'a>,
    /// Samples held out.
    pub valid: Dataset<'a>,
    /// How many labels there are.
    pub labels: usize,
    /// What images are normalised with.
    pub statistics: ChannelStatistics,
    /// Threads that load images.
    pub workers: usize,
}

/// One step, for progress and speed.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Samples in the batch.
    pub samples: usize,
    /// Its loss.
    pub loss: f64,
    /// Time from the end of the step before to the end of this one.
    pub seconds: f64,
}

/// A network in training.
pub struct Trainer<'a> {
    task: Task<'a>,
    recipe: Recipe,
    schedule: Schedule,
    network: Network,
    optimizer: Optimizer,
    steps: usize,
    history: Vec<HistoryRow>,
    /// Tensors of the best epoch so far, where it is the one to be kept.
    best: Option<BTreeMap<String, Weights>>,
}

impl<'a> Trainer<'a> {
    /// A network before its first step.
    ///
    /// # Errors
    /// When there are too few samples or the images are too small for the network.
    pub fn new(task: Task<'a>, recipe: Recipe, mut network: Network) -> Result<Self, NnError> {
        if task.train.len() < 2 {
            return Err(NnError::TooFewSamples(task.train.len()));
        }
        let (size_px, architecture) = (task.train.store.size_px(), network.architecture().name());
        // The last map is S/32 wide; below that side nothing is left to look at.
        let least = 32;
        if size_px < least {
            return Err(NnError::TooSmall { architecture, size_px, least });
        }
        let schedule = Schedule {
            shape: recipe.schedule,
            max_learning_rate: recipe.max_learning_rate,
            momentum: recipe.momentum,
            steps: recipe.epochs * task.train.len().div_ceil(recipe.batch_size),
        };
        network.set_precision(recipe.precision);
        let optimizer = Optimizer::new(&network, &recipe)?;
        let (steps, history, best) = (0, Vec::new(), None);
        Ok(Self { task, recipe, schedule, network, optimizer, steps, history, best })
    }

    /// The epochs so far.
    #[must_use]
    pub fn history(&self) -> &[HistoryRow] {
        &self.history
    }

    /// Whether all epochs are done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.history.len() >= self.recipe.epochs
    }

    /// Training images that are still to be seen.
    #[must_use]
    pub const fn images_to_go(&self) -> usize {
        (self.recipe.epochs.saturating_sub(self.history.len())) * self.task.train.len()
    }

    /// Trains for one epoch and scores the samples held out.
    ///
    /// # Errors
    /// When images cannot be read or the loss is no longer a sensible number.
    pub fn epoch(&mut self, on_step: &mut dyn FnMut(Step)) -> Result<(), NnError> {
        let (epoch, task, recipe) = (self.history.len(), self.task, self.recipe);
        let augmentation = recipe.augmentation;
        let view = |index: usize| {
            let id = &task.train.samples[index].id;
            vec![augmentation.draw(recipe.seed, epoch as u64, id)]
        };
        let preparation =
            Preparation { views: &view, statistics: task.statistics, workers: task.workers };
        let batches =
            shuffled_batches(task.train.len(), recipe.batch_size, recipe.seed, epoch as u64);
        let (mut sum, mut number, mut pace) = (0.0, 0, self.schedule.pace(self.steps));
        let mut clock = Instant::now();
        for_each_batch(task.train, &batches, &preparation, |batch| {
            let indices = batch.indices.clone();
            pace = self.schedule.pace(self.steps);
            let loss = self.step(batch, pace)?;
            if loss.is_nan() || loss > EXPLODED * recipe.loss.of_ignorance(task.labels) {
                let ids = indices.iter().map(|&index| task.train.samples[index].id.clone());
                return Err(NnError::Diverged { epoch, batch: number, loss, ids: ids.collect() });
            }
            let samples = indices.len();
            sum += loss * samples as f64;
            number += 1;
            on_step(Step { samples, loss, seconds: clock.elapsed().as_secs_f64() });
            clock = Instant::now();
            Ok(())
        })?;
        self.close_epoch(sum / task.train.len() as f64, pace.learning_rate)
    }

    /// One step of the optimiser; the loss before it.
    fn step(&mut self, batch: Batch, pace: Pace) -> Result<f64, NnError> {
        let (count, size_px) = (batch.indices.len(), self.task.train.store.size_px());
        let labels = self.task.labels;
        let targets = self.task.train.targets(&batch.indices, labels);
        let targets = Tensor::from_vec(targets, (count, labels), &Device::Cpu)?;
        let shape = (count, size_px, size_px, Channel::COUNT);
        let images = Tensor::from_vec(batch.images, shape, &Device::Cpu)?;
        let (network, loss) = (&mut self.network, self.recipe.loss);
        let (loss, gradients) =
            hpa_ops::differentiate(|| loss.of(&network.forward_train(&images)?, &targets))?;
        self.optimizer.step(&gradients, pace)?;
        self.steps += 1;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    /// Scores the samples held out and enters the epoch into the history.
    fn close_epoch(&mut self, train_loss: f64, learning_rate: f64) -> Result<(), NnError> {
        let epoch = self.history.len();
        let (valid_loss, valid_macro_f1) = self.validate()?;
        for (what, value) in
            [("the training loss", train_loss), ("the loss on the fold held out", valid_loss)]
        {
            if !value.is_finite() {
                return Err(NnError::NotFinite { epoch, what: what.to_owned() });
            }
        }
        let number = u32::try_from(epoch).unwrap_or(u32::MAX);
        self.history.push(HistoryRow {
            epoch: number,
            train_loss,
            valid_loss,
            valid_macro_f1,
            learning_rate,
        });
        if self.recipe.keep == Keep::Best && best_epoch(&self.history) == Some(epoch) {
            self.best = Some(self.network.tensors()?);
        }
        Ok(())
    }

    /// Loss, and macro F1 at threshold 0.5, of the samples held out.
    fn validate(&self) -> Result<(f64, f64), NnError> {
        let Task { valid, labels, statistics, workers, .. } = self.task;
        let evaluator = self.network.evaluator()?;
        let Answers { logits, .. } = answers(
            &evaluator,
            valid,
            (TestTimeAugmentation::None, statistics, workers),
            &mut |_| {},
        )?;
        let targets = valid.targets(&(0..valid.len()).collect::<Vec<_>>(), labels);
        let matrix =
            |values: &[f32]| Tensor::from_slice(values, (valid.len(), labels), &Device::Cpu);
        let loss = self.recipe.loss.of(&matrix(&logits)?, &matrix(&targets)?)?;
        let truth: Vec<bool> = targets.iter().map(|&target| target > 0.5).collect();
        let decided: Vec<bool> = logits.iter().map(|&logit| logit > 0.0).collect();
        let score = hpa_metrics::macro_f1(&truth, &decided, labels);
        Ok((f64::from(loss.to_scalar::<f32>()?), score))
    }

    /// The tensors to keep: those of the last epoch or of the best.
    ///
    /// # Errors
    /// When a weight is not finite.
    pub fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        let tensors = match &self.best {
            Some(best) => best.clone(),
            None => self.network.tensors()?,
        };
        let broken = tensors.iter().find(|(_, w)| w.values.iter().any(|value| !value.is_finite()));
        if let Some((name, _)) = broken {
            let epoch = self.history.len().saturating_sub(1);
            return Err(NnError::NotFinite { epoch, what: format!("a weight of {name}") });
        }
        Ok(tensors)
    }

    /// All that the next epoch needs.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn state(&self) -> Result<State, NnError> {
        let (steps, history) = (self.steps as u64, self.history.clone());
        let mut state = State { tensors: BTreeMap::new(), steps, history };
        state.put("network", self.network.tensors()?);
        state.put("optimizer", self.optimizer.state()?);
        state.put("best", self.best.clone().unwrap_or_default());
        Ok(state)
    }

    /// Goes on from where a state was taken.
    ///
    /// # Errors
    /// When its tensors do not fit.
    pub fn restore(&mut self, mut state: State) -> Result<(), NnError> {
        self.network.set_tensors(state.take("network"))?;
        self.optimizer.load(state.take("optimizer"))?;
        let best = state.take("best");
        self.best = (!best.is_empty()).then_some(best);
        self.steps = usize::try_from(state.steps).unwrap_or(usize::MAX);
        self.history = state.history;
        Ok(())
    }
}

/// The epoch with the best macro F1; the smaller loss, then the earlier epoch decides a tie.
fn best_epoch(history: &[HistoryRow]) -> Option<usize> {
    let better = |a: &HistoryRow, b: &HistoryRow| {
        let by_score = a.valid_macro_f1.total_cmp(&b.valid_macro_f1);
        by_score.then(b.valid_loss.total_cmp(&a.valid_loss)).then(b.epoch.cmp(&a.epoch))
    };
    (0..history.len()).max_by(|&a, &b| better(&history[a], &history[b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_epoch_is_decided_by_score_then_loss_then_order() {
        let row = |epoch, valid_macro_f1, valid_loss| HistoryRow {
            epoch,
            train_loss: 0.0,
            valid_loss,
            valid_macro_f1,
            learning_rate: 0.0,
        };
        let history = [row(0, 0.2, 1.0), row(1, 0.3, 0.9), row(2, 0.3, 0.8), row(3, 0.3, 0.8)];
        assert_eq!(best_epoch(&history), Some(2));
        assert_eq!(best_epoch(&history[..2]), Some(1));
        assert_eq!(best_epoch(&[]), None);
    }
}

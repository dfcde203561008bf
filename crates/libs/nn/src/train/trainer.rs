//! Training, epoch by epoch.
//!
//! A step is taken from one batch, or from several whose gradients are averaged. Between two
//! steps, training can be left with its [`TrainState`] and taken up again.

use crate::data::dataset::Dataset;
use crate::data::statistics::ChannelStatistics;
use crate::error::NnError;
use crate::models::Network;
use crate::train::accumulate::{GradientAccumulator, Halt};
use crate::train::deferred_losses::DeferredLosses;
use crate::train::ema::ModelEma;
use crate::train::epoch::Epoch;
use crate::train::monitor::best_epoch;
use crate::train::optimizer::Optimizer;
use crate::train::recipe::{CheckpointPolicy, Recipe};
use crate::train::state::{Position, TrainState};
use crate::train::timetable::LrScheduler;
use crate::train::validate::{Validation, validate};
use crate::train::watch::{Step, StepCallback};
use hpa_artifacts::{HistoryRow, Weights};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// What is learnt, and from what.
#[derive(Clone, Copy)]
pub struct TrainData<'a> {
    /// Samples to learn from.
    pub train: Dataset<'a>,
    /// Samples held out.
    pub valid: Dataset<'a>,
    /// How many labels there are.
    pub labels: usize,
    /// How much each label counts in the loss; empty where all count once.
    pub label_weights: &'a [f32],
    /// What images are normalised with.
    pub statistics: ChannelStatistics,
    /// Threads that load images.
    pub workers: usize,
}

/// A network in training.
pub struct Trainer<'a> {
    pub(crate) task: TrainData<'a>,
    pub(crate) recipe: Recipe,
    timetable: LrScheduler,
    pub(crate) network: Network,
    pub(crate) optimizer: Optimizer,
    average: Option<ModelEma>,
    pub(crate) place: Position,
    history: Vec<HistoryRow>,
    /// Tensors of the best epoch so far, where it is the one to be kept.
    best: Option<BTreeMap<String, Weights>>,
    /// Whether losses are looked at some steps later: where to look is to wait.
    pub(crate) deferred_loss: bool,
}

impl<'a> Trainer<'a> {
    /// A network before its first step.
    ///
    /// # Errors
    /// When there are too few samples or the images are too small for the network.
    pub fn new(task: TrainData<'a>, recipe: Recipe, mut network: Network) -> Result<Self, NnError> {
        if task.train.len() < 2 {
            return Err(NnError::TooFewSamples(task.train.len()));
        }
        let (size_px, architecture) = (task.train.store.size_px(), network.architecture().name());
        // The last map is S/32 wide; below that side nothing is left to look at.
        let least = 32;
        if size_px < least {
            return Err(NnError::TooSmall { architecture, size_px, least });
        }
        if let Some(wanted) = recipe.course.sizes.sides().find(|&side| side > size_px) {
            return Err(NnError::Enlarging { wanted, stored: size_px });
        }
        let batches = recipe.sampling.length(task.train.samples).div_ceil(recipe.batch_size);
        let timetable = LrScheduler::new(&recipe, batches.div_ceil(recipe.course.accumulate));
        network.set_precision(recipe.precision);
        let optimizer = Optimizer::new(&network, &recipe)?;
        let decay = recipe.course.ema_decay;
        let average = (decay > 0.0).then(|| ModelEma::new(&network, decay)).transpose()?;
        let (place, history, best) = (Position::default(), Vec::new(), None);
        let deferred_loss = !network.candle_device().is_cpu();
        Ok(Self {
            task,
            recipe,
            timetable,
            network,
            optimizer,
            average,
            place,
            history,
            best,
            deferred_loss,
        })
    }

    /// The epochs so far.
    #[must_use]
    pub fn history(&self) -> &[HistoryRow] {
        &self.history
    }

    /// How many steps there have been.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.place.steps
    }

    /// Whether all epochs are done, or no more are worth it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.timetable.is_done(&self.history)
    }

    /// Training images that are still to be seen, at most.
    #[must_use]
    pub fn images_to_go(&self) -> usize {
        let epochs = self.recipe.epochs.saturating_sub(self.history.len());
        let all = epochs * self.recipe.sampling.length(self.task.train.samples);
        all.saturating_sub(self.place.batches * self.recipe.batch_size)
    }

    /// Trains for one epoch, or for what is left of it, and scores the samples held out.
    ///
    /// # Errors
    /// When images cannot be read or the loss is no longer a sensible number.
    pub fn epoch(&mut self, on_step: &mut dyn FnMut(Step)) -> Result<(), NnError> {
        let watch = &mut |_: &Self, step| {
            on_step(step);
            Ok(ControlFlow::Continue(()))
        };
        self.train_epoch(watch).map(drop)
    }

    /// As [`Trainer::epoch`]; `watch` may end it after any step, and then it is not scored.
    ///
    /// # Errors
    /// As [`Trainer::epoch`], and those of `watch`.
    pub fn train_epoch(
        &mut self,
        on_step: StepCallback<'_, 'a>,
    ) -> Result<ControlFlow<()>, NnError> {
        let epoch = self.open_epoch()?;
        let (train, batches) = (epoch.dataset(), &epoch.batches);
        let (mut pending, mut ledger) = (GradientAccumulator::default(), DeferredLosses::new());
        let left = &batches[self.place.batches..];
        let (side, device) = (self.side(), self.network.candle_device().clone());
        let outcome = epoch.for_each_batch(left, (side, &device), |ready| {
            self.learn(train, ready, &mut pending)?;
            let is_last = self.place.batches >= batches.len();
            if pending.batches < self.recipe.course.accumulate && !is_last {
                return Ok(());
            }
            ledger.enter(self.step(&pending)?, std::mem::take(&mut pending));
            if ledger.is_due() || is_last { ledger.settle(self, on_step) } else { Ok(()) }
        });
        // What they hold on a card is not to be in the way of trial steps.
        drop((pending, ledger));
        match outcome {
            Ok(()) => self.close_epoch(train.len()).map(|()| ControlFlow::Continue(())),
            Err(Halt::Stopped) => Ok(ControlFlow::Break(())),
            Err(Halt::Failed(error)) => Err(self.explained(error)),
        }
    }

    /// The side of the present epoch's images.
    pub(crate) fn side(&self) -> usize {
        let stored = self.task.train.store.size_px();
        self.recipe.course.sizes.at(self.history.len()).unwrap_or(stored)
    }

    /// Prepares network and optimiser for the present epoch.
    pub(crate) fn open_epoch(&mut self) -> Result<Epoch<'a>, NnError> {
        let (epoch, recipe) = (self.history.len(), self.recipe);
        self.network.freeze(self.timetable.frozen(epoch));
        if self.timetable.unfreezes(epoch) && self.place.batches == 0 {
            // As fastai's unfreeze: what the head alone has learnt says little of the way of all.
            self.optimizer = Optimizer::new(&self.network, &recipe)?;
        }
        Ok(Epoch::new(&self.task, &recipe, epoch as u64))
    }

    /// One step of the optimiser from the gradients of its batches; its loss is for the ledger.
    fn step(&mut self, pending: &GradientAccumulator) -> Result<Step, NnError> {
        let samples = pending.samples;
        let pace = self.timetable.pace(self.place.steps, &self.history);
        self.apply(pending, pace)?;
        self.place.steps += 1;
        if let Some(average) = &mut self.average {
            average.update(&self.network, self.place.steps)?;
        }
        let (number, learning_rate) = (self.place.steps, pace.learning_rate);
        Ok(Step { number, samples, loss: 0.0, learning_rate, seconds: 0.0 })
    }

    /// Scores the samples held out and enters the epoch into the history.
    fn close_epoch(&mut self, samples: usize) -> Result<(), NnError> {
        let epoch = self.history.len();
        let train_loss = self.place.loss / samples as f64;
        let pace = self.timetable.pace(self.place.steps.saturating_sub(1), &self.history);
        let kept = self.kept()?;
        let Validation { loss, macro_f1, label_f1, label_loss, broken } = validate(
            &kept.as_ref().unwrap_or(&self.network).inference_model()?,
            &self.task,
            &self.recipe.loss,
        )?;
        if !broken.is_empty() {
            return Err(NnError::NonFinitePredictions { epoch, ids: broken });
        }
        let losses = [("the training loss", train_loss), ("the loss on the fold held out", loss)];
        for (what, value) in losses {
            if !value.is_finite() {
                return Err(NnError::NotFinite { epoch, what: what.to_owned() });
            }
        }
        self.history.push(HistoryRow {
            epoch: u32::try_from(epoch).unwrap_or(u32::MAX),
            train_loss,
            valid_loss: loss,
            valid_macro_f1: macro_f1,
            learning_rate: pace.learning_rate,
            valid_label_f1: label_f1,
            valid_label_loss: label_loss,
        });
        self.place = Position { steps: self.place.steps, ..Position::default() };
        if self.recipe.keep == CheckpointPolicy::Best && best_epoch(&self.history) == Some(epoch) {
            self.best = Some(self.present()?);
        }
        Ok(())
    }

    /// The averaged network, where there is one.
    fn kept(&self) -> Result<Option<Network>, NnError> {
        let Some(average) = &self.average else { return Ok(None) };
        let (architecture, labels) = (self.network.architecture(), self.task.labels);
        let mut network = Network::from_tensors(architecture, labels, average.tensors()?)?;
        network.to_device(&self.network.device())?;
        Ok(Some(network))
    }

    /// The tensors that would be kept if training ended now: the average's where there is one.
    fn present(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        self.average.as_ref().map_or_else(|| self.network.tensors(), ModelEma::tensors)
    }

    /// The tensors to keep: those of the last epoch or of the best.
    ///
    /// # Errors
    /// When a weight is not finite.
    pub fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        let tensors = match &self.best {
            Some(best) => best.clone(),
            None => self.present()?,
        };
        let broken = tensors.iter().find(|(_, w)| w.values.iter().any(|value| !value.is_finite()));
        if let Some((name, _)) = broken {
            let epoch = self.history.len().saturating_sub(1);
            return Err(NnError::NotFinite { epoch, what: format!("a weight of {name}") });
        }
        Ok(tensors)
    }

    /// All that the next step needs; to be asked for between two steps.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn state(&self) -> Result<TrainState, NnError> {
        let (place, history) = (self.place, self.history.clone());
        let mut state = TrainState { tensors: BTreeMap::new(), place, history };
        state.put("network", self.network.tensors()?);
        state.put("optimizer", self.optimizer.state()?);
        let average = self.average.as_ref().map(ModelEma::tensors).transpose()?;
        state.put("average", average.unwrap_or_default());
        state.put("best", self.best.clone().unwrap_or_default());
        Ok(state)
    }

    /// Goes on from where a state was taken.
    ///
    /// # Errors
    /// When its tensors do not fit.
    pub fn restore(&mut self, mut state: TrainState) -> Result<(), NnError> {
        self.network.set_tensors(state.take("network"))?;
        self.optimizer.load(state.take("optimizer"))?;
        if let Some(average) = &mut self.average {
            average.restore(state.take("average"), self.network.candle_device())?;
        }
        let best = state.take("best");
        self.best = (!best.is_empty()).then_some(best);
        self.place = state.place;
        self.history = state.history;
        Ok(())
    }
}

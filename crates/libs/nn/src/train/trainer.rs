//! The training loop: from batches to optimizer steps, epoch by epoch.
//!
//! [`Trainer::train_epoch`] is the loop; a step can be followed there from top to bottom. Between
//! two steps, training can be stopped with its [`TrainState`] and resumed.

use crate::config::{CheckpointPolicy, TrainConfig};
use crate::data::device_loader::DeviceBatch;
use crate::error::NnError;
use crate::models::Network;
use crate::train::accumulate::GradientAccumulator;
use crate::train::deferred_losses::{BatchLoss, DeferredLosses, Step};
use crate::train::ema::ModelEma;
use crate::train::epoch::{Epoch, TrainData};
use crate::train::lr_scheduler::LrScheduler;
use crate::train::monitor::best_epoch;
use crate::train::oom;
use crate::train::optimizer::Optimizer;
use crate::train::state::{Position, TrainState};
use crate::train::validate::{Validation, validate};
use candle_core::Tensor;
use hpa_artifacts::{HistoryRow, Weights};
use hpa_core::SampleId;
use hpa_ops::Gradients;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Called after each step; [`ControlFlow::Break`] ends the epoch there.
pub type StepCallback<'c, 'a> =
    &'c mut dyn FnMut(&Trainer<'a>, Step) -> Result<ControlFlow<()>, NnError>;

/// A network in training.
pub struct Trainer<'a> {
    pub(crate) data: TrainData<'a>,
    pub(crate) config: TrainConfig,
    scheduler: LrScheduler,
    pub(crate) network: Network,
    pub(crate) optimizer: Optimizer,
    ema: Option<ModelEma>,
    position: Position,
    history: Vec<HistoryRow>,
    /// Tensors of the best epoch so far, where the checkpoint is to hold it.
    best: Option<BTreeMap<String, Weights>>,
    /// Whether losses are read some steps later, because reading waits for the GPU.
    deferred_loss: bool,
}

/// Why an epoch ends before its last batch.
pub(crate) enum EpochExit {
    /// The callback asked for it.
    Stopped,
    Failed(NnError),
}

impl From<NnError> for EpochExit {
    fn from(error: NnError) -> Self {
        Self::Failed(error)
    }
}

impl From<candle_core::Error> for EpochExit {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Smallest image side: the last feature map is S/32 wide.
const MIN_SIDE_PX: usize = 32;

impl<'a> Trainer<'a> {
    /// A network before its first step.
    ///
    /// # Errors
    /// When there are too few samples or the images are too small for the network.
    pub fn new(
        data: TrainData<'a>,
        config: TrainConfig,
        mut network: Network,
    ) -> Result<Self, NnError> {
        if data.train.len() < 2 {
            return Err(NnError::TooFewSamples(data.train.len()));
        }
        let size_px = data.train.store.size_px();
        if size_px < MIN_SIDE_PX {
            let architecture = network.architecture().name();
            return Err(NnError::TooSmall { architecture, size_px, least: MIN_SIDE_PX });
        }
        if let Some(wanted) = config.run.progressive_resize.sides_px().find(|&px| px > size_px) {
            return Err(NnError::Enlarging { wanted, stored: size_px });
        }
        let batches = config.sampler.len(data.train.samples).div_ceil(config.run.batch_size);
        let steps_per_epoch = batches.div_ceil(config.run.gradient_accumulation_steps);
        let scheduler = LrScheduler::new(&config, steps_per_epoch);
        network.set_precision(config.run.precision);
        let optimizer = Optimizer::for_network(&network, &config)?;
        let decay = config.run.ema_decay;
        let ema = (decay > 0.0).then(|| ModelEma::new(&network, decay)).transpose()?;
        let deferred_loss = !network.candle_device().is_cpu();
        Ok(Self {
            data,
            config,
            scheduler,
            network,
            optimizer,
            ema,
            position: Position::default(),
            history: Vec::new(),
            best: None,
            deferred_loss,
        })
    }

    /// The epochs so far.
    #[must_use]
    pub fn history(&self) -> &[HistoryRow] {
        &self.history
    }

    /// Optimizer steps so far.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.position.steps
    }

    /// Whether all epochs are done or early stopping ends the run.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.scheduler.is_done(&self.history)
    }

    /// Training images left, without early stopping.
    #[must_use]
    pub fn images_to_go(&self) -> usize {
        let epochs = self.config.run.epochs.saturating_sub(self.history.len());
        let images = epochs * self.config.sampler.len(self.data.train.samples);
        images.saturating_sub(self.position.batches * self.config.run.batch_size)
    }

    /// As [`Trainer::train_epoch`], to the end of the epoch.
    ///
    /// # Errors
    /// As [`Trainer::train_epoch`].
    pub fn epoch(&mut self, on_step: &mut dyn FnMut(Step)) -> Result<(), NnError> {
        let callback = &mut |_: &Self, step| {
            on_step(step);
            Ok(ControlFlow::Continue(()))
        };
        self.train_epoch(callback).map(drop)
    }

    /// Trains for one epoch, or for the rest of it, and validates; an epoch that `on_step` ends
    /// is not validated.
    ///
    /// # Errors
    /// When images cannot be read, training has diverged, the GPU's memory is full, or `on_step`
    /// fails.
    pub fn train_epoch(
        &mut self,
        on_step: StepCallback<'_, 'a>,
    ) -> Result<ControlFlow<()>, NnError> {
        let epoch = self.begin_epoch()?;
        let train = epoch.dataset();
        let side_px = self.side_px();
        let device = self.network.candle_device().clone();
        let chance_level = self.config.loss.chance_level(self.data.labels);
        let mut losses = DeferredLosses::new(self.history.len(), chance_level, self.deferred_loss);
        let mut accumulator = GradientAccumulator::new(self.config.run.gradient_accumulation_steps);
        let mut step_losses = Vec::new(); // of the batches in the accumulator
        let remaining = &epoch.batches[self.position.batches..];
        let outcome = epoch.for_each_batch(remaining, side_px, &device, |batch| {
            let ids = ids(&batch, train.samples);
            let samples = ids.len();
            let (loss, gradients) = self.value_and_grad(batch)?;
            let batch_loss = BatchLoss { batch: self.position.batches, ids, loss };
            if !self.deferred_loss {
                losses.read(std::slice::from_ref(&batch_loss))?;
            }
            step_losses.push(batch_loss);
            accumulator.add(gradients, samples, self.network.parameters().values())?;
            self.position.batches += 1;
            let is_last = self.position.batches >= epoch.batches.len();
            if !accumulator.is_full() && !is_last {
                return Ok(());
            }

            let params = self.scheduler.step_params(self.position.steps, &self.history);
            let parameters = self.network.parameters().values();
            if let Some(gradients) = accumulator.take(parameters.clone())? {
                let max_norm = self.config.optimizer.grad_clip_norm;
                if max_norm > 0.0 {
                    let norm = gradients.clip(parameters, max_norm)?;
                    if !norm.is_finite() {
                        let ids = step_losses.iter().flat_map(|loss| loss.ids.clone()).collect();
                        return Err(losses.diverged(self.position.batches - 1, norm, ids).into());
                    }
                }
                self.optimizer.step_with(&gradients, params)?;
            }
            self.position.steps += 1;
            if let Some(ema) = &mut self.ema {
                ema.update(&self.network, self.position.steps)?;
            }

            let step = Step {
                number: self.position.steps,
                samples: step_losses.iter().map(|loss| loss.ids.len()).sum(),
                loss: 0.0, // read by `flush`
                learning_rate: params.learning_rate,
                seconds: 0.0,
            };
            losses.push(step, std::mem::take(&mut step_losses));
            if losses.is_full() || is_last {
                for step in losses.flush(&mut self.position.loss)? {
                    if on_step(self, step)?.is_break() {
                        return Err(EpochExit::Stopped);
                    }
                }
            }
            Ok(())
        });
        // Free GPU memory before the OOM trial steps.
        drop((accumulator, step_losses, losses));
        match outcome {
            Ok(()) => self.end_epoch(train.len()).map(|()| ControlFlow::Continue(())),
            Err(EpochExit::Stopped) => Ok(ControlFlow::Break(())),
            Err(EpochExit::Failed(error)) => Err(self.explain_oom(error)),
        }
    }

    /// Forward and backward pass of a batch: the loss, a scalar on the device, and the gradients.
    pub(crate) fn value_and_grad(
        &mut self,
        batch: DeviceBatch,
    ) -> Result<(Tensor, Gradients), NnError> {
        let DeviceBatch { images, targets, .. } = batch;
        let targets = targets.as_ref().expect("training loads targets");
        let (network, loss) = (&mut self.network, &self.config.loss);
        let label_weights = self.data.label_weights;
        Ok(hpa_ops::value_and_grad(|| {
            let logits = network.forward_train(&images)?; // [N, L]
            loss.loss(&logits, targets, label_weights)
        })?)
    }

    /// Image side of the present epoch in pixels.
    pub(crate) fn side_px(&self) -> usize {
        let stored = self.data.train.store.size_px();
        self.config.run.progressive_resize.side_px(self.history.len()).unwrap_or(stored)
    }

    /// Freezes or unfreezes the body for the present epoch and draws its samples.
    pub(crate) fn begin_epoch(&mut self) -> Result<Epoch<'a>, NnError> {
        let epoch = self.history.len();
        self.network.freeze(self.scheduler.frozen_batch_norm(epoch));
        if self.scheduler.unfreezes(epoch) && self.position.batches == 0 {
            // Like fastai's `unfreeze`: drop optimizer state gathered while the body was frozen.
            self.optimizer = Optimizer::for_network(&self.network, &self.config)?;
        }
        Ok(Epoch::new(&self.data, &self.config, epoch as u64))
    }

    /// An error of a step; if the GPU's memory is full, with the largest batch that fits.
    pub(crate) fn explain_oom(&mut self, error: NnError) -> NnError {
        let samples = self.config.sampler.len(self.data.train.samples);
        let batch_size = self.config.run.batch_size.min(samples);
        let side_px = self.side_px();
        oom::explain(&mut self.network, error, batch_size, side_px)
    }

    /// Validates and adds the epoch to the history.
    fn end_epoch(&mut self, samples: usize) -> Result<(), NnError> {
        let epoch = self.history.len();
        let train_loss = self.position.loss / samples as f64;
        let last_step = self.position.steps.saturating_sub(1);
        let params = self.scheduler.step_params(last_step, &self.history);
        let eval_model = self.eval_model()?;
        let model = eval_model.as_ref().unwrap_or(&self.network).inference_model()?;
        let Validation { loss, macro_f1, label_f1, label_loss, non_finite } =
            validate(&model, &self.data, &self.config.loss)?;
        if !non_finite.is_empty() {
            return Err(NnError::NonFinitePredictions { epoch, ids: non_finite });
        }
        for (what, value) in [("the training loss", train_loss), ("the validation loss", loss)] {
            if !value.is_finite() {
                return Err(NnError::NotFinite { epoch, what: what.to_owned() });
            }
        }
        self.history.push(HistoryRow {
            epoch: u32::try_from(epoch).unwrap_or(u32::MAX),
            train_loss,
            valid_loss: loss,
            valid_macro_f1: macro_f1,
            learning_rate: params.learning_rate,
            valid_label_f1: label_f1,
            valid_label_loss: label_loss,
        });
        self.position = Position { steps: self.position.steps, ..Position::default() };
        let keeps_best = self.config.run.checkpoint == CheckpointPolicy::Best;
        if keeps_best && best_epoch(&self.history) == Some(epoch) {
            self.best = Some(self.current_weights()?);
        }
        Ok(())
    }

    /// The network with averaged weights, if there is an average.
    fn eval_model(&self) -> Result<Option<Network>, NnError> {
        let Some(ema) = &self.ema else { return Ok(None) };
        let (architecture, labels) = (self.network.architecture(), self.data.labels);
        let mut network = Network::from_tensors(architecture, labels, ema.tensors()?)?;
        network.to_device(&self.network.device())?;
        Ok(Some(network))
    }

    /// The weights that validation uses: the average if there is one.
    fn current_weights(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        self.ema.as_ref().map_or_else(|| self.network.tensors(), ModelEma::tensors)
    }

    /// The tensors of the checkpoint: those of the last epoch or of the best.
    ///
    /// # Errors
    /// When a weight is not finite.
    pub fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        let tensors = match &self.best {
            Some(best) => best.clone(),
            None => self.current_weights()?,
        };
        let is_broken = |weights: &Weights| weights.values.iter().any(|value| !value.is_finite());
        if let Some((name, _)) = tensors.iter().find(|(_, weights)| is_broken(weights)) {
            let epoch = self.history.len().saturating_sub(1);
            return Err(NnError::NotFinite { epoch, what: format!("a weight of {name}") });
        }
        Ok(tensors)
    }

    /// Everything that the next step needs; valid between two steps.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn state(&self) -> Result<TrainState, NnError> {
        let mut state = TrainState {
            tensors: BTreeMap::new(),
            position: self.position,
            history: self.history.clone(),
        };
        state.put("network", self.network.tensors()?);
        state.put("optimizer", self.optimizer.state()?);
        if let Some(ema) = &self.ema {
            state.put("ema", ema.tensors()?);
        }
        state.put("best", self.best.clone().unwrap_or_default());
        Ok(state)
    }

    /// Resumes from a state.
    ///
    /// # Errors
    /// When its tensors do not fit.
    pub fn restore(&mut self, mut state: TrainState) -> Result<(), NnError> {
        self.network.set_tensors(state.take("network"))?;
        self.optimizer.load_state(state.take("optimizer"))?;
        if let Some(ema) = &mut self.ema {
            ema.restore(state.take("ema"), self.network.candle_device())?;
        }
        let best = state.take("best");
        self.best = (!best.is_empty()).then_some(best);
        self.position = state.position;
        self.history = state.history;
        Ok(())
    }
}

/// The ids of a batch's samples.
pub(crate) fn ids(batch: &DeviceBatch, samples: &[crate::Sample]) -> Vec<SampleId> {
    batch.indices.iter().map(|&index| samples[index].id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LossKind, OptimizerKind, ScheduleKind};
    use crate::data::testing::{Fixture, STATISTICS, fixture};
    use crate::{Architecture, Dataset};

    fn config(max_learning_rate: f64) -> TrainConfig {
        let mut config = TrainConfig::new(Architecture::ResNet18);
        config.run.epochs = 1;
        config.run.batch_size = 2;
        config.optimizer.kind = OptimizerKind::Sgd;
        config.optimizer.weight_decay = 0.2;
        config.schedule.kind = ScheduleKind::Constant;
        config.schedule.max_learning_rate = max_learning_rate;
        config.loss.kind = LossKind::Bce;
        config
    }

    fn trainer(fixture: &Fixture, config: TrainConfig, deferred_loss: bool) -> Trainer<'_> {
        let store = &fixture.store;
        let (train, valid) = fixture.samples.split_at(36);
        let data = TrainData {
            train: Dataset { store, samples: train },
            valid: Dataset { store, samples: valid },
            labels: 2,
            label_weights: &[],
            statistics: STATISTICS,
            workers: 2,
        };
        let network = Network::new(Architecture::ResNet18, 2, config.seed()).unwrap();
        let mut trainer = Trainer::new(data, config, network).unwrap();
        trainer.deferred_loss = deferred_loss;
        trainer
    }

    /// 18 steps an epoch: one read in between, and one at the end.
    #[test]
    fn deferred_losses_change_only_when_steps_are_reported() {
        let fixture = fixture();
        let mut reported = [Vec::new(), Vec::new()];
        let mut states = Vec::new();
        for (deferred, reported) in [false, true].into_iter().zip(&mut reported) {
            let mut trainer = trainer(&fixture, config(1e-3), deferred);
            let on_step = &mut |trainer: &Trainer<'_>, step: Step| {
                reported.push((trainer.steps(), step));
                Ok(ControlFlow::Continue(()))
            };
            assert!(trainer.train_epoch(on_step).unwrap().is_continue());
            states.push(trainer.state().unwrap());
        }
        assert!(states[0] == states[1], "the same weights, history and position");
        let [at_once, deferred] = reported;
        assert_eq!(at_once.len(), 18);
        assert!(at_once.iter().all(|(steps, step)| *steps == step.number));
        let steps_when_reported: Vec<usize> = deferred.iter().map(|(steps, _)| *steps).collect();
        assert_eq!(steps_when_reported, [[16; 16].as_slice(), &[18; 2]].concat());
        let values = |(_, step): &(usize, Step)| (step.number, step.samples, step.loss.to_bits());
        assert!(at_once.iter().map(values).eq(deferred.iter().map(values)));
    }

    /// The batch is found although later batches were computed before its loss was read.
    #[test]
    fn a_loss_that_is_not_finite_is_traced_to_its_batch() {
        let fixture = fixture();
        let [at_once, deferred] = [false, true].map(|deferred| {
            let mut trainer = trainer(&fixture, config(1e30), deferred);
            let error = trainer.epoch(&mut |_| {}).unwrap_err();
            let NnError::Diverged { batch, ids, .. } = error else { panic!("{error}") };
            assert!(batch <= 2 && ids.len() <= 2 && !ids.is_empty());
            (batch, ids, trainer.steps())
        });
        assert_eq!((at_once.0, &at_once.1), (deferred.0, &deferred.1));
        assert!(at_once.2 < deferred.2, "{} and {} steps", at_once.2, deferred.2);
    }
}

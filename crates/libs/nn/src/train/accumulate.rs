//! From batches to the gradient of one step.
//!
//! The gradients of several batches are averaged, each weighing as many samples as it has, so
//! that the step is that of one large batch (but for batch norm, which sees the small ones).
//!
//! A loss is a number on the device that computed it. The processor's is looked at before the
//! step is taken; a graphics card's is looked at some steps later (`ledger.rs`), for to look is to
//! wait until the card has done all that it was asked for.

use crate::data::dataset::Dataset;
use crate::data::device_loader::DeviceBatch;
use crate::error::NnError;
use crate::train::lr_scheduler::StepParams;
use crate::train::oom;
use crate::train::trainer::Trainer;
use candle_core::Tensor;
use hpa_artifacts::ArtifactError;
use hpa_core::SampleId;
use hpa_ops::Gradients;

/// A loss this many times that of a network that knows nothing is no longer training.
const EXPLODED: f64 = 1000.0;

/// A batch that has gone through the network.
pub(crate) struct BatchLoss {
    /// Its number in the epoch, from 0.
    pub(crate) batch: usize,
    pub(crate) ids: Vec<SampleId>,
    /// Its mean loss, where it was computed.
    loss: Tensor,
}

/// Batches whose step is still to be taken.
#[derive(Default)]
pub(crate) struct GradientAccumulator {
    pub(crate) batches: usize,
    pub(crate) samples: usize,
    /// Sum over the samples of the batches whose loss is known.
    pub(crate) loss: f64,
    /// The batches whose loss is not known yet.
    pub(crate) unread: Vec<BatchLoss>,
    /// The samples that were seen.
    pub(crate) ids: Vec<SampleId>,
    /// Of one batch its gradients, of several the sum of theirs, times their samples.
    gradients: Option<Gradients>,
}

/// Why an epoch is left before its end.
pub(crate) enum Halt {
    Stopped,
    Failed(NnError),
}

impl From<NnError> for Halt {
    fn from(error: NnError) -> Self {
        Self::Failed(error)
    }
}

impl From<ArtifactError> for Halt {
    fn from(error: ArtifactError) -> Self {
        Self::Failed(error.into())
    }
}

impl Trainer<'_> {
    /// Adds a batch to those of the next step.
    pub(crate) fn learn(
        &mut self,
        train: Dataset<'_>,
        ready: DeviceBatch,
        pending: &mut GradientAccumulator,
    ) -> Result<(), NnError> {
        let ids: Vec<SampleId> =
            ready.indices.iter().map(|&index| train.samples[index].id.clone()).collect();
        let (loss, gradients) = self.value_and_grad(ready)?;
        let samples = ids.len();
        pending.unread.push(BatchLoss { batch: self.place.batches, ids: ids.clone(), loss });
        if !self.deferred_loss {
            pending.loss += self.read(&std::mem::take(&mut pending.unread))?;
        }
        self.place.batches += 1;
        pending.batches += 1;
        pending.samples += samples;
        pending.ids.extend(ids);
        if self.recipe.course.accumulate == 1 {
            pending.gradients = Some(gradients);
            return Ok(());
        }
        let parameters = self.network.parameters();
        gradients.scale(parameters.values(), samples as f32)?;
        match &mut pending.gradients {
            Some(sum) => sum.add(&gradients, parameters.values())?,
            None => pending.gradients = Some(gradients),
        }
        Ok(())
    }

    /// Looks at the losses of some batches and adds them to the epoch's; their sum over samples.
    pub(crate) fn read(&mut self, seen: &[BatchLoss]) -> Result<f64, NnError> {
        let losses: Vec<&Tensor> = seen.iter().map(|batch| &batch.loss).collect();
        if losses.is_empty() {
            return Ok(0.0);
        }
        let losses: Vec<f32> = Tensor::stack(&losses, 0)?.to_vec1()?;
        let most = EXPLODED * self.recipe.loss.chance_level(self.task.labels);
        let mut sum = 0.0;
        for (batch, loss) in seen.iter().zip(losses.into_iter().map(f64::from)) {
            if loss.is_nan() || loss > most {
                return Err(self.diverged(batch.batch, loss, batch.ids.clone()));
            }
            let loss = loss * batch.ids.len() as f64;
            self.place.loss += loss;
            sum += loss;
        }
        Ok(sum)
    }

    /// The loss of a batch, and where it points.
    fn value_and_grad(&mut self, ready: DeviceBatch) -> Result<(Tensor, Gradients), NnError> {
        let (network, loss, weights) =
            (&mut self.network, self.recipe.loss, self.task.label_weights);
        let DeviceBatch { images, targets, .. } = ready;
        let targets = targets.as_ref().expect("training asks for targets");
        Ok(hpa_ops::value_and_grad(|| loss.of(&network.forward_train(&images)?, targets, weights))?)
    }

    /// An error of an epoch's steps; where a card's memory is full, with the batch that would fit.
    pub(crate) fn explained(&mut self, error: NnError) -> NnError {
        let samples = self.recipe.sampling.length(self.task.train.samples);
        let sizes = (self.recipe.batch_size.min(samples), self.side());
        oom::explain(&mut self.network, error, sizes)
    }

    /// One step of the optimiser, its gradient clipped where that is asked for.
    pub(crate) fn apply(
        &mut self,
        pending: &GradientAccumulator,
        pace: StepParams,
    ) -> Result<(), NnError> {
        let Some(gradients) = &pending.gradients else { return Ok(()) };
        let parameters = self.network.parameters();
        if self.recipe.course.accumulate > 1 {
            gradients.scale(parameters.values(), 1.0 / pending.samples as f32)?;
        }
        if self.recipe.course.clip_norm > 0.0 {
            let norm = gradients.clip(parameters.values(), self.recipe.course.clip_norm)?;
            if !norm.is_finite() {
                let number = self.place.batches.saturating_sub(1);
                return Err(self.diverged(number, norm, pending.ids.clone()));
            }
        }
        Ok(self.optimizer.step(gradients, pace)?)
    }

    fn diverged(&self, batch: usize, loss: f64, ids: Vec<SampleId>) -> NnError {
        NnError::Diverged { epoch: self.history().len(), batch, loss, ids }
    }
}

//! From batches to the gradient of one step.
//!
//! The gradients of several batches are averaged, each weighing as many samples as it has, so
//! that the step is that of one large batch (but for batch norm, which sees the small ones).

use crate::dataset::Dataset;
use crate::error::NnError;
use crate::loader::Batch;
use crate::schedule::Pace;
use crate::shrink::shrink;
use crate::trainer::Trainer;
use candle_core::{Device, Tensor};
use hpa_artifacts::ArtifactError;
use hpa_core::{Channel, SampleId};
use hpa_ops::Gradients;

/// A loss this many times that of a network that knows nothing is no longer training.
const EXPLODED: f64 = 1000.0;

/// Batches whose step is still to be taken.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) batches: usize,
    pub(crate) samples: usize,
    /// Sum over the samples.
    pub(crate) loss: f64,
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
        batch: Batch,
        pending: &mut Pending,
    ) -> Result<(), NnError> {
        let ids: Vec<SampleId> =
            batch.indices.iter().map(|&index| train.samples[index].id.clone()).collect();
        let (loss, gradients) = self.differentiate(train, batch)?;
        if loss.is_nan() || loss > EXPLODED * self.recipe.loss.of_ignorance(self.task.labels) {
            return Err(self.diverged(self.place.batches, loss, ids));
        }
        let samples = ids.len();
        self.place.batches += 1;
        self.place.loss += loss * samples as f64;
        pending.batches += 1;
        pending.samples += samples;
        pending.loss += loss * samples as f64;
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

    /// The loss of a batch, and where it points.
    fn differentiate(
        &mut self,
        train: Dataset<'_>,
        batch: Batch,
    ) -> Result<(f64, Gradients), NnError> {
        let (count, stored) = (batch.indices.len(), self.task.train.store.size_px());
        let labels = self.task.labels;
        let targets = batch.targets(train, labels, self.recipe.label_smoothing);
        let targets = Tensor::from_vec(targets, (count, labels), &Device::Cpu)?;
        let side = self.recipe.course.sizes.at(self.history().len()).unwrap_or(stored);
        let pixels =
            if side == stored { batch.images } else { shrink(&batch.images, stored, side) };
        let shape = (count, side, side, Channel::COUNT);
        let images = Tensor::from_vec(pixels, shape, &Device::Cpu)?;
        let (network, loss, weights) =
            (&mut self.network, self.recipe.loss, self.task.label_weights);
        let (loss, gradients) = hpa_ops::differentiate(|| {
            loss.of(&network.forward_train(&images)?, &targets, weights)
        })?;
        Ok((f64::from(loss.to_scalar::<f32>()?), gradients))
    }

    /// One step of the optimiser, its gradient clipped where that is asked for.
    pub(crate) fn apply(&mut self, pending: &Pending, pace: Pace) -> Result<(), NnError> {
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

//! Losses still on the GPU, read every 16 steps.
//!
//! Reading a loss waits until the GPU has computed everything before it, so a GPU is given the
//! next steps first. On the CPU the loss is known with the batch and is read in every step. A loss
//! that is not finite is traced to its batch, whose sample ids are kept until then.

use crate::error::NnError;
use candle_core::Tensor;
use hpa_core::SampleId;
use std::time::Instant;

/// Steps between two reads on a GPU.
const CAPACITY: usize = 16;
/// Training has diverged when the loss exceeds this multiple of the loss at all-zero logits.
const DIVERGED: f64 = 1000.0;

/// One optimizer step, for progress, logs and throughput.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Optimizer steps so far, including this one.
    pub number: usize,
    /// Samples in the step.
    pub samples: usize,
    /// Their mean loss before the step.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Time since the previous step; steps that are read together share it evenly.
    pub seconds: f64,
}

/// The loss of one batch.
pub(crate) struct BatchLoss {
    /// Batch within the epoch, from 0.
    pub(crate) batch: usize,
    pub(crate) ids: Vec<SampleId>,
    /// Mean over the samples, a scalar on the device that computed it.
    pub(crate) loss: Tensor,
}

/// Steps whose losses are not read yet.
pub(crate) struct DeferredLosses {
    /// The present epoch, from 0.
    epoch: usize,
    /// Largest loss of a batch that is still training.
    limit: f64,
    capacity: usize,
    steps: Vec<(Step, Vec<BatchLoss>)>,
    clock: Instant,
}

impl DeferredLosses {
    /// `chance_level` is the loss at all-zero logits.
    pub(crate) fn new(epoch: usize, chance_level: f64, is_deferred: bool) -> Self {
        let capacity = if is_deferred { CAPACITY } else { 1 };
        let limit = DIVERGED * chance_level;
        Self { epoch, limit, capacity, steps: Vec::new(), clock: Instant::now() }
    }

    /// Adds a step and the losses of its batches.
    pub(crate) fn push(&mut self, step: Step, batches: Vec<BatchLoss>) {
        self.steps.push((step, batches));
    }

    /// Whether the losses are to be read.
    pub(crate) fn is_full(&self) -> bool {
        self.steps.len() >= self.capacity
    }

    /// Reads the losses, adds each batch's sum over its samples to `epoch_loss` and returns the
    /// steps with loss and time.
    ///
    /// # Errors
    /// When a loss shows that training has diverged.
    pub(crate) fn flush(&mut self, epoch_loss: &mut f64) -> Result<Vec<Step>, NnError> {
        let mut steps = Vec::new();
        for (step, batches) in std::mem::take(&mut self.steps) {
            let mut sum = 0.0;
            for (batch, loss) in batches.iter().zip(self.read(&batches)?) {
                let loss = loss * batch.ids.len() as f64;
                *epoch_loss += loss;
                sum += loss;
            }
            steps.push(Step { loss: sum / step.samples as f64, ..step });
        }
        let seconds = self.clock.elapsed().as_secs_f64() / steps.len().max(1) as f64;
        self.clock = Instant::now();
        for step in &mut steps {
            step.seconds = seconds;
        }
        Ok(steps)
    }

    /// The losses of some batches; waits for a GPU.
    ///
    /// # Errors
    /// When one of them shows that training has diverged.
    pub(crate) fn read(&self, batches: &[BatchLoss]) -> Result<Vec<f64>, NnError> {
        let tensors: Vec<&Tensor> = batches.iter().map(|batch| &batch.loss).collect();
        let losses: Vec<f32> = Tensor::stack(&tensors, 0)?.to_vec1()?;
        let losses: Vec<f64> = losses.into_iter().map(f64::from).collect();
        for (batch, &loss) in batches.iter().zip(&losses) {
            if loss.is_nan() || loss > self.limit {
                return Err(self.diverged(batch.batch, loss, batch.ids.clone()));
            }
        }
        Ok(losses)
    }

    /// The error for a batch whose loss or gradient norm is not finite.
    pub(crate) const fn diverged(&self, batch: usize, loss: f64, ids: Vec<SampleId>) -> NnError {
        NnError::Diverged { epoch: self.epoch, batch, loss, ids }
    }
}

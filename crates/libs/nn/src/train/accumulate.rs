//! Gradient accumulation: one optimizer step from several batches.

use candle_core::{Result, Var};
use hpa_ops::Gradients;

/// The gradients of the batches of one step.
///
/// Batches are weighted by their number of samples, so that the step is that of one large batch,
/// apart from batch norm, which uses the statistics of each batch.
pub(crate) struct GradientAccumulator {
    /// Batches per step.
    steps: usize,
    batches: usize,
    samples: usize,
    /// Of one batch its gradients; of several the sum of gradients times samples.
    sum: Option<Gradients>,
}

impl GradientAccumulator {
    pub(crate) const fn new(gradient_accumulation_steps: usize) -> Self {
        Self { steps: gradient_accumulation_steps, batches: 0, samples: 0, sum: None }
    }

    /// Adds the gradients of a batch.
    pub(crate) fn add<'a>(
        &mut self,
        gradients: Gradients,
        samples: usize,
        parameters: impl Iterator<Item = &'a Var> + Clone,
    ) -> Result<()> {
        self.batches += 1;
        self.samples += samples;
        if self.steps == 1 {
            self.sum = Some(gradients);
            return Ok(());
        }
        gradients.scale(parameters.clone(), samples as f32)?;
        match &mut self.sum {
            Some(sum) => sum.add(&gradients, parameters)?,
            None => self.sum = Some(gradients),
        }
        Ok(())
    }

    /// Whether a step is due.
    pub(crate) const fn is_full(&self) -> bool {
        self.batches >= self.steps
    }

    /// The mean gradients over the samples since the last call, if there were any.
    pub(crate) fn take<'a>(
        &mut self,
        parameters: impl Iterator<Item = &'a Var>,
    ) -> Result<Option<Gradients>> {
        let Self { steps, samples, sum, .. } = std::mem::replace(self, Self::new(self.steps));
        if let Some(sum) = &sum
            && steps > 1
        {
            sum.scale(parameters, 1.0 / samples as f32)?;
        }
        Ok(sum)
    }
}

//! Adam with decoupled weight decay.
//!
//! `p -= rate decay p`; `m = b1 m + (1 - b1) g`; `v = b2 v + (1 - b2) g^2`;
//! `p -= rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)`.
//! Source: Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (2019).

use super::param_groups::{CHUNK, GradientSource, OptimizerParams, Parameter};
use super::sgd::narrow;
use crate::cpu::simd::{self, multiversion_loops};
use candle_core::{DType, Device, Result, Tensor, bail};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Hyperparameters of [`AdamW`]; the learning rate is given with each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    /// PyTorch's defaults.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// Adam with decoupled weight decay.
pub struct AdamW {
    /// May change between steps (a schedule of momentum).
    pub config: AdamWConfig,
    params: OptimizerParams,
    steps: u32,
}

/// The name of the tensor that counts the steps.
const STEPS: &str = "steps";

/// Coefficients of one update, rounded once.
#[derive(Clone, Copy)]
struct Update {
    decay_factor: f32,
    /// Weights of the old moments and of the new gradient.
    beta: [f32; 2],
    new: [f32; 2],
    step_size: f32,
    /// `1 / sqrt(1 - b2^t)`.
    inverse_correction: f32,
    eps: f32,
}

impl AdamW {
    /// An optimizer of `parameters`, in this order.
    ///
    /// # Errors
    /// When a hyperparameter is out of range or two parameters share a name.
    pub fn new(parameters: Vec<Parameter>, config: AdamWConfig) -> Result<Self> {
        let AdamWConfig { beta1, beta2, eps, weight_decay } = config;
        let decays = (0.0..1.0).contains(&beta1) && (0.0..1.0).contains(&beta2);
        let weights = weight_decay >= 0.0 && weight_decay.is_finite();
        if !(decays && weights && eps > 0.0) {
            bail!(
                "AdamW takes betas in [0, 1), eps above 0 and a weight decay of at least 0, not {config:?}"
            );
        }
        Ok(Self {
            config,
            params: OptimizerParams::new(parameters, &["mean", "square"])?,
            steps: 0,
        })
    }

    /// Takes one step.
    ///
    /// # Errors
    /// When a gradient does not have its parameter's shape.
    pub fn step(&mut self, gradients: &impl GradientSource, learning_rate: f64) -> Result<()> {
        let level = simd::current()?;
        let AdamWConfig { beta1, beta2, eps, weight_decay } = self.config;
        let steps = self.steps.saturating_add(1);
        let power = i32::try_from(steps).unwrap_or(i32::MAX);
        #[cfg(feature = "cuda")]
        if let Some(rows) = self.params.cuda_rows(gradients, |group| {
            let rate = learning_rate * group.learning_rate_factor;
            let decay_factor = 1.0 - rate * weight_decay * group.weight_decay_factor;
            [rate / (1.0 - beta1.powi(power)), decay_factor].map(narrow)
        })? {
            let step = crate::cuda::launch::multi_tensor::AdamWStep {
                beta1: narrow(beta1),
                beta2: narrow(beta2),
                one_minus_beta1: narrow(1.0 - beta1),
                one_minus_beta2: narrow(1.0 - beta2),
                inv_root: narrow(1.0 / (1.0 - beta2.powi(power)).sqrt()),
                eps: narrow(eps),
            };
            crate::cuda::adamw(rows, &step)?;
            self.steps = steps;
            return Ok(());
        }
        self.params.update(gradients, |group, values, gradient, slots| {
            let rate = learning_rate * group.learning_rate_factor;
            let update = Update {
                decay_factor: narrow(1.0 - rate * weight_decay * group.weight_decay_factor),
                beta: [narrow(beta1), narrow(beta2)],
                new: [narrow(1.0 - beta1), narrow(1.0 - beta2)],
                step_size: narrow(rate / (1.0 - beta1.powi(power))),
                inverse_correction: narrow(1.0 / (1.0 - beta2.powi(power)).sqrt()),
                eps: narrow(eps),
            };
            let [mean, square] = slots else { return };
            let state = mean.values.par_chunks_mut(CHUNK).zip(square.values.par_chunks_mut(CHUNK));
            values
                .par_chunks_mut(CHUNK)
                .zip(gradient.par_chunks(CHUNK).zip(state))
                .for_each(|(p, (g, (m, v)))| update_chunk(level, update, p, m, v, g));
        })?;
        self.steps = steps;
        Ok(())
    }

    /// The moments and the number of steps as named tensors, in order.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.params.state()?;
        state.push((STEPS.to_owned(), Tensor::new(self.steps, &Device::Cpu)?));
        Ok(state)
    }

    /// Takes over a saved state.
    ///
    /// # Errors
    /// When the number of steps is missing, or a tensor has another shape than its parameter or
    /// belongs to none; then nothing changes.
    pub fn load_state(&mut self, state: Vec<(String, Tensor)>) -> Result<()> {
        let mut state: BTreeMap<_, _> = state.into_iter().collect();
        let Some(steps) = state.remove(STEPS) else {
            bail!("the state of AdamW has no tensor {STEPS:?}: it was saved by another optimizer");
        };
        let steps = steps.to_dtype(DType::U32)?.to_scalar()?;
        self.params.load(&mut state)?;
        self.steps = steps;
        Ok(())
    }
}

multiversion_loops! {
    fn update_chunk(update: Update, p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        let Update { decay_factor, beta, new, step_size, inverse_correction, eps } = update;
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            *m = beta[0] * *m + new[0] * g;
            *v = beta[1] * *v + new[1] * g * g;
            *p = *p * decay_factor - step_size * *m / ((*v).sqrt() * inverse_correction + eps);
        }
    }
}

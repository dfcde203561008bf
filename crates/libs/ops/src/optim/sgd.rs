//! Stochastic gradient descent with momentum, as PyTorch defines it (no dampening).
//!
//! `d = g + decay p`; `v = momentum v + d`; the step is `v`, or `d + momentum v` with Nesterov.

use super::param_groups::{CHUNK, GradientSource, OptimizerParams, Parameter};
use crate::cpu::simd::{self, multiversion_loops};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// Hyperparameters of [`Sgd`]; the learning rate is given with each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// Momentum factor, from 0 to below 1.
    pub momentum: f64,
    /// Nesterov momentum.
    pub nesterov: bool,
    /// L2 penalty added to the gradient.
    pub weight_decay: f64,
}

/// Stochastic gradient descent.
pub struct Sgd {
    /// May change between steps (a schedule of momentum).
    pub config: SgdConfig,
    params: OptimizerParams,
}

/// Coefficients of one update, rounded once.
#[derive(Clone, Copy)]
struct Update {
    learning_rate: f32,
    momentum: f32,
    weight_decay: f32,
    nesterov: bool,
}

impl Sgd {
    /// An optimizer of `parameters`, in this order.
    ///
    /// # Errors
    /// When a hyperparameter is out of range or two parameters share a name.
    pub fn new(parameters: Vec<Parameter>, config: SgdConfig) -> Result<Self> {
        let SgdConfig { momentum, weight_decay, nesterov } = config;
        let decays = weight_decay >= 0.0 && weight_decay.is_finite();
        if !((0.0..1.0).contains(&momentum) && decays) {
            bail!(
                "SGD takes a momentum in [0, 1) and a weight decay of at least 0, not {config:?}"
            );
        }
        if nesterov && momentum == 0.0 {
            bail!("Nesterov's step needs a momentum above 0");
        }
        Ok(Self { config, params: OptimizerParams::new(parameters, &["momentum"])? })
    }

    /// Takes one step.
    ///
    /// # Errors
    /// When a gradient does not have its parameter's shape.
    pub fn step(&mut self, gradients: &impl GradientSource, learning_rate: f64) -> Result<()> {
        let level = simd::current()?;
        let config = self.config;
        #[cfg(feature = "cuda")]
        if let Some(rows) = self.params.cuda_rows(gradients, |group| {
            let rate = learning_rate * group.learning_rate_factor;
            [rate, config.weight_decay * group.weight_decay_factor].map(narrow)
        })? {
            return crate::cuda::sgd(rows, narrow(config.momentum), config.nesterov);
        }
        self.params.update(gradients, |group, values, gradient, slots| {
            let update = Update {
                learning_rate: narrow(learning_rate * group.learning_rate_factor),
                momentum: narrow(config.momentum),
                weight_decay: narrow(config.weight_decay * group.weight_decay_factor),
                nesterov: config.nesterov,
            };
            values
                .par_chunks_mut(CHUNK)
                .zip(gradient.par_chunks(CHUNK).zip(slots[0].values.par_chunks_mut(CHUNK)))
                .for_each(|(p, (g, v))| update_chunk(level, update, p, g, v));
        })
    }

    /// The momenta as named tensors, in order.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.params.state()
    }

    /// Takes over a saved state.
    ///
    /// # Errors
    /// When a tensor has another shape than its parameter or belongs to none; then nothing changes.
    pub fn load_state(&mut self, state: Vec<(String, Tensor)>) -> Result<()> {
        self.params.load(&mut state.into_iter().collect())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

multiversion_loops! {
    fn update_chunk(update: Update, p: &mut [f32], g: &[f32], v: &mut [f32]) {
        let Update { learning_rate, momentum, weight_decay, nesterov } = update;
        for ((p, g), v) in p.iter_mut().zip(g).zip(v) {
            let d = g + weight_decay * *p;
            *v = momentum * *v + d;
            *p -= learning_rate * if nesterov { d + momentum * *v } else { *v };
        }
    }
}

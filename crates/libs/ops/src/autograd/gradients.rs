//! Gradients of a loss by variable: accumulation, scaling, norm and clipping.
//!
//! The norm is summed in f64, chunk by chunk in a fixed order, so that its bits do not depend on
//! the number of threads.

use crate::cpu::simd::{self, multiversion_loops};
use crate::tensor::{cpu_values, dispatch_cuda, update_values};
use candle_core::{Result, Tensor, TensorId, Var, bail};
use rayon::prelude::*;
use std::collections::HashMap;

/// Values per task.
const CHUNK: usize = 1 << 14;
const NAME: &str = "gradients";

/// Gradients of the variables that a loss depends on.
#[derive(Debug, Default)]
pub struct Gradients(pub(crate) HashMap<TensorId, Tensor>);

impl Gradients {
    /// The gradient of `tensor`, a variable.
    #[must_use]
    pub fn get(&self, tensor: &Tensor) -> Option<&Tensor> {
        self.0.get(&tensor.id())
    }

    /// Multiplies the gradients of `vars`.
    ///
    /// # Errors
    /// When a gradient is not `f32` on the CPU.
    pub fn scale<'a>(&self, vars: impl Iterator<Item = &'a Var>, factor: f32) -> Result<()> {
        let gradients = self.of(vars);
        #[cfg(feature = "cuda")]
        if is_on_gpu(&gradients) {
            return crate::cuda::scale_all(&gradients, factor);
        }
        let level = simd::current()?;
        gradients.into_iter().try_for_each(|gradient| {
            update_values(gradient, NAME, |values| {
                values.par_chunks_mut(CHUNK).for_each(|values| scale_all(level, values, factor));
            })
        })
    }

    /// Adds the gradients of another batch for `vars`.
    ///
    /// # Errors
    /// When shapes differ.
    pub fn add<'a>(&mut self, other: &Self, vars: impl Iterator<Item = &'a Var>) -> Result<()> {
        #[cfg(feature = "cuda")]
        let mut pairs = Vec::new();
        for var in vars {
            match (self.get(var), other.get(var)) {
                (Some(sum), Some(term)) if sum.dims() == term.dims() => {
                    #[cfg(feature = "cuda")]
                    if sum.device().is_cuda() {
                        pairs.push((sum.clone(), term));
                        continue;
                    }
                    add_in_place(sum, term)?;
                }
                (Some(sum), Some(term)) => {
                    bail!("gradients {:?} and {:?} do not add", sum.dims(), term.dims())
                }
                (None, Some(term)) => drop(self.0.insert(var.id(), term.clone())),
                (_, None) => {}
            }
        }
        #[cfg(feature = "cuda")]
        crate::cuda::add_all(&pairs.iter().map(|(sum, term)| (sum, *term)).collect::<Vec<_>>())?;
        Ok(())
    }

    /// The L2 norm of the gradients of `vars`, taken as one long vector.
    ///
    /// # Errors
    /// When a gradient is not `f32` on the CPU.
    pub fn norm<'a>(&self, vars: impl Iterator<Item = &'a Var>) -> Result<f64> {
        let gradients = self.of(vars);
        #[cfg(feature = "cuda")]
        if is_on_gpu(&gradients) {
            return crate::cuda::norm(&gradients);
        }
        let mut squares = 0.0;
        for gradient in gradients {
            let values: &[f32] = &cpu_values(gradient, NAME)?;
            let chunks: Vec<f64> = values.par_chunks(CHUNK).map(sum_of_squares).collect();
            squares += chunks.iter().sum::<f64>();
        }
        Ok(squares.sqrt())
    }

    /// Scales the gradients of `vars` down to `max_norm` where their norm is larger, as PyTorch's
    /// `clip_grad_norm_` does (which divides by norm + 1e-6); returns the norm before.
    ///
    /// # Errors
    /// As [`Gradients::norm`].
    pub fn clip<'a>(
        &self,
        vars: impl Iterator<Item = &'a Var> + Clone,
        max_norm: f64,
    ) -> Result<f64> {
        #[cfg(feature = "cuda")]
        if is_on_gpu(&self.of(vars.clone())) {
            return crate::cuda::clip(&self.of(vars), max_norm);
        }
        let norm = self.norm(vars.clone())?;
        let factor = max_norm / (norm + 1e-6);
        if factor < 1.0 {
            #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
            self.scale(vars, factor as f32)?;
        }
        Ok(norm)
    }

    /// The gradients that there are.
    fn of<'a>(&self, vars: impl Iterator<Item = &'a Var>) -> Vec<&Tensor> {
        vars.filter_map(|var| self.get(var)).collect()
    }

    /// Keeps the first gradient of a tensor, adds later ones to it in place.
    pub(super) fn accumulate(&mut self, tensor: &Tensor, gradient: Tensor) -> Result<()> {
        if let Some(sum) = self.get(tensor) {
            return add_in_place(sum, &gradient);
        }
        self.0.insert(tensor.id(), gradient);
        Ok(())
    }
}

/// All gradients of a network lie on one device.
#[cfg(feature = "cuda")]
fn is_on_gpu(gradients: &[&Tensor]) -> bool {
    gradients.first().is_some_and(|gradient| gradient.device().is_cuda())
}

fn sum_of_squares(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
}

/// `sum += term`.
fn add_in_place(sum: &Tensor, term: &Tensor) -> Result<()> {
    dispatch_cuda!(sum, crate::cuda::add(sum, term));
    let level = simd::current()?;
    let term = term.contiguous()?;
    let term: &[f32] = &cpu_values(&term, NAME)?;
    update_values(sum, NAME, |sum| {
        let chunks = sum.par_chunks_mut(CHUNK).zip(term.par_chunks(CHUNK));
        chunks.for_each(|(sum, term)| add_all(level, sum, term));
    })
}

multiversion_loops! {
    fn scale_all(values: &mut [f32], factor: f32) {
        for value in values.iter_mut() {
            *value *= factor;
        }
    }
}

multiversion_loops! {
    fn add_all(sum: &mut [f32], term: &[f32]) {
        for (sum, term) in sum.iter_mut().zip(term) {
            *sum += term;
        }
    }
}

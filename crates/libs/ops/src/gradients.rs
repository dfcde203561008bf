//! What happens to gradients between the way backward and the optimiser: sums over several
//! batches, their length, their clipping.
//!
//! The length is summed in f64, chunk by chunk in a fixed order, so that the number of threads
//! moves no bit of it.

use crate::Gradients;
use crate::simd::{self, vectorized_loops};
use crate::tensor::with_values;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

/// Values per task.
const CHUNK: usize = 1 << 14;
const NAME: &str = "gradients";

impl Gradients {
    /// Multiplies the gradients of these variables.
    ///
    /// # Errors
    /// When a gradient is not `f32` on the CPU.
    pub fn scale<'a>(&self, of: impl Iterator<Item = &'a Var>, factor: f32) -> Result<()> {
        let gradients = self.of(of);
        #[cfg(feature = "cuda")]
        if on_card(&gradients) {
            return crate::cuda::scale_all(&gradients, factor);
        }
        gradients.into_iter().try_for_each(|g| g.inplace_op1(&Scale(factor)))
    }

    /// Adds the gradients that another batch gave these variables.
    ///
    /// # Errors
    /// When shapes differ.
    pub fn add<'a>(&mut self, other: &Self, of: impl Iterator<Item = &'a Var>) -> Result<()> {
        #[cfg(feature = "cuda")]
        let mut pairs = Vec::new();
        for var in of {
            match (self.get(var), other.get(var)) {
                (Some(sum), Some(term)) if sum.dims() == term.dims() => {
                    #[cfg(feature = "cuda")]
                    if sum.device().is_cuda() {
                        pairs.push((sum.clone(), term));
                        continue;
                    }
                    with_values(term, NAME, |term| sum.inplace_op1(&Add(term)))??;
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

    /// The Euclidean length of the gradients of these variables, taken as one long vector.
    ///
    /// # Errors
    /// When a gradient is not `f32` on the CPU.
    pub fn norm<'a>(&self, of: impl Iterator<Item = &'a Var>) -> Result<f64> {
        let gradients = self.of(of);
        #[cfg(feature = "cuda")]
        if on_card(&gradients) {
            return crate::cuda::norm(&gradients);
        }
        let mut squares = 0.0;
        for gradient in gradients {
            let chunks: Vec<f64> = with_values(gradient, NAME, |values| {
                values.par_chunks(CHUNK).map(sum_of_squares).collect()
            })?;
            squares += chunks.iter().sum::<f64>();
        }
        Ok(squares.sqrt())
    }

    /// Shortens the gradients of these variables to `most` where they are longer, as PyTorch's
    /// `clip_grad_norm_` does (which divides by length + 1e-6); their length before.
    ///
    /// # Errors
    /// As [`Gradients::norm`].
    pub fn clip<'a>(&self, of: impl Iterator<Item = &'a Var> + Clone, most: f64) -> Result<f64> {
        #[cfg(feature = "cuda")]
        if on_card(&self.of(of.clone())) {
            return crate::cuda::clip(&self.of(of), most);
        }
        let norm = self.norm(of.clone())?;
        let factor = most / (norm + 1e-6);
        if factor < 1.0 {
            #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
            self.scale(of, factor as f32)?;
        }
        Ok(norm)
    }

    /// The gradients that there are.
    fn of<'a>(&self, vars: impl Iterator<Item = &'a Var>) -> Vec<&Tensor> {
        vars.filter_map(|var| self.get(var)).collect()
    }
}

/// All of a network's gradients lie on one device.
#[cfg(feature = "cuda")]
fn on_card(gradients: &[&Tensor]) -> bool {
    gradients.first().is_some_and(|gradient| gradient.device().is_cuda())
}

fn sum_of_squares(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
}

struct Scale(f32);

struct Add<'a>(&'a [f32]);

/// The contiguous values of a gradient, to be changed.
fn mutable<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => bail!("gradients are contiguous f32 tensors"),
    }
}

impl InplaceOp1 for Scale {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let level = simd::current()?;
        let chunks = mutable(storage, layout)?.par_chunks_mut(CHUNK);
        chunks.for_each(|values| scale_all(level, values, self.0));
        Ok(())
    }
}

impl InplaceOp1 for Add<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let level = simd::current()?;
        let chunks = mutable(storage, layout)?.par_chunks_mut(CHUNK).zip(self.0.par_chunks(CHUNK));
        chunks.for_each(|(sum, term)| add_all(level, sum, term));
        Ok(())
    }
}

vectorized_loops! {
    fn scale_all(values: &mut [f32], factor: f32) {
        for value in values.iter_mut() {
            *value *= factor;
        }
    }
}

vectorized_loops! {
    fn add_all(sum: &mut [f32], term: &[f32]) {
        for (sum, term) in sum.iter_mut().zip(term) {
            *sum += term;
        }
    }
}

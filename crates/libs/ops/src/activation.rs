//! The rectifier.

use crate::simd::{self, vectorized_loops};
use crate::tensor::{on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Values per task: enough to be worth a task, few enough to share.
const CHUNK: usize = 1 << 15;
const NAME: &str = "relu";

/// `max(x, 0)`, and NaN for NaN.
#[inline(always)]
pub(crate) fn rectify(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// The gradient behind the rectifier: 0 where the output is 0, NaN's gradient passes as in PyTorch.
#[inline(always)]
pub(crate) fn rectified_gradient(y: f32, dy: f32) -> f32 {
    if y <= 0.0 { 0.0 } else { dy }
}

struct Relu;

/// `max(x, 0)` of a tensor of any shape; the gradient at 0 is 0.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor, or on a graphics card `f32` or `bf16`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    on_card!(x, crate::cuda::rectify(x, None, NAME));
    crate::tape::apply1(x, Relu)
}

vectorized_loops! {
    fn rectify_all(y: &mut [f32], x: &[f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = rectify(*x);
        }
    }
}

vectorized_loops! {
    fn gradient_all(dx: &mut [f32], y: &[f32]) {
        for (dx, y) in dx.iter_mut().zip(y) {
            *dx = rectified_gradient(*y, *dx);
        }
    }
}

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, level) = (values(x, layout, NAME)?, simd::current()?);
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(CHUNK)
            .zip(x.par_chunks(CHUNK))
            .for_each(|(y, x)| rectify_all(level, y, x));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let level = simd::current()?;
        let mut dx = with_values(dy, NAME, <[f32]>::to_vec)?;
        with_values(y, NAME, |y| {
            dx.par_chunks_mut(CHUNK)
                .zip(y.par_chunks(CHUNK))
                .for_each(|(dx, y)| gradient_all(level, dx, y));
        })?;
        Ok(Some(tensor(dx, x)?))
    }
}

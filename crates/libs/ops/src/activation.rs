//! The rectifier, plain and cut off at 6.
//!
//! Mobile networks cut it off so that activations fit few bits: Howard et al. 2017, arXiv 1704.04861.

use crate::memory::zeros;
use crate::simd::{self, vectorized_loops};
use crate::tensor::{on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Values per task: enough to be worth a task, few enough to share.
const CHUNK: usize = 1 << 15;

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

struct Rectifier {
    /// Where it is cut off, if it is.
    most: Option<f32>,
}

/// `max(x, 0)` of a tensor of any shape; the gradient at 0 is 0.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor, or on a graphics card `f32` or `bf16`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    on_card!(x, crate::cuda::rectify(x, None, "relu"));
    crate::tape::apply1(x, Rectifier { most: None })
}

/// `min(max(x, 0), 6)` of a tensor of any shape, NaN for NaN; the gradient at 0 and at 6 is 0, both
/// as in PyTorch.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor, or on a graphics card `f32` or `bf16`.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    on_card!(x, crate::cuda::rectify(x, Some(6.0), "relu6"));
    crate::tape::apply1(x, Rectifier { most: Some(6.0) })
}

vectorized_loops! {
    fn rectify_all(y: &mut [f32], x: &[f32], most: Option<f32>) {
        for (y, x) in y.iter_mut().zip(x) {
            let low = rectify(*x);
            *y = most.filter(|most| low > *most).unwrap_or(low);
        }
    }
}

vectorized_loops! {
    /// A NaN is not above the most: its gradient passes.
    fn gradient_all(dx: &mut [f32], y: &[f32], most: Option<f32>) {
        for (dx, y) in dx.iter_mut().zip(y) {
            let is_cut = most.is_some_and(|most| *y >= most);
            *dx = if is_cut { 0.0 } else { rectified_gradient(*y, *dx) };
        }
    }
}

impl CustomOp1 for Rectifier {
    fn name(&self) -> &'static str {
        if self.most.is_some() { "relu6" } else { "relu" }
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, level) = (values(x, layout, self.name())?, simd::current()?);
        let mut y = zeros(x.len());
        y.par_chunks_mut(CHUNK)
            .zip(x.par_chunks(CHUNK))
            .for_each(|(y, x)| rectify_all(level, y, x, self.most));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let level = simd::current()?;
        let mut dx = with_values(dy, self.name(), <[f32]>::to_vec)?;
        with_values(y, self.name(), |y| {
            dx.par_chunks_mut(CHUNK)
                .zip(y.par_chunks(CHUNK))
                .for_each(|(dx, y)| gradient_all(level, dx, y, self.most));
        })?;
        Ok(Some(tensor(dx, x)?))
    }
}

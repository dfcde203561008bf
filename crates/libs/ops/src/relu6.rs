//! The rectifier that is cut off at 6.
//!
//! Mobile networks use it so that activations fit few bits: Howard et al. 2017, arXiv 1704.04861.

use crate::simd::{self, vectorized_loops};
use crate::tensor::{on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Values per task: enough to be worth a task, few enough to share.
const CHUNK: usize = 1 << 15;
const NAME: &str = "relu6";
const MOST: f32 = 6.0;

struct Relu6;

/// `min(max(x, 0), 6)` of a tensor of any shape, NaN for NaN; the gradient at 0 and at 6 is 0, both
/// as in PyTorch.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor, or on a graphics card `f32` or `bf16`.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    on_card!(x, crate::cuda::rectify(x, Some(MOST), NAME));
    crate::tape::apply1(x, Relu6)
}

vectorized_loops! {
    fn cut_all(y: &mut [f32], x: &[f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            let low = if *x < 0.0 { 0.0 } else { *x };
            *y = if low > MOST { MOST } else { low };
        }
    }
}

vectorized_loops! {
    /// A NaN is neither below 0 nor above 6: its gradient passes.
    fn gradient_all(dx: &mut [f32], y: &[f32]) {
        for (dx, y) in dx.iter_mut().zip(y) {
            let is_cut = *y <= 0.0 || *y >= MOST;
            *dx = if is_cut { 0.0 } else { *dx };
        }
    }
}

impl CustomOp1 for Relu6 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, level) = (values(x, layout, NAME)?, simd::current()?);
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| cut_all(level, y, x));
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

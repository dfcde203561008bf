//! ReLU, optionally clamped from above, and its gradient.

use super::buffers::zeros;
use super::simd::{SimdLevel, multiversion_loops};
use rayon::prelude::*;

/// Values per task: enough to be worth a task, few enough to share.
const CHUNK: usize = 1 << 15;

/// `max(x, 0)`, and NaN for NaN.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// The gradient through ReLU: 0 where the output is 0; it passes where the output is NaN, as in
/// PyTorch.
#[inline(always)]
pub(crate) fn relu_gradient(y: f32, dy: f32) -> f32 {
    if y <= 0.0 { 0.0 } else { dy }
}

/// `y = min(max(x, 0), max)`.
pub(crate) fn relu_forward(level: SimdLevel, x: &[f32], max: Option<f32>) -> Vec<f32> {
    let mut y = zeros(x.len());
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(y, x)| forward_chunk(level, y, x, max));
    y
}

/// The gradient of `x` from the output and its gradient.
pub(crate) fn relu_backward(level: SimdLevel, y: &[f32], dy: &[f32], max: Option<f32>) -> Vec<f32> {
    let mut dx = dy.to_vec();
    dx.par_chunks_mut(CHUNK)
        .zip(y.par_chunks(CHUNK))
        .for_each(|(dx, y)| backward_chunk(level, dx, y, max));
    dx
}

multiversion_loops! {
    fn forward_chunk(y: &mut [f32], x: &[f32], max: Option<f32>) {
        for (y, x) in y.iter_mut().zip(x) {
            let low = relu(*x);
            *y = max.filter(|max| low > *max).unwrap_or(low);
        }
    }
}

multiversion_loops! {
    /// The gradient passes where the output is NaN, which is not at the maximum.
    fn backward_chunk(dx: &mut [f32], y: &[f32], max: Option<f32>) {
        for (dx, y) in dx.iter_mut().zip(y) {
            let is_clamped = max.is_some_and(|max| *y >= max);
            *dx = if is_clamped { 0.0 } else { relu_gradient(*y, *dx) };
        }
    }
}

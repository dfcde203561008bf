//! Batch normalisation, fused with residual and ReLU: `y = relu?(gamma (x - mean) / sd + beta + residual?)`.
//!
//! Statistics are taken over all pixels of the batch, per channel: within chunks of rows in two
//! passes over cached values, between chunks in f64 by Chan's formula, so that a large mean does
//! not cancel the variance. The variance used to normalise is the biased one; that for the running
//! statistics is unbiased, as in PyTorch.
//!
//! Shapes: activations `[N, H, W, C]`, everything per channel `[C]`.

mod backward;
mod forward;

pub(crate) use backward::{BatchNormInputs, NeededGradients, backward};
pub(crate) use forward::forward;

use super::simd::SimdLevel;

/// Per-channel statistics that inputs are normalised with.
pub(crate) struct ChannelStatistics {
    pub(crate) mean: Vec<f32>,
    pub(crate) inverse_deviation: Vec<f32>,
    pub(crate) variance_unbiased: Vec<f32>,
}

impl ChannelStatistics {
    /// The statistics of `x [rows, channels]` itself.
    pub(crate) fn of_batch(level: SimdLevel, x: &[f32], channels: usize, eps: f64) -> Self {
        let batch = forward::moments(level, x, channels);
        let rows = (x.len() / channels) as f64;
        Self {
            mean: rounded(batch.mean.iter().copied()),
            inverse_deviation: rounded(batch.variance.iter().map(|v| 1.0 / (v + eps).sqrt())),
            variance_unbiased: rounded(batch.variance.iter().map(|v| v * rows / (rows - 1.0))),
        }
    }

    /// Given statistics, such as running ones.
    pub(crate) fn fixed(mean: Vec<f32>, variance: Vec<f32>, eps: f64) -> Self {
        let inverse = variance.iter().map(|v| 1.0 / (f64::from(*v) + eps).sqrt());
        Self { mean, inverse_deviation: rounded(inverse), variance_unbiased: variance }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "statistics are f32 tensors")]
fn rounded(values: impl Iterator<Item = f64>) -> Vec<f32> {
    values.map(|value| value as f32).collect()
}

/// Rows (pixels) of a chunk: some 16 KiB, so that the second pass over it hits the first-level
/// cache, but so many rows that the sums of a chunk are small beside it.
pub(crate) fn rows_per_chunk(channels: usize) -> usize {
    (4096 / channels).max(32)
}

/// Rows of a task: whole chunks, some 256 KiB.
fn rows_per_task(channels: usize) -> usize {
    let chunk = rows_per_chunk(channels);
    chunk * (65536 / (chunk * channels)).max(1)
}

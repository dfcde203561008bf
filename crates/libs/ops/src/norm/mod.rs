//! Batch normalisation, fused with what follows it: `y = relu?(gamma (x - mean) / sd + beta + residual?)`.
//!
//! Statistics are taken over all pixels of the batch, per channel: within chunks of rows in two
//! passes over cached values, between chunks in f64 by Chan's formula, so that a large mean does
//! not eat the variance. The variance inside is the biased one; what goes into the running
//! statistics is unbiased, as PyTorch does it.
//!
//! Shapes: activations `[N, H, W, C]`, everything per channel `[C]`.

mod backward;
mod eval;
mod forward;
mod join;
mod op;

pub use eval::{BatchNormEval, RunningStatistics, batch_norm_eval, fold_batch_norm};
pub use op::{BatchStatistics, batch_norm_train};

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

//! The gradients of the fused normalisation.
//!
//! With `d` the gradient behind the rectifier and `x^` the normalised input:
//! `d beta = sum d`, `d gamma = sum d x^`,
//! `dx = gamma / sd (d - mean(d) - x^ mean(d x^))`, and the residual gets `d`.
//! With fixed statistics the two means are absent.

use super::{CHUNKS_PER_TASK, rows_per_chunk};
use crate::activation::rectified_gradient;
use crate::memory::zeros;
use crate::simd::{Level, vectorized_loops};
use rayon::prelude::*;

/// What the backward pass needs, all of one size but the per-channel ones.
#[derive(Clone, Copy)]
pub(super) struct Saved<'a> {
    pub(super) x: &'a [f32],
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) relu: bool,
    pub(super) mean: &'a [f32],
}

impl<'a> Saved<'a> {
    fn part(&self, start: usize, len: usize) -> Self {
        let cut = |values: &'a [f32]| &values[start..start + len];
        Self { x: cut(self.x), y: cut(self.y), dy: cut(self.dy), ..*self }
    }
}

/// `sum d` and `sum d (x - mean)` per channel, in f64 between chunks.
pub(super) fn sums(level: Level, saved: Saved) -> (Vec<f64>, Vec<f64>) {
    let channels = saved.mean.len();
    let chunk = rows_per_chunk(channels) * channels;
    let task = chunk * CHUNKS_PER_TASK;
    let len = saved.x.len();
    let parts: Vec<Vec<f32>> = (0..len.div_ceil(task))
        .into_par_iter()
        .map(|index| {
            let (start, end) = (index * task, ((index + 1) * task).min(len));
            let mut sums = vec![0.0; (end - start).div_ceil(chunk) * 2 * channels];
            for (i, sums) in sums.chunks_exact_mut(2 * channels).enumerate() {
                let first = start + i * chunk;
                chunk_sums(level, &saved.part(first, chunk.min(end - first)), sums);
            }
            sums
        })
        .collect();
    let (mut plain, mut centred) = (vec![0.0; channels], vec![0.0; channels]);
    for sums in parts.iter().flat_map(|part| part.chunks_exact(2 * channels)) {
        for c in 0..channels {
            plain[c] += f64::from(sums[c]);
            centred[c] += f64::from(sums[channels + c]);
        }
    }
    (plain, centred)
}

vectorized_loops! {
    fn chunk_sums(saved: &Saved, sums: &mut [f32]) {
        let channels = saved.mean.len();
        let (plain, centred) = sums.split_at_mut(channels);
        let (centred, mean) = (&mut centred[..channels], &saved.mean[..channels]);
        let rows = saved.x.chunks_exact(channels).zip(saved.y.chunks_exact(channels));
        for ((x, y), dy) in rows.zip(saved.dy.chunks_exact(channels)) {
            for i in 0..channels {
                let d = if saved.relu { rectified_gradient(y[i], dy[i]) } else { dy[i] };
                plain[i] += d;
                centred[i] += d * (x[i] - mean[i]);
            }
        }
    }
}

/// `dx = a d + k1 x + k0` per channel.
pub(super) struct Slopes {
    pub(super) a: Vec<f32>,
    pub(super) k1: Vec<f32>,
    pub(super) k0: Vec<f32>,
}

/// The gradients of the input and, if wanted, of the residual.
pub(super) fn input_gradients(
    level: Level,
    saved: Saved,
    slopes: &Slopes,
    residual: bool,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let channels = saved.mean.len();
    let chunk = rows_per_chunk(channels) * CHUNKS_PER_TASK * channels;
    let mut dx = zeros(saved.x.len());
    if !residual {
        dx.par_chunks_mut(chunk).enumerate().for_each(|(i, dx)| {
            gradient_rows(level, saved.part(i * chunk, dx.len()), slopes, dx, &mut []);
        });
        return (dx, None);
    }
    let mut dr = zeros(saved.x.len());
    dx.par_chunks_mut(chunk).zip(dr.par_chunks_mut(chunk)).enumerate().for_each(|(i, (dx, dr))| {
        gradient_rows(level, saved.part(i * chunk, dx.len()), slopes, dx, dr);
    });
    (dx, Some(dr))
}

vectorized_loops! {
    /// `dr` is empty where no residual wants its gradient.
    fn gradient_rows(saved: Saved, slopes: &Slopes, dx: &mut [f32], dr: &mut [f32]) {
        let channels = saved.mean.len();
        let (a, k1, k0) = (&slopes.a[..channels], &slopes.k1[..channels], &slopes.k0[..channels]);
        let mut residual = dr.chunks_exact_mut(channels);
        let rows = saved.x.chunks_exact(channels).zip(saved.y.chunks_exact(channels));
        for (dx, ((x, y), dy)) in dx.chunks_exact_mut(channels).zip(rows.zip(saved.dy.chunks_exact(channels))) {
            match residual.next() {
                Some(dr) => {
                    for i in 0..channels {
                        let d = if saved.relu { rectified_gradient(y[i], dy[i]) } else { dy[i] };
                        dr[i] = d;
                        dx[i] = a[i] * d + k1[i] * x[i] + k0[i];
                    }
                }
                None => {
                    for i in 0..channels {
                        let d = if saved.relu { rectified_gradient(y[i], dy[i]) } else { dy[i] };
                        dx[i] = a[i] * d + k1[i] * x[i] + k0[i];
                    }
                }
            }
        }
    }
}

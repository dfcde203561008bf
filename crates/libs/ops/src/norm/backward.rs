//! The gradients of the fused normalisation.
//!
//! With `d` the gradient behind the rectifier and `x^` the normalised input:
//! `d beta = sum d`, `d gamma = sum d x^`,
//! `dx = gamma / sd (d - mean(d) - x^ mean(d x^))`, and the residual gets `d`.
//! With fixed statistics the two means are absent.

use super::{rows_per_chunk, rows_per_task};
use crate::activation::rectified_gradient;
use crate::memory::filled;
use crate::simd::{Level, vectorized_loops};
use rayon::prelude::*;
use std::mem::MaybeUninit;

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
    let task = rows_per_task(channels) * channels;
    let len = saved.x.len();
    let parts: Vec<Vec<f64>> = (0..len.div_ceil(task))
        .into_par_iter()
        .map(|index| task_sums(level, &saved.part(index * task, task.min(len - index * task))))
        .collect();
    let mut total = vec![0.0; 2 * channels];
    for part in &parts {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    let centred = total.split_off(channels);
    (total, centred)
}

/// Both sums of one task's rows, side by side.
fn task_sums(level: Level, saved: &Saved) -> Vec<f64> {
    let channels = saved.mean.len();
    let (chunk, len) = (rows_per_chunk(channels) * channels, saved.x.len());
    let (mut total, mut sums) = (vec![0.0; 2 * channels], vec![0.0; 2 * channels]);
    for first in (0..len).step_by(chunk) {
        sums.fill(0.0);
        chunk_sums(level, &saved.part(first, chunk.min(len - first)), &mut sums);
        for (total, sum) in total.iter_mut().zip(&sums) {
            *total += f64::from(*sum);
        }
    }
    total
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
#[expect(unsafe_code, reason = "the outputs are written once, not zeroed before")]
pub(super) fn input_gradients(
    level: Level,
    saved: Saved,
    slopes: &Slopes,
    residual: bool,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let channels = saved.mean.len();
    let (chunk, len) = (rows_per_task(channels) * channels, saved.x.len());
    let mut dr = Vec::new();
    let fill = |dx: &mut [MaybeUninit<f32>]| {
        if !residual {
            dx.par_chunks_mut(chunk).enumerate().for_each(|(i, dx)| {
                gradient_rows(level, saved.part(i * chunk, dx.len()), slopes, dx, &mut []);
            });
            return;
        }
        let fill = |dr: &mut [MaybeUninit<f32>]| {
            let chunks = dx.par_chunks_mut(chunk).zip(dr.par_chunks_mut(chunk));
            chunks.enumerate().for_each(|(i, (dx, dr))| {
                gradient_rows(level, saved.part(i * chunk, dx.len()), slopes, dx, dr);
            });
        };
        // SAFETY: the chunks are the whole output, and each row of them is written.
        dr = unsafe { filled(len, fill) };
    };
    // SAFETY: as above.
    let dx = unsafe { filled(len, fill) };
    (dx, residual.then_some(dr))
}

vectorized_loops! {
    /// `dr` is empty where no residual wants its gradient.
    fn gradient_rows(saved: Saved, slopes: &Slopes, dx: &mut [MaybeUninit<f32>], dr: &mut [MaybeUninit<f32>]) {
        let channels = saved.mean.len();
        let (a, k1, k0) = (&slopes.a[..channels], &slopes.k1[..channels], &slopes.k0[..channels]);
        let mut residual = dr.chunks_exact_mut(channels);
        let rows = saved.x.chunks_exact(channels).zip(saved.y.chunks_exact(channels));
        for (dx, ((x, y), dy)) in dx.chunks_exact_mut(channels).zip(rows.zip(saved.dy.chunks_exact(channels))) {
            match residual.next() {
                Some(dr) => {
                    for i in 0..channels {
                        let d = if saved.relu { rectified_gradient(y[i], dy[i]) } else { dy[i] };
                        dr[i].write(d);
                        dx[i].write(a[i] * d + k1[i] * x[i] + k0[i]);
                    }
                }
                None => {
                    for i in 0..channels {
                        let d = if saved.relu { rectified_gradient(y[i], dy[i]) } else { dy[i] };
                        dx[i].write(a[i] * d + k1[i] * x[i] + k0[i]);
                    }
                }
            }
        }
    }
}

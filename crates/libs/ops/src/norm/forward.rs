//! Statistics and the normalising pass.

use super::{rows_per_chunk, rows_per_task};
use crate::activation::rectify;
use crate::memory::filled;
use crate::simd::{Level, vectorized_loops};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Mean and biased variance per channel.
pub(super) struct Moments {
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
}

/// Moments over the rows of `x [rows, channels]`.
pub(super) fn moments(level: Level, x: &[f32], channels: usize) -> Moments {
    let tasks = x.par_chunks(rows_per_task(channels) * channels);
    let parts: Vec<Moments> = tasks.map(|task| task_moments(level, task, channels)).collect();
    let mut total = Moments { mean: vec![0.0; channels], variance: vec![0.0; channels] };
    let mut seen = 0.0;
    for (task, part) in x.chunks(rows_per_task(channels) * channels).zip(&parts) {
        let rows = (task.len() / channels) as f64;
        let share = rows / (seen + rows);
        for c in 0..channels {
            let delta = part.mean[c] - total.mean[c];
            total.mean[c] += delta * share;
            total.variance[c] += part.variance[c] + delta * delta * seen * share;
        }
        seen += rows;
    }
    for variance in &mut total.variance {
        *variance /= seen;
    }
    total
}

/// The mean and the sum of squares about it of one task's rows.
fn task_moments(level: Level, task: &[f32], channels: usize) -> Moments {
    let mut total = Moments { mean: vec![0.0; channels], variance: vec![0.0; channels] };
    let (mut sums, mut seen) = (vec![0.0; 3 * channels], 0.0);
    for x in task.chunks(rows_per_chunk(channels) * channels) {
        sums.fill(0.0);
        chunk_moments(level, x, &mut sums);
        let rows = (x.len() / channels) as f64;
        merge(&mut total, &sums, seen, rows);
        seen += rows;
    }
    total
}

/// Adds a chunk's mean and sum of squares about it (Chan, Golub and `LeVeque`, 1979).
fn merge(total: &mut Moments, sums: &[f32], seen: f64, rows: f64) {
    let channels = total.mean.len();
    let share = rows / (seen + rows);
    for c in 0..channels {
        let [about, drift, square] = [0, 1, 2].map(|k| f64::from(sums[k * channels + c]));
        let delta = about + drift / rows - total.mean[c];
        total.mean[c] += delta * share;
        total.variance[c] += square - drift * drift / rows + delta * delta * seen * share;
    }
}

vectorized_loops! {
    /// Per channel: a rounded mean, the sum of differences from it, which tells by how much the
    /// rounding was off, and the sum of their squares.
    fn chunk_moments(x: &[f32], sums: &mut [f32]) {
        let channels = sums.len() / 3;
        let (mean, rest) = sums.split_at_mut(channels);
        let (drift, squares) = rest.split_at_mut(channels);
        for row in x.chunks_exact(channels) {
            for (mean, x) in mean.iter_mut().zip(row) {
                *mean += x;
            }
        }
        let scale = channels as f32 / x.len() as f32;
        for mean in mean.iter_mut() {
            *mean *= scale;
        }
        let squares = &mut squares[..channels];
        for row in x.chunks_exact(channels) {
            for i in 0..channels {
                let d = row[i] - mean[i];
                drift[i] += d;
                squares[i] += d * d;
            }
        }
    }
}

/// `y = relu?(a x + b + residual?)` per channel.
pub(super) struct Affine<'a> {
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) residual: Option<&'a [f32]>,
    pub(super) relu: bool,
}

/// Applies the affine map to all rows.
#[expect(unsafe_code, reason = "the output is written once, not zeroed before")]
pub(super) fn normalise(level: Level, x: &[f32], map: &Affine) -> Vec<f32> {
    let chunk = rows_per_task(map.a.len()) * map.a.len();
    let fill = |y: &mut [MaybeUninit<f32>]| {
        y.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).enumerate().for_each(|(i, (y, x))| {
            let residual = map.residual.map(|r| &r[i * chunk..][..y.len()]);
            normalise_rows(level, y, x, residual, map);
        });
    };
    // SAFETY: the chunks are the whole output, and each row of them is written.
    unsafe { filled(x.len(), fill) }
}

vectorized_loops! {
    fn normalise_rows(y: &mut [MaybeUninit<f32>], x: &[f32], residual: Option<&[f32]>, map: &Affine) {
        let channels = map.a.len();
        let (a, b) = (&map.a[..channels], &map.b[..channels]);
        for (row, (y, x)) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
            match (residual, map.relu) {
                (Some(r), relu) => {
                    let r = &r[row * channels..][..channels];
                    for i in 0..channels {
                        let value = x[i] * a[i] + b[i] + r[i];
                        y[i].write(if relu { rectify(value) } else { value });
                    }
                }
                (None, true) => {
                    for i in 0..channels {
                        y[i].write(rectify(x[i] * a[i] + b[i]));
                    }
                }
                (None, false) => {
                    for i in 0..channels {
                        y[i].write(x[i] * a[i] + b[i]);
                    }
                }
            }
        }
    }
}

//! Statistics and the normalising pass.

use super::{ChannelStatistics, rows_per_chunk, rows_per_task};
use crate::cpu::activation::relu;
use crate::cpu::buffers::filled;
use crate::cpu::simd::{SimdLevel, multiversion_loops};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Mean and biased variance per channel.
pub(super) struct Moments {
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
}

/// Moments over the rows of `x [rows, channels]`.
pub(super) fn moments(level: SimdLevel, x: &[f32], channels: usize) -> Moments {
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
fn task_moments(level: SimdLevel, task: &[f32], channels: usize) -> Moments {
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

multiversion_loops! {
    /// Per channel: a rounded mean, the sum of differences from it, which corrects the rounding, and
    /// the sum of their squares.
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
struct Affine<'a> {
    a: &'a [f32],
    b: &'a [f32],
    relu: bool,
}

/// Normalises the rows of `x [rows, C]`; `affine` is gamma and beta, `[2 C]`.
#[expect(unsafe_code, reason = "the output is written once, not zeroed before")]
pub(crate) fn forward(
    level: SimdLevel,
    x: &[f32],
    affine: &[f32],
    statistics: &ChannelStatistics,
    residual: Option<&[f32]>,
    relu: bool,
) -> Vec<f32> {
    let (gamma, beta) = affine.split_at(affine.len() / 2);
    let a: Vec<f32> = gamma.iter().zip(&statistics.inverse_deviation).map(|(g, r)| g * r).collect();
    let b: Vec<f32> =
        beta.iter().zip(&a).zip(&statistics.mean).map(|((b, a), m)| b - a * m).collect();
    let map = Affine { a: &a, b: &b, relu };
    let chunk = rows_per_task(a.len()) * a.len();
    let fill = |y: &mut [MaybeUninit<f32>]| {
        y.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).enumerate().for_each(|(i, (y, x))| {
            let residual = residual.map(|r| &r[i * chunk..][..y.len()]);
            normalize_rows(level, y, x, residual, &map);
        });
    };
    // SAFETY: the chunks are the whole output, and each row of them is written.
    unsafe { filled(x.len(), fill) }
}

multiversion_loops! {
    fn normalize_rows(y: &mut [MaybeUninit<f32>], x: &[f32], residual: Option<&[f32]>, map: &Affine) {
        let channels = map.a.len();
        let (a, b) = (&map.a[..channels], &map.b[..channels]);
        for (row, (y, x)) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
            match (residual, map.relu) {
                (Some(r), _) => {
                    let r = &r[row * channels..][..channels];
                    for i in 0..channels {
                        let value = x[i] * a[i] + b[i] + r[i];
                        y[i].write(if map.relu { relu(value) } else { value });
                    }
                }
                (None, true) => {
                    for i in 0..channels {
                        y[i].write(relu(x[i] * a[i] + b[i]));
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

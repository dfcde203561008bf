//! The gradients of the fused normalisation.
//!
//! With `d` the gradient before ReLU and `x^` the normalised input:
//! `d beta = sum d`, `d gamma = sum d x^`,
//! `dx = gamma / sd (d - mean(d) - x^ mean(d x^))`, and the residual gets `d`.
//! With fixed statistics the two means are absent.

use super::{ChannelStatistics, rounded, rows_per_chunk, rows_per_task};
use crate::cpu::activation::relu_gradient;
use crate::cpu::buffers::filled;
use crate::cpu::simd::{SimdLevel, multiversion_loops};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Inputs of the backward pass: `x`, `y` and `dy` of one size, `mean` per channel.
#[derive(Clone, Copy)]
pub(crate) struct BatchNormInputs<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) y: &'a [f32],
    pub(crate) dy: &'a [f32],
    pub(crate) relu: bool,
    pub(crate) mean: &'a [f32],
}

impl<'a> BatchNormInputs<'a> {
    fn part(&self, start: usize, len: usize) -> Self {
        let cut = |values: &'a [f32]| &values[start..start + len];
        Self { x: cut(self.x), y: cut(self.y), dy: cut(self.dy), ..*self }
    }
}

/// Which gradients are computed.
#[derive(Clone, Copy)]
pub(crate) struct NeededGradients {
    pub(crate) x: bool,
    pub(crate) affine: bool,
    pub(crate) residual: bool,
}

/// The gradients that were needed.
pub(crate) struct NormGradients {
    pub(crate) x: Option<Vec<f32>>,
    /// Of gamma, then of beta.
    pub(crate) affine: Option<Vec<f32>>,
    pub(crate) residual: Option<Vec<f32>>,
}

/// The backward pass; in training the statistics are those of `x` and depend on it.
pub(crate) fn backward(
    level: SimdLevel,
    inputs: BatchNormInputs,
    gamma: &[f32],
    statistics: &ChannelStatistics,
    is_training: bool,
    needed: NeededGradients,
) -> NormGradients {
    let sums = if needed.affine || (needed.x && is_training) {
        gradient_sums(level, inputs)
    } else {
        GradientSums { plain: vec![0.0; gamma.len()], centred: vec![0.0; gamma.len()] }
    };
    let mut gradients = NormGradients { x: None, affine: None, residual: None };
    if needed.x || needed.residual {
        let coefficients = GradCoefficients::new(
            statistics,
            gamma,
            &sums,
            is_training.then(|| (inputs.x.len() / gamma.len()) as f64),
        );
        let (dx, dr) = input_gradients(level, inputs, &coefficients, needed.residual);
        gradients.x = needed.x.then_some(dx);
        gradients.residual = dr;
    }
    gradients.affine = needed.affine.then(|| {
        let centred = sums.centred.iter().zip(&statistics.inverse_deviation);
        let scaled = centred.map(|(q, r)| q * f64::from(*r));
        rounded(scaled.chain(sums.plain.iter().copied()))
    });
    gradients
}

/// `sum d` and `sum d (x - mean)` per channel.
struct GradientSums {
    plain: Vec<f64>,
    centred: Vec<f64>,
}

/// The sums per channel, in f64 between chunks.
fn gradient_sums(level: SimdLevel, inputs: BatchNormInputs) -> GradientSums {
    let channels = inputs.mean.len();
    let task = rows_per_task(channels) * channels;
    let len = inputs.x.len();
    let parts: Vec<Vec<f64>> = (0..len.div_ceil(task))
        .into_par_iter()
        .map(|index| task_sums(level, &inputs.part(index * task, task.min(len - index * task))))
        .collect();
    let mut plain = vec![0.0; 2 * channels];
    for part in &parts {
        for (total, part) in plain.iter_mut().zip(part) {
            *total += part;
        }
    }
    let centred = plain.split_off(channels);
    GradientSums { plain, centred }
}

/// Both sums of one task's rows, side by side.
fn task_sums(level: SimdLevel, inputs: &BatchNormInputs) -> Vec<f64> {
    let channels = inputs.mean.len();
    let (chunk, len) = (rows_per_chunk(channels) * channels, inputs.x.len());
    let (mut total, mut sums) = (vec![0.0; 2 * channels], vec![0.0; 2 * channels]);
    for first in (0..len).step_by(chunk) {
        sums.fill(0.0);
        chunk_sums(level, &inputs.part(first, chunk.min(len - first)), &mut sums);
        for (total, sum) in total.iter_mut().zip(&sums) {
            *total += f64::from(*sum);
        }
    }
    total
}

multiversion_loops! {
    fn chunk_sums(inputs: &BatchNormInputs, sums: &mut [f32]) {
        let channels = inputs.mean.len();
        let (plain, centred) = sums.split_at_mut(channels);
        let (centred, mean) = (&mut centred[..channels], &inputs.mean[..channels]);
        let rows = inputs.x.chunks_exact(channels).zip(inputs.y.chunks_exact(channels));
        for ((x, y), dy) in rows.zip(inputs.dy.chunks_exact(channels)) {
            for i in 0..channels {
                let d = if inputs.relu { relu_gradient(y[i], dy[i]) } else { dy[i] };
                plain[i] += d;
                centred[i] += d * (x[i] - mean[i]);
            }
        }
    }
}

/// The input gradient as an affine map per channel: `dx = a d + k1 x + k0`.
struct GradCoefficients {
    a: Vec<f32>,
    k1: Vec<f32>,
    k0: Vec<f32>,
}

impl GradCoefficients {
    /// `training_rows` is the number of rows whose statistics depend on `x`, if they do.
    fn new(
        statistics: &ChannelStatistics,
        gamma: &[f32],
        sums: &GradientSums,
        training_rows: Option<f64>,
    ) -> Self {
        let deviation = || statistics.inverse_deviation.iter().map(|v| f64::from(*v));
        let a: Vec<f64> = gamma.iter().zip(deviation()).map(|(g, r)| f64::from(*g) * r).collect();
        let train = training_rows.map_or(0.0, |rows| 1.0 / rows);
        let k1: Vec<f64> = a
            .iter()
            .zip(deviation())
            .zip(&sums.centred)
            .map(|((a, r), q)| -a * r * r * q * train)
            .collect();
        let offsets = a.iter().zip(&sums.plain).zip(&k1).zip(&statistics.mean);
        let k0 = rounded(offsets.map(|(((a, s), k1), m)| -a * s * train - k1 * f64::from(*m)));
        Self { a: rounded(a.into_iter()), k1: rounded(k1.into_iter()), k0 }
    }
}

/// The gradients of the input and, if it is needed, of the residual.
#[expect(unsafe_code, reason = "the outputs are written once, not zeroed before")]
fn input_gradients(
    level: SimdLevel,
    inputs: BatchNormInputs,
    coefficients: &GradCoefficients,
    residual: bool,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let channels = inputs.mean.len();
    let (chunk, len) = (rows_per_task(channels) * channels, inputs.x.len());
    let mut dr = Vec::new();
    let fill = |dx: &mut [MaybeUninit<f32>]| {
        if !residual {
            dx.par_chunks_mut(chunk).enumerate().for_each(|(i, dx)| {
                let inputs = inputs.part(i * chunk, dx.len());
                gradient_rows(level, inputs, coefficients, dx, &mut []);
            });
            return;
        }
        let fill = |dr: &mut [MaybeUninit<f32>]| {
            let chunks = dx.par_chunks_mut(chunk).zip(dr.par_chunks_mut(chunk));
            chunks.enumerate().for_each(|(i, (dx, dr))| {
                let inputs = inputs.part(i * chunk, dx.len());
                gradient_rows(level, inputs, coefficients, dx, dr);
            });
        };
        // SAFETY: the chunks are the whole output, and each row of them is written.
        dr = unsafe { filled(len, fill) };
    };
    // SAFETY: as above.
    let dx = unsafe { filled(len, fill) };
    (dx, residual.then_some(dr))
}

multiversion_loops! {
    /// `dr` is empty where the residual's gradient is not needed.
    fn gradient_rows(inputs: BatchNormInputs, coefficients: &GradCoefficients, dx: &mut [MaybeUninit<f32>], dr: &mut [MaybeUninit<f32>]) {
        let channels = inputs.mean.len();
        let GradCoefficients { a, k1, k0 } = coefficients;
        let (a, k1, k0) = (&a[..channels], &k1[..channels], &k0[..channels]);
        let mut residual = dr.chunks_exact_mut(channels);
        let rows = inputs.x.chunks_exact(channels).zip(inputs.y.chunks_exact(channels));
        for (dx, ((x, y), dy)) in dx.chunks_exact_mut(channels).zip(rows.zip(inputs.dy.chunks_exact(channels))) {
            match residual.next() {
                Some(dr) => {
                    for i in 0..channels {
                        let d = if inputs.relu { relu_gradient(y[i], dy[i]) } else { dy[i] };
                        dr[i].write(d);
                        dx[i].write(a[i] * d + k1[i] * x[i] + k0[i]);
                    }
                }
                None => {
                    for i in 0..channels {
                        let d = if inputs.relu { relu_gradient(y[i], dy[i]) } else { dy[i] };
                        dx[i].write(a[i] * d + k1[i] * x[i] + k0[i]);
                    }
                }
            }
        }
    }
}

//! Grouped and depthwise convolution by definition.
//!
//! Weights are reordered to `[ky, kx, i, o]` within a group first, so that the inner loop runs over
//! contiguous channels; for depthwise (one input channel a group) it runs over all of them.

use crate::cpu::buffers::zeros;
use crate::cpu::simd::{SimdLevel, multiversion_loops};
use crate::geometry::ConvGeometry;
use rayon::prelude::*;

/// Parts of the batch's rows in the weight gradient.
const PARTS: usize = 32;

/// Sizes of one group, whose weights are `[tap, i, o]`.
struct Group {
    c_in: usize,
    c_out: usize,
    taps: usize,
}

impl Group {
    fn of(g: &ConvGeometry) -> Self {
        let [kh, kw] = g.kernel;
        Self { c_in: g.c_in / g.groups, c_out: g.c_out / g.groups, taps: kh * kw }
    }
}

/// `[o, i, taps]` to `[taps, i, o]` with all groups' outputs side by side.
fn reorder(g: &ConvGeometry, w: &[f32]) -> Vec<f32> {
    let group = Group::of(g);
    let mut reordered = vec![0.0; w.len()];
    for (o, kernels) in w.chunks_exact(group.c_in * group.taps).enumerate() {
        for (i, kernel) in kernels.chunks_exact(group.taps).enumerate() {
            for (tap, value) in kernel.iter().enumerate() {
                reordered[(tap * group.c_in + i) * g.c_out + o] = *value;
            }
        }
    }
    reordered
}

/// `y = conv(x, w)`.
pub(super) fn forward(level: SimdLevel, g: &ConvGeometry, x: &[f32], w: &[f32]) -> Vec<f32> {
    let w = reorder(g, w);
    let mut y = zeros(g.len_out());
    y.par_chunks_mut(g.w_out * g.c_out)
        .enumerate()
        .for_each(|(row, y)| forward_row(level, g, x, &w, row, y));
    y
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    level: SimdLevel,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let w = reorder(g, w);
    let mut dx = zeros(g.len_in());
    let image = g.h * g.w * g.c_in;
    dx.par_chunks_mut(image).enumerate().for_each(|(n, dx)| {
        for row in n * g.h_out..(n + 1) * g.h_out {
            input_gradient_row(level, g, dy, &w, row, dx);
        }
    });
    dx
}

/// The gradient of `w`: rows of the batch in fixed parts, the parts added in order.
pub(super) fn weight_gradient(
    level: SimdLevel,
    g: &ConvGeometry,
    x: &[f32],
    dy: &[f32],
) -> Vec<f32> {
    let rows = g.n * g.h_out;
    let rows_per_part = rows.div_ceil(PARTS);
    let parts: Vec<Vec<f32>> = (0..rows.div_ceil(rows_per_part))
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![0.0; g.len_weight()];
            for row in part * rows_per_part..((part + 1) * rows_per_part).min(rows) {
                weight_gradient_row(level, g, x, dy, row, &mut sum);
            }
            sum
        })
        .collect();
    let group = Group::of(g);
    let mut dw = vec![0.0; g.len_weight()];
    for (o, kernels) in dw.chunks_exact_mut(group.c_in * group.taps).enumerate() {
        for (i, kernel) in kernels.chunks_exact_mut(group.taps).enumerate() {
            for (tap, value) in kernel.iter_mut().enumerate() {
                let index = (tap * group.c_in + i) * g.c_out + o;
                *value = parts.iter().map(|part| part[index]).sum();
            }
        }
    }
    dw
}

/// Calls `visit(tap, input pixel, output column)` for every tap of an output row inside the image.
#[inline(always)]
fn each_tap(g: &ConvGeometry, row: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let (image, y) = (row / g.h_out, row % g.h_out);
    let down = g.taps(0, y);
    for column in 0..g.w_out {
        let across = g.taps(1, column);
        for ky in down.low..down.high {
            for kx in across.low..across.high {
                let line = image * g.h + down.first + ky - down.low;
                let pixel = line * g.w + across.first + kx - across.low;
                visit(ky * g.kernel[1] + kx, pixel, column);
            }
        }
    }
}

multiversion_loops! {
    fn forward_row(g: &ConvGeometry, x: &[f32], w: &[f32], row: usize, y: &mut [f32]) {
        let group = Group::of(g);
        each_tap(g, row, |tap, pixel, column| {
            let (x, y) = (&x[pixel * g.c_in..][..g.c_in], &mut y[column * g.c_out..][..g.c_out]);
            let w = &w[tap * group.c_in * g.c_out..][..group.c_in * g.c_out];
            if group.c_in == 1 && group.c_out == 1 {
                for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
                    *y += x * w;
                }
                return;
            }
            for (i, w) in w.chunks_exact(g.c_out).enumerate() {
                for (k, (y, w)) in y.chunks_exact_mut(group.c_out).zip(w.chunks_exact(group.c_out)).enumerate() {
                    let x = x[k * group.c_in + i];
                    for (y, w) in y.iter_mut().zip(w) {
                        *y += x * w;
                    }
                }
            }
        });
    }
}

multiversion_loops! {
    /// `dx` is the input image of the row.
    fn input_gradient_row(g: &ConvGeometry, dy: &[f32], w: &[f32], row: usize, dx: &mut [f32]) {
        let group = Group::of(g);
        let first = row / g.h_out * g.h * g.w;
        each_tap(g, row, |tap, pixel, column| {
            let dx = &mut dx[(pixel - first) * g.c_in..][..g.c_in];
            let dy = &dy[(row * g.w_out + column) * g.c_out..][..g.c_out];
            let w = &w[tap * group.c_in * g.c_out..][..group.c_in * g.c_out];
            if group.c_in == 1 && group.c_out == 1 {
                for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(w) {
                    *dx += dy * w;
                }
                return;
            }
            for (i, w) in w.chunks_exact(g.c_out).enumerate() {
                for (k, (dy, w)) in dy.chunks_exact(group.c_out).zip(w.chunks_exact(group.c_out)).enumerate() {
                    let sum: f32 = dy.iter().zip(w).map(|(dy, w)| dy * w).sum();
                    dx[k * group.c_in + i] += sum;
                }
            }
        });
    }
}

multiversion_loops! {
    fn weight_gradient_row(g: &ConvGeometry, x: &[f32], dy: &[f32], row: usize, sum: &mut [f32]) {
        let group = Group::of(g);
        each_tap(g, row, |tap, pixel, column| {
            let x = &x[pixel * g.c_in..][..g.c_in];
            let dy = &dy[(row * g.w_out + column) * g.c_out..][..g.c_out];
            let sum = &mut sum[tap * group.c_in * g.c_out..][..group.c_in * g.c_out];
            if group.c_in == 1 && group.c_out == 1 {
                for ((sum, x), dy) in sum.iter_mut().zip(x).zip(dy) {
                    *sum += x * dy;
                }
                return;
            }
            for (i, sum) in sum.chunks_exact_mut(g.c_out).enumerate() {
                for (k, (sum, dy)) in sum.chunks_exact_mut(group.c_out).zip(dy.chunks_exact(group.c_out)).enumerate() {
                    let x = x[k * group.c_in + i];
                    for (sum, dy) in sum.iter_mut().zip(dy) {
                        *sum += x * dy;
                    }
                }
            }
        });
    }
}

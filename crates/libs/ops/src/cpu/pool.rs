//! Max-pooling with saved indices and global average pooling, NHWC.

use super::buffers::zeros;
use super::simd::{SimdLevel, multiversion_loops};
use crate::geometry::PoolWindow;
use rayon::prelude::*;

/// The kernel taps `low..high` of one axis that lie inside for one output, and the input of tap 0
/// in padded coordinates.
struct PoolTaps {
    low: usize,
    high: usize,
    start: usize,
}

/// The taps of output `out` along an axis of `size` inputs.
#[inline(always)]
fn taps(window: &PoolWindow, out: usize, size: usize) -> PoolTaps {
    let start = out * window.stride;
    let low = window.padding.saturating_sub(start);
    let high = window.kernel.min(size + window.padding - start);
    PoolTaps { low, high, start }
}

#[expect(clippy::cast_possible_truncation, reason = "a kernel has at most 256 taps")]
#[inline(always)]
fn tap_index(window: &PoolWindow, ky: usize, kx: usize) -> u8 {
    (ky * window.kernel + kx) as u8
}

/// The maxima and, for each, the tap that it came from.
pub(crate) fn max_forward(level: SimdLevel, window: &PoolWindow, x: &[f32]) -> (Vec<f32>, Vec<u8>) {
    let n = x.len() / (window.h * window.w * window.c);
    let row_len = window.w_out * window.c;
    let mut y = zeros(n * window.h_out * row_len);
    let mut indices = vec![0_u8; y.len()];
    y.par_chunks_mut(row_len)
        .zip(indices.par_chunks_mut(row_len))
        .enumerate()
        .for_each(|(row, (y, indices))| max_row(level, window, x, row, y, indices));
    (y, indices)
}

/// The gradient of the input.
pub(crate) fn max_backward(
    level: SimdLevel,
    window: &PoolWindow,
    dy: &[f32],
    indices: &[u8],
) -> Vec<f32> {
    let len_in = window.h * window.w * window.c;
    let len_out = window.h_out * window.w_out * window.c;
    let mut dx = zeros(dy.len() / len_out * len_in);
    dx.par_chunks_mut(len_in)
        .zip(dy.par_chunks(len_out).zip(indices.par_chunks(len_out)))
        .for_each(|(dx, (dy, indices))| max_backward_image(level, window, dy, indices, dx));
    dx
}

multiversion_loops! {
    /// One row of outputs; `row` counts over all images.
    fn max_row(window: &PoolWindow, x: &[f32], row: usize, y: &mut [f32], indices: &mut [u8]) {
        let PoolWindow { h, w, c, .. } = *window;
        let (image, out) = (row / window.h_out, row % window.h_out);
        let down = taps(window, out, h);
        for (column, (y, indices)) in y.chunks_exact_mut(c).zip(indices.chunks_exact_mut(c)).enumerate() {
            let across = taps(window, column, w);
            for ky in down.low..down.high {
                for kx in across.low..across.high {
                    let line = image * h + down.start + ky - window.padding;
                    let x = &x[(line * w + across.start + kx - window.padding) * c..][..c];
                    let tap = tap_index(window, ky, kx);
                    if ky == down.low && kx == across.low {
                        y.copy_from_slice(x);
                        indices.fill(tap);
                        continue;
                    }
                    for i in 0..c {
                        let wins = (x[i] > y[i]) | x[i].is_nan();
                        y[i] = if wins { x[i] } else { y[i] };
                        indices[i] = if wins { tap } else { indices[i] };
                    }
                }
            }
        }
    }
}

multiversion_loops! {
    /// Adds the gradients of one image to the inputs that were the maxima.
    fn max_backward_image(window: &PoolWindow, dy: &[f32], indices: &[u8], dx: &mut [f32]) {
        let PoolWindow { h, w, c, .. } = *window;
        let pixels = dy.chunks_exact(c).zip(indices.chunks_exact(c));
        for (pixel, (dy, indices)) in pixels.enumerate() {
            let down = taps(window, pixel / window.w_out, h);
            let across = taps(window, pixel % window.w_out, w);
            for ky in down.low..down.high {
                for kx in across.low..across.high {
                    let line = down.start + ky - window.padding;
                    let column = across.start + kx - window.padding;
                    let dx = &mut dx[(line * w + column) * c..][..c];
                    let tap = tap_index(window, ky, kx);
                    for i in 0..c {
                        dx[i] += if indices[i] == tap { dy[i] } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// The mean over the pixels of each image: `[N, C]`.
pub(crate) fn average_forward(level: SimdLevel, x: &[f32], pixels: usize, c: usize) -> Vec<f32> {
    let mut y = vec![0.0; x.len() / pixels];
    y.par_chunks_mut(c).zip(x.par_chunks(pixels * c)).for_each(|(y, x)| average(level, y, x));
    y
}

/// The gradient of the input.
pub(crate) fn average_backward(dy: &[f32], pixels: usize, c: usize) -> Vec<f32> {
    let scale = 1.0 / pixels as f32;
    let mut dx = zeros(dy.len() * pixels);
    dx.par_chunks_mut(pixels * c).zip(dy.par_chunks(c)).for_each(|(dx, dy)| {
        for dx in dx.chunks_exact_mut(c) {
            for (dx, dy) in dx.iter_mut().zip(dy) {
                *dx = dy * scale;
            }
        }
    });
    dx
}

multiversion_loops! {
    fn average(y: &mut [f32], x: &[f32]) {
        let scale = y.len() as f32 / x.len() as f32;
        for row in x.chunks_exact(y.len()) {
            for (y, x) in y.iter_mut().zip(row) {
                *y += x;
            }
        }
        for y in y.iter_mut() {
            *y *= scale;
        }
    }
}

//! Zero padding of NHWC images, and its gradient.

use super::buffers::zeros;
use crate::geometry::Padding;
use rayon::prelude::*;

/// `[N, H, W, C]` after padding.
pub(crate) fn padded_dims(padding: Padding, [n, h, w, c]: [usize; 4]) -> [usize; 4] {
    [n, padding.top + h + padding.bottom, padding.left + w + padding.right, c]
}

/// Copies `x` of `dims` into zeros.
pub(crate) fn forward(x: &[f32], padding: Padding, dims: [usize; 4]) -> Vec<f32> {
    let [n, h, w, c] = dims;
    let [_, padded_h, padded_w, _] = padded_dims(padding, dims);
    let padded_len = padded_h * padded_w * c;
    let mut y = zeros(n * padded_len);
    y.par_chunks_mut(padded_len).zip(x.par_chunks(h * w * c)).for_each(|(y, x)| {
        for (row, x) in x.chunks_exact(w * c).enumerate() {
            y[row_start(padding, padded_w, c, row)..][..w * c].copy_from_slice(x);
        }
    });
    y
}

/// The gradient of `x` of `dims`: the inside of `dy`.
pub(crate) fn backward(dy: &[f32], padding: Padding, dims: [usize; 4]) -> Vec<f32> {
    let [n, h, w, c] = dims;
    let [_, padded_h, padded_w, _] = padded_dims(padding, dims);
    let mut dx = zeros(n * h * w * c);
    dx.par_chunks_mut(h * w * c).zip(dy.par_chunks(padded_h * padded_w * c)).for_each(
        |(dx, dy)| {
            for (row, dx) in dx.chunks_exact_mut(w * c).enumerate() {
                dx.copy_from_slice(&dy[row_start(padding, padded_w, c, row)..][..w * c]);
            }
        },
    );
    dx
}

/// Where row `row` of an image begins in the padded one.
fn row_start(padding: Padding, padded_w: usize, c: usize, row: usize) -> usize {
    ((padding.top + row) * padded_w + padding.left) * c
}

//! 1x1 convolution and the linear layer: plain matrix products over the rows (pixels, samples).
//!
//! Sizes are `[rows, inputs, outputs]`; weights are `[outputs, inputs]`.
#![expect(unsafe_code, reason = "tasks write disjoint rows or blocks of one buffer")]

use crate::gemm::{DEPTH, Gemm, gemm, pack_panels};
use crate::memory::{Scratch, Shared, output};
use crate::simd::Level;
use rayon::prelude::*;

/// Rows of a task: four tiles of the widest path.
const ROWS: usize = 112;

/// `y = x w^T`.
pub(crate) fn forward(
    level: Level,
    [rows, c_in, c_out]: [usize; 3],
    x: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let panel = level.panel();
    let len = c_out.div_ceil(panel) * panel * c_in;
    let mut packed = Scratch::take(len);
    pack_panels(packed.slice(len), panel, [c_in, c_out], |i, o| w[o * c_in + i]);
    multiply(level, [rows, c_in, c_out], x, &packed)
}

/// `dx = dy w`.
pub(crate) fn input_gradient(
    level: Level,
    [rows, c_in, c_out]: [usize; 3],
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let panel = level.panel();
    let len = c_in.div_ceil(panel) * panel * c_out;
    let mut packed = Scratch::take(len);
    pack_panels(packed.slice(len), panel, [c_out, c_in], |o, i| w[o * c_in + i]);
    multiply(level, [rows, c_out, c_in], dy, &packed)
}

/// `a [rows, k]` times packed panels `[k, n]`.
fn multiply(level: Level, [rows, k, n]: [usize; 3], a: &[f32], packed: &Scratch) -> Vec<f32> {
    assert_eq!(a.len(), rows * k, "the activations have one row of channels per pixel");
    let panels = Shared::new(packed.as_ptr());
    // SAFETY: the tasks write all rows, each its own; A and the panels have the sizes given.
    unsafe {
        output(rows * n, |y| {
            (0..rows.div_ceil(ROWS)).into_par_iter().for_each(|block| {
                let row = block * ROWS;
                let product = Gemm {
                    m: ROWS.min(rows - row),
                    n,
                    k,
                    a: a.as_ptr().add(row * k),
                    a_row: k,
                    a_col: 1,
                    b: panels.get(),
                    b_panel: k * level.panel(),
                    b_row: level.panel(),
                    c: y.get().add(row * n),
                    c_row: n,
                    accumulate: false,
                };
                gemm(level, product);
            });
        })
    }
}

/// `dw [outputs, inputs] = dy^T x`: each task owns a block of dw and streams all rows in order.
pub(crate) fn weight_gradient(
    level: Level,
    [rows, c_in, c_out]: [usize; 3],
    x: &[f32],
    dy: &[f32],
) -> Vec<f32> {
    let panel = level.panel();
    let (height, width) =
        (if c_out >= 112 { 56 } else { 32 }, 128.min(c_in.next_multiple_of(panel)));
    let (down, across) = (c_out.div_ceil(height), c_in.div_ceil(width));
    // SAFETY: the tasks write all blocks of dw, each its own.
    unsafe {
        output(c_out * c_in, |dw| {
            (0..down * across).into_par_iter().for_each(|task| {
                let (o, i) = (task / across * height, task % across * width);
                let (m, n) = (height.min(c_out - o), width.min(c_in - i));
                let mut block = Scratch::take(DEPTH * n.next_multiple_of(panel));
                for row in (0..rows).step_by(DEPTH) {
                    let k = DEPTH.min(rows - row);
                    let (b, b_panel) =
                        copy_panels(&mut block, panel, [k, n], &x[row * c_in + i..], c_in);
                    let product = Gemm {
                        m,
                        n,
                        k,
                        a: dy.as_ptr().add(row * c_out + o),
                        a_row: 1,
                        a_col: c_out,
                        b,
                        b_panel,
                        b_row: panel,
                        c: dw.get().add(o * c_in + i),
                        c_row: c_in,
                        accumulate: row > 0,
                    };
                    gemm(level, product);
                }
            });
        })
    }
}

/// Copies `k` rows of `n` values into panels with zeros beyond the last column.
pub(crate) fn copy_panels(
    block: &mut Scratch,
    panel: usize,
    [k, n]: [usize; 2],
    from: &[f32],
    row: usize,
) -> (*const f32, usize) {
    let values = block.slice(k * n.next_multiple_of(panel));
    for (j, values) in values.chunks_exact_mut(k * panel).enumerate() {
        let columns = panel.min(n - j * panel);
        for (r, values) in values.chunks_exact_mut(panel).enumerate() {
            values[..columns].copy_from_slice(&from[r * row + j * panel..][..columns]);
            values[columns..].fill(0.0);
        }
    }
    (block.as_ptr(), k * panel)
}

//! Transforms of kernels and of their gradients, a panel of output channels at a time.
#![expect(unsafe_code, reason = "kernels over raw pointers; contracts are stated")]

use super::transform;
use crate::cpu::simd::{multiversion, multiversion_dtype};
use std::ops::Range;

/// The weights `[O, I, 3, 3]`, as they are or as the input gradient reads them.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub(super) values: &'a [f32],
    /// `I`.
    pub(super) c_in: usize,
    /// Read the kernels rotated by 180 degrees, with input and output channels swapped.
    pub(super) rotated: bool,
}

/// A block of transformed kernels: 36 matrices `[input channels, panel width]`, `matrix_stride`
/// values apart.
#[derive(Clone, Copy)]
pub(super) struct KernelBlock {
    pub(super) to: *mut f32,
    pub(super) matrix_stride: usize,
    /// First output channel of the panel, and the number of its channels.
    pub(super) column: usize,
    pub(super) columns: usize,
}

multiversion_dtype! {
    Bf16Round:
    /// `G g G^T` for a panel of output channels and a range of input channels.
    ///
    /// # Safety
    /// `block.to` is writable for 36 matrices of one row per input channel.
    pub(super) fn transform_block<S>(kernels: Kernels, channels: Range<usize>, block: KernelBlock) {
        let mut taps = [[0.0_f32; 32]; 9];
        let panel = 2 * S::LANES;
        for (row, i) in channels.enumerate() {
            gather(&mut taps, kernels, i, block);
            for half in [0, S::LANES] {
                let tap = |y: usize, x: usize| S::operand(taps[y * 3 + x].as_ptr().add(half));
                let mut t = [[S::splat(0.0); 3]; 6];
                for x in 0..3 {
                    let column = transform::kernel::<S>([tap(0, x), tap(1, x), tap(2, x)]);
                    for y in 0..6 {
                        t[y][x] = column[y];
                    }
                }
                for (y, values) in t.into_iter().enumerate() {
                    for (x, value) in transform::kernel::<S>(values).into_iter().enumerate() {
                        let to = block.to.add((y * 6 + x) * block.matrix_stride + row * panel + half);
                        S::store(to, value);
                    }
                }
            }
        }
    }
}

/// The nine taps of input channel `i` for a panel of output channels, zero beyond the last.
#[inline(always)]
fn gather(taps: &mut [[f32; 32]; 9], kernels: Kernels, i: usize, block: KernelBlock) {
    for lane in 0..block.columns {
        let o = block.column + lane;
        let index = if kernels.rotated { i * kernels.c_in + o } else { o * kernels.c_in + i };
        let kernel = &kernels.values[index * 9..index * 9 + 9];
        for (p, value) in kernel.iter().enumerate() {
            taps[if kernels.rotated { 8 - p } else { p }][lane] = *value;
        }
    }
}

/// Transformed weight gradients: `parts` sets of 36 matrices, to be added in order.
#[derive(Clone, Copy)]
pub(super) struct TransformedGradients {
    pub(super) from: *const f32,
    /// Values from one of the 36 matrices to the next, from row to row, and from part to part.
    pub(super) matrix_stride: usize,
    pub(super) row_stride: usize,
    pub(super) part_stride: usize,
    pub(super) parts: usize,
}

/// A block of the weight gradient `[O, I, 3, 3]`.
#[derive(Clone, Copy)]
pub(super) struct WeightBlock {
    pub(super) dw: *mut f32,
    pub(super) c_in: usize,
    /// First input channel, and the number of them: one per row.
    pub(super) i: usize,
    pub(super) rows: usize,
    /// First output channel, and the number of them (a multiple of 16): one per column.
    pub(super) o: usize,
    pub(super) columns: usize,
}

multiversion! {
    /// `G^T u G` for a block of kernels.
    ///
    /// # Safety
    /// The gradients are readable over the block; nothing else writes the target's kernels.
    pub(super) fn gradient_block<S>(gradients: TransformedGradients, target: WeightBlock) {
        for row in 0..target.rows {
            for column in (0..target.columns).step_by(S::LANES) {
                let gradient = |xi: usize| {
                    let from = gradients.from.add(xi * gradients.matrix_stride + row * gradients.row_stride + column);
                    let mut sum = S::load(from);
                    for part in 1..gradients.parts {
                        sum = S::add(sum, S::load(from.add(part * gradients.part_stride)));
                    }
                    sum
                };
                let mut t = [[S::splat(0.0); 6]; 3];
                for x in 0..6 {
                    let values =
                        transform::kernel_gradient::<S>([gradient(x), gradient(6 + x), gradient(12 + x), gradient(18 + x), gradient(24 + x), gradient(30 + x)]);
                    for y in 0..3 {
                        t[y][x] = values[y];
                    }
                }
                let mut taps = [[0.0_f32; 16]; 9];
                for (y, values) in t.into_iter().enumerate() {
                    for (x, value) in transform::kernel_gradient::<S>(values).into_iter().enumerate() {
                        S::store(taps[y * 3 + x].as_mut_ptr(), value);
                    }
                }
                for lane in 0..S::LANES {
                    let kernel = (target.o + column + lane) * target.c_in + target.i + row;
                    for (p, values) in taps.iter().enumerate() {
                        *target.dw.add(kernel * 9 + p) = values[lane];
                    }
                }
            }
        }
    }
}

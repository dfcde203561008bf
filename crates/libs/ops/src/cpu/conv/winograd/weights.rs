//! Kernels in and out of the transformed domain, a panel of output channels at a time.
#![expect(unsafe_code, reason = "kernels over raw pointers; contracts are stated")]

use super::transform;
use crate::cpu::simd::{GemmDtype, multiversion, multiversion_dtype};
use std::ops::Range;

/// The weights `[O, I, 3, 3]`, as they are or as the input gradient wants them.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub(super) values: &'a [f32],
    /// `I`.
    pub(super) c_in: usize,
    /// Read the kernels rotated by half a turn, with input and output channels swapped.
    pub(super) turned: bool,
}

/// A block of transformed kernels: `[36][inner][panel]`, the 36 matrices `position` values apart.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) to: *mut f32,
    pub(super) position: usize,
    /// First output channel of the panel, and how many of its columns exist.
    pub(super) column: usize,
    pub(super) columns: usize,
}

/// `G g G^T` for a panel of output channels and a range of input channels.
///
/// # Safety
/// `block.to` is writable for 36 matrices of `inner.len()` rows of a panel.
pub(super) unsafe fn transform_block(
    dtype: GemmDtype,
    kernels: Kernels,
    inner: Range<usize>,
    block: Block,
) {
    // SAFETY: the caller's promise.
    unsafe { kernel_rows(dtype, kernels, inner, block) }
}

multiversion_dtype! {
    Bf16Round:
    /// # Safety
    /// As `transform_block`.
    fn kernel_rows<S>(kernels: Kernels, inner: Range<usize>, block: Block) {
        let mut taps = [[0.0_f32; 32]; 9];
        let panel = 2 * S::LANES;
        for (row, i) in inner.enumerate() {
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
                        let to = block.to.add((y * 6 + x) * block.position + row * panel + half);
                        S::store(to, value);
                    }
                }
            }
        }
    }
}

/// The nine taps of input channel `i` for a panel of output channels, zero beyond the last.
#[inline(always)]
fn gather(taps: &mut [[f32; 32]; 9], kernels: Kernels, i: usize, block: Block) {
    for lane in 0..block.columns {
        let o = block.column + lane;
        let at = if kernels.turned { i * kernels.c_in + o } else { o * kernels.c_in + i };
        let kernel = &kernels.values[at * 9..at * 9 + 9];
        for (p, value) in kernel.iter().enumerate() {
            taps[if kernels.turned { 8 - p } else { p }][lane] = *value;
        }
    }
}

/// Transformed weight gradients: `parts` sets of 36 matrices `[rows, row]`, to be added in order.
#[derive(Clone, Copy)]
pub(super) struct Gradients {
    pub(super) from: *const f32,
    /// Values from one of the 36 matrices to the next, from row to row, and from part to part.
    pub(super) position: usize,
    pub(super) row: usize,
    pub(super) part: usize,
    pub(super) parts: usize,
}

/// Where a block of the weight gradient `[O, I, 3, 3]` goes.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) dw: *mut f32,
    pub(super) c_in: usize,
    /// First input channel and how many, one per row.
    pub(super) i: usize,
    pub(super) rows: usize,
    /// First output channel and how many (a multiple of 16), one per column.
    pub(super) o: usize,
    pub(super) columns: usize,
}

multiversion! {
    /// `G^T u G` for a block of kernels.
    ///
    /// # Safety
    /// The gradients are readable over the block; nobody else writes the target's kernels.
    pub(super) fn gradient_block<S>(gradients: Gradients, target: Target) {
        for row in 0..target.rows {
            for column in (0..target.columns).step_by(S::LANES) {
                let at = |xi: usize| {
                    let from = gradients.from.add(xi * gradients.position + row * gradients.row + column);
                    let mut sum = S::load(from);
                    for part in 1..gradients.parts {
                        sum = S::add(sum, S::load(from.add(part * gradients.part)));
                    }
                    sum
                };
                let mut t = [[S::splat(0.0); 6]; 3];
                for x in 0..6 {
                    let values =
                        transform::kernel_gradient::<S>([at(x), at(6 + x), at(12 + x), at(18 + x), at(24 + x), at(30 + x)]);
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

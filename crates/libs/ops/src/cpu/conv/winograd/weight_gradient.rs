//! The weight gradient by Winograd.
//!
//! Few channels: the tiles are cut into a fixed number of parts, each with its own sum, and the
//! parts are added in order. Many channels: tiles are transformed once, and each task owns a block
//! of kernels and streams all tiles, so no sum is shared.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::forward::input_window;
use super::tiles::{Window, gradient_tile, input_tile};
use super::weights::{Gradients, Target, gradient_block};
use super::{POSITIONS, Pass};
use crate::cpu::buffers::{Scratch, Shared, SharedMut, output};
use crate::cpu::gemm::{Gemm, gemm};
use crate::cpu::simd::GemmDtype;
use crate::geometry::ConvGeometry;
use rayon::prelude::*;
use std::ops::Range;

/// Parts that the tiles are cut into.
const PARTS: usize = 8;
/// Up to here (in bytes of one sum) the tiles are cut into parts.
const SMALL_SUM: usize = 3 << 20;
/// Up to here, the tiles of the whole batch are transformed at once.
const FEW_TILES: usize = 256;
/// Transformed tiles and gradients of one step, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// Sides of a task's block of kernels.
const BLOCK: [usize; 2] = [56, 64];
const SKEW: usize = 48;

struct Work<'a> {
    dtype: GemmDtype,
    pass: &'a Pass,
    x: Shared,
    dy: Shared,
    /// Output channels rounded up to whole panels.
    outer: usize,
}

/// The gradient of `w`.
pub(in crate::cpu::conv) fn weight_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    dy: &[f32],
) -> Vec<f32> {
    assert_eq!(
        (x.len(), dy.len()),
        (g.len_in(), g.len_out()),
        "the maps have the size of the layer"
    );
    let pass = &Pass::forward(g);
    let outer = g.c_out.next_multiple_of(dtype.panel());
    let work =
        Work { dtype, pass, x: Shared::new(x.as_ptr()), dy: Shared::new(dy.as_ptr()), outer };
    let small = POSITIONS * 4 * pass.inner * outer <= SMALL_SUM;
    // SAFETY: both ways write every kernel once.
    unsafe {
        output(g.len_weight(), |dw| {
            if small && pass.tiles() > FEW_TILES {
                by_parts(&work, dw);
            } else {
                by_blocks(&work, dw);
            }
        })
    }
}

/// # Safety
/// `dw` is writable for the weights.
unsafe fn by_parts(work: &Work, dw: SharedMut) {
    let pass = work.pass;
    let position = pass.inner * work.outer;
    let part = POSITIONS * position;
    let mut sums = Scratch::take(PARTS * part);
    let shared = sums.shared();
    let share = pass.tiles().div_ceil(PARTS);
    let parts = pass.tiles().div_ceil(share);
    (0..parts).into_par_iter().with_max_len(1).for_each(|p| {
        let tiles = p * share..((p + 1) * share).min(pass.tiles());
        // SAFETY: each part has its own sum.
        unsafe { sum_tiles(work, tiles, shared.get().add(p * part)) }
    });
    (0..pass.inner.div_ceil(8)).into_par_iter().for_each(|block| {
        let i = block * 8;
        // SAFETY: the sums are complete; each task writes the kernels of its own input channels.
        unsafe {
            let from = shared.get().add(i * work.outer);
            let gradients = Gradients { from, position, row: work.outer, part, parts };
            let target = Target {
                dw: dw.get(),
                c_in: pass.inner,
                i,
                rows: 8.min(pass.inner - i),
                o: 0,
                columns: pass.outer,
            };
            gradient_block(work.dtype.level, gradients, target);
        }
    });
}

/// Sums the products of a range of tiles, in cache-sized steps.
///
/// # Safety
/// `sum` is writable for 36 matrices `[inner, outer]`.
unsafe fn sum_tiles(work: &Work, tiles: Range<usize>, sum: *mut f32) {
    let pass = work.pass;
    let step = (CHUNK_BYTES / (POSITIONS * 4 * (pass.inner + work.outer))).clamp(16, 256);
    let (v_position, m_position) = (step * pass.inner + SKEW, step * work.outer + SKEW);
    let mut v = Scratch::take(POSITIONS * v_position);
    let mut m = Scratch::take(POSITIONS * m_position);
    let (v, m) = (v.shared().get(), m.shared().get());
    for start in tiles.clone().step_by(step) {
        let count = step.min(tiles.end - start);
        for row in 0..count {
            // SAFETY: the rows lie in this task's scratch.
            unsafe { transform_pair(work, start + row, [v, m], [v_position, m_position], row) }
        }
        for xi in 0..POSITIONS {
            // SAFETY: as above, and the sum is this task's own.
            unsafe {
                let c = sum.add(xi * pass.inner * work.outer);
                let size = [pass.inner, work.outer, count];
                let ab = [v.add(xi * v_position), m.add(xi * m_position)];
                multiply(work, size, ab, (c, work.outer), start > tiles.start);
            }
        }
    }
}

/// `c (+)= v^T m` with rows of `v` and `m` one tile each.
///
/// # Safety
/// The pointers are valid for the sizes `[rows, columns, tiles]`.
unsafe fn multiply(
    work: &Work,
    [m, n, k]: [usize; 3],
    [a, b]: [*mut f32; 2],
    (c, c_row): (*mut f32, usize),
    accumulate: bool,
) {
    let product = Gemm {
        m,
        n,
        k,
        a,
        a_row: 1,
        a_col: work.pass.inner,
        b,
        b_panel: work.dtype.panel(),
        b_row: work.outer,
        c,
        c_row,
        accumulate,
    };
    // SAFETY: the caller's promise.
    unsafe { gemm(work.dtype.level, product) }
}

/// Transforms the input and the gradient of one tile into row `row`.
///
/// # Safety
/// The row lies in both buffers.
unsafe fn transform_pair(
    work: &Work,
    tile: usize,
    [v, m]: [*mut f32; 2],
    [v_position, m_position]: [usize; 2],
    row: usize,
) {
    let pass = work.pass;
    let [image, top, left] = pass.place(tile);
    // SAFETY: the caller's promise; the image lies in the map.
    unsafe {
        input_tile(
            work.dtype,
            input_window(pass, work.x, tile),
            v.add(row * pass.inner),
            v_position,
        );
        let image = work.dy.get().add(image * pass.h_out * pass.w_out * pass.outer).cast_mut();
        let window = Window {
            image,
            h: pass.h_out,
            w: pass.w_out,
            pixel: pass.outer,
            channels: pass.outer,
            y: top.cast_signed(),
            x: left.cast_signed(),
        };
        gradient_tile(work.dtype, window, m.add(row * work.outer), m_position);
    }
}

/// # Safety
/// `dw` is writable for the weights.
unsafe fn by_blocks(work: &Work, dw: SharedMut) {
    let (pass, tiles) = (work.pass, work.pass.tiles());
    let (down, across) = (pass.inner.div_ceil(BLOCK[0]), work.outer.div_ceil(BLOCK[1]));
    let (v_position, m_position) = (tiles * pass.inner + SKEW, tiles * work.outer + SKEW);
    let mut v = Scratch::take(POSITIONS * v_position);
    let mut m = Scratch::take(POSITIONS * m_position);
    let (v, m) = (v.shared(), m.shared());
    (0..tiles.div_ceil(4)).into_par_iter().for_each(|task| {
        for tile in task * 4..(task * 4 + 4).min(tiles) {
            // SAFETY: each task writes the rows of its own tiles.
            unsafe {
                transform_pair(work, tile, [v.get(), m.get()], [v_position, m_position], tile);
            }
        }
    });
    (0..down * across).into_par_iter().with_max_len(1).for_each(|task| {
        let (i, o) = (task / across * BLOCK[0], task % across * BLOCK[1]);
        let size = [BLOCK[0].min(pass.inner - i), BLOCK[1].min(work.outer - o)];
        let position = size[0] * size[1];
        let mut sum = Scratch::take(POSITIONS * position);
        let sum = sum.shared().get();
        // SAFETY: scratch of this task; its block of kernels is its own.
        unsafe {
            for xi in 0..POSITIONS {
                let ab = [v.get().add(xi * v_position + i), m.get().add(xi * m_position + o)];
                multiply(
                    work,
                    [size[0], size[1], tiles],
                    ab,
                    (sum.add(xi * position), size[1]),
                    false,
                );
            }
            let gradients = Gradients { from: sum, position, row: size[1], part: 0, parts: 1 };
            let columns = size[1].min(pass.outer - o);
            let target = Target { dw: dw.get(), c_in: pass.inner, i, rows: size[0], o, columns };
            gradient_block(work.dtype.level, gradients, target);
        }
    });
}

//! Winograd weight gradient.
//!
//! Few channels: the tiles are split into a fixed number of parts, each with its own sum, and the
//! parts are added in order. Many channels: tiles are transformed once, and each task owns a block
//! of kernels and reads all tiles, so no sum is shared.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::forward::input_window;
use super::tiles::{TileWindow, gradient_tile, input_tile};
use super::weights::{TransformedGradients, WeightBlock, gradient_block};
use super::{POSITIONS, SKEW, TileOrigin, WinogradConv};
use crate::cpu::buffers::{Scratch, Shared, SharedMut, output};
use crate::cpu::gemm::{Gemm, gemm};
use crate::cpu::simd::GemmDtype;
use crate::geometry::ConvGeometry;
use rayon::prelude::*;
use std::ops::Range;

/// Parts that the tiles are split into.
const PARTS: usize = 8;
/// Up to this size of one sum, in bytes, the tiles are split into parts.
const SMALL_SUM: usize = 3 << 20;
/// Up to this many tiles, those of the whole batch are transformed at once.
const FEW_TILES: usize = 256;
/// Transformed tiles and gradients of one step, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// Sides of a task's block of kernels.
const BLOCK: [usize; 2] = [56, 64];

/// The arguments that all tasks share.
struct Context<'a> {
    dtype: GemmDtype,
    conv: &'a WinogradConv,
    x: Shared,
    dy: Shared,
    /// Output channels rounded up to whole panels.
    c_out_padded: usize,
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
    let conv = &WinogradConv::forward(g);
    let c_out_padded = g.c_out.next_multiple_of(dtype.panel_width());
    let ctx = Context {
        dtype,
        conv,
        x: Shared::new(x.as_ptr()),
        dy: Shared::new(dy.as_ptr()),
        c_out_padded,
    };
    let small = POSITIONS * 4 * conv.c_in * c_out_padded <= SMALL_SUM;
    // SAFETY: both write every kernel once.
    unsafe {
        output(g.len_weight(), |dw| {
            if small && conv.tiles() > FEW_TILES {
                by_parts(&ctx, dw);
            } else {
                by_blocks(&ctx, dw);
            }
        })
    }
}

/// # Safety
/// `dw` is writable for the weights.
unsafe fn by_parts(ctx: &Context, dw: SharedMut) {
    let conv = ctx.conv;
    let matrix_stride = conv.c_in * ctx.c_out_padded;
    let part_stride = POSITIONS * matrix_stride;
    let mut sums = Scratch::take(PARTS * part_stride);
    let shared = sums.shared_mut();
    let tiles_per_part = conv.tiles().div_ceil(PARTS);
    let parts = conv.tiles().div_ceil(tiles_per_part);
    (0..parts).into_par_iter().with_max_len(1).for_each(|part| {
        let tiles = part * tiles_per_part..((part + 1) * tiles_per_part).min(conv.tiles());
        // SAFETY: each part has its own sum.
        unsafe { sum_tiles(ctx, tiles, shared.get().add(part * part_stride)) }
    });
    (0..conv.c_in.div_ceil(8)).into_par_iter().for_each(|block| {
        let i = block * 8;
        // SAFETY: the sums are complete; each task writes the kernels of its own input channels.
        unsafe {
            let from = shared.get().add(i * ctx.c_out_padded);
            let gradients = TransformedGradients {
                from,
                matrix_stride,
                row_stride: ctx.c_out_padded,
                part_stride,
                parts,
            };
            let target = WeightBlock {
                dw: dw.get(),
                c_in: conv.c_in,
                i,
                rows: 8.min(conv.c_in - i),
                o: 0,
                columns: conv.c_out,
            };
            gradient_block(ctx.dtype.level, gradients, target);
        }
    });
}

/// Sums the products of a range of tiles, in cache-sized steps.
///
/// # Safety
/// `sum` is writable for 36 matrices `[inner, outer]`.
unsafe fn sum_tiles(ctx: &Context, tiles: Range<usize>, sum: *mut f32) {
    let conv = ctx.conv;
    let step = (CHUNK_BYTES / (POSITIONS * 4 * (conv.c_in + ctx.c_out_padded))).clamp(16, 256);
    let (v_stride, m_stride) = (step * conv.c_in + SKEW, step * ctx.c_out_padded + SKEW);
    let mut v = Scratch::take(POSITIONS * v_stride);
    let mut m = Scratch::take(POSITIONS * m_stride);
    let (v, m) = (v.shared_mut().get(), m.shared_mut().get());
    for start in tiles.clone().step_by(step) {
        let count = step.min(tiles.end - start);
        for row in 0..count {
            // SAFETY: the rows lie in this task's scratch.
            unsafe { transform_pair(ctx, start + row, row, v, v_stride, m, m_stride) }
        }
        for xi in 0..POSITIONS {
            // SAFETY: as above, and the sum is this task's own.
            unsafe {
                let product = TileProduct {
                    rows: conv.c_in,
                    columns: ctx.c_out_padded,
                    tiles: count,
                    v: v.add(xi * v_stride),
                    m: m.add(xi * m_stride),
                    to: sum.add(xi * conv.c_in * ctx.c_out_padded),
                    accumulate: start > tiles.start,
                };
                product.run(ctx);
            }
        }
    }
}

/// `to (+)= v^T m`, where `v` and `m` have one row per tile.
struct TileProduct {
    rows: usize,
    columns: usize,
    tiles: usize,
    v: *const f32,
    m: *const f32,
    to: *mut f32,
    accumulate: bool,
}

impl TileProduct {
    /// # Safety
    /// The pointers are valid for the sizes.
    unsafe fn run(self, ctx: &Context) {
        let product = Gemm {
            m: self.rows,
            n: self.columns,
            k: self.tiles,
            a: self.v,
            a_row: 1,
            a_col: ctx.conv.c_in,
            b: self.m,
            b_panel: ctx.dtype.panel_width(),
            b_row: ctx.c_out_padded,
            c: self.to,
            c_row: self.columns,
            accumulate: self.accumulate,
        };
        // SAFETY: the caller's promise.
        unsafe { gemm(ctx.dtype.level, product) }
    }
}

/// Transforms the input and the gradient of one tile into row `row`.
///
/// # Safety
/// The row lies in both buffers.
unsafe fn transform_pair(
    ctx: &Context,
    tile: usize,
    row: usize,
    v: *mut f32,
    v_stride: usize,
    m: *mut f32,
    m_stride: usize,
) {
    let conv = ctx.conv;
    let TileOrigin { image, top, left } = conv.tile_origin(tile);
    // SAFETY: the caller's promise; the image lies in the map.
    unsafe {
        input_tile(ctx.dtype, input_window(conv, ctx.x, tile), v.add(row * conv.c_in), v_stride);
        let image = ctx.dy.get().add(image * conv.h_out * conv.w_out * conv.c_out).cast_mut();
        let window = TileWindow {
            image,
            h: conv.h_out,
            w: conv.w_out,
            pixel_stride: conv.c_out,
            channels: conv.c_out,
            y: top.cast_signed(),
            x: left.cast_signed(),
        };
        gradient_tile(ctx.dtype, window, m.add(row * ctx.c_out_padded), m_stride);
    }
}

/// # Safety
/// `dw` is writable for the weights.
unsafe fn by_blocks(ctx: &Context, dw: SharedMut) {
    let (conv, tiles) = (ctx.conv, ctx.conv.tiles());
    let (down, across) = (conv.c_in.div_ceil(BLOCK[0]), ctx.c_out_padded.div_ceil(BLOCK[1]));
    let (v_stride, m_stride) = (tiles * conv.c_in + SKEW, tiles * ctx.c_out_padded + SKEW);
    let mut v = Scratch::take(POSITIONS * v_stride);
    let mut m = Scratch::take(POSITIONS * m_stride);
    let (v, m) = (v.shared_mut(), m.shared_mut());
    (0..tiles.div_ceil(4)).into_par_iter().for_each(|task| {
        for tile in task * 4..(task * 4 + 4).min(tiles) {
            // SAFETY: each task writes the rows of its own tiles.
            unsafe {
                transform_pair(ctx, tile, tile, v.get(), v_stride, m.get(), m_stride);
            }
        }
    });
    (0..down * across).into_par_iter().with_max_len(1).for_each(|task| {
        let (i, o) = (task / across * BLOCK[0], task % across * BLOCK[1]);
        let (rows, columns) = (BLOCK[0].min(conv.c_in - i), BLOCK[1].min(ctx.c_out_padded - o));
        let matrix_stride = rows * columns;
        let mut sum = Scratch::take(POSITIONS * matrix_stride);
        let sum = sum.shared_mut().get();
        // SAFETY: scratch of this task; its block of kernels is its own.
        unsafe {
            for xi in 0..POSITIONS {
                let product = TileProduct {
                    rows,
                    columns,
                    tiles,
                    v: v.get().add(xi * v_stride + i),
                    m: m.get().add(xi * m_stride + o),
                    to: sum.add(xi * matrix_stride),
                    accumulate: false,
                };
                product.run(ctx);
            }
            let gradients = TransformedGradients {
                from: sum,
                matrix_stride,
                row_stride: columns,
                part_stride: 0,
                parts: 1,
            };
            let target = WeightBlock {
                dw: dw.get(),
                c_in: conv.c_in,
                i,
                rows,
                o,
                columns: columns.min(conv.c_out - o),
            };
            gradient_block(ctx.dtype.level, gradients, target);
        }
    });
}

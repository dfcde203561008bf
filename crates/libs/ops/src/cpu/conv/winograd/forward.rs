//! Winograd convolution of a map: forward pass and input gradient.
//!
//! Many tiles: the kernels are transformed once and each task owns a chunk of tiles from input to
//! output, so that its transformed tiles stay in its second-level cache. Few tiles (small maps, where the
//! transformed kernels outweigh them): the tiles are transformed once and each task owns a panel
//! of output channels, whose kernels it transforms block by block.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::tiles::{TileEpilogue, TileWindow, input_tile, output_tile};
use super::weights::{KernelBlock, Kernels, transform_block};
use super::{POSITIONS, SKEW, TileOrigin, WinogradConv};
use crate::cpu::buffers::{Scratch, Shared, SharedMut, output};
use crate::cpu::conv::Epilogue;
use crate::cpu::gemm::{Gemm, gemm};
use crate::cpu::simd::GemmDtype;
use rayon::prelude::*;

/// Up to this many tiles, each task owns a panel of channels instead of a chunk of tiles.
const FEW_TILES: usize = 256;
/// Transformed tiles of one task, in bytes.
const CHUNK_BYTES: usize = 640 << 10;
/// Input channels whose kernels are transformed at once when each task owns a panel.
const KERNEL_BLOCK: usize = 64;

/// Convolves the map `x` with `kernels`.
pub(super) fn run(
    dtype: GemmDtype,
    conv: &WinogradConv,
    x: &[f32],
    kernels: &Kernels,
    epilogue: &Epilogue,
) -> Vec<f32> {
    assert_eq!(
        x.len(),
        conv.n * conv.h * conv.w * conv.c_in,
        "the map has the size of the convolution"
    );
    assert_eq!(kernels.values.len(), conv.c_in * conv.c_out * 9, "one 3x3 kernel per channel pair");
    let ctx = Context { dtype, conv, x: Shared::new(x.as_ptr()), epilogue };
    let len = conv.n * conv.h_out * conv.w_out * conv.c_out;
    // SAFETY: the tiles and panels cover the whole output, each pixel and channel once.
    unsafe {
        output(len, |y| {
            if conv.tiles() <= FEW_TILES {
                by_panel(&ctx, kernels, y);
            } else {
                by_tiles(&ctx, kernels, y);
            }
        })
    }
}

/// The arguments that all tasks share.
struct Context<'a> {
    dtype: GemmDtype,
    conv: &'a WinogradConv,
    x: Shared,
    epilogue: &'a Epilogue<'a>,
}

impl Context<'_> {
    fn panels(&self) -> usize {
        self.conv.c_out.div_ceil(self.dtype.panel_width())
    }

    /// Output channels of a panel; the last may have fewer than its width.
    fn columns(&self, panel: usize) -> usize {
        self.dtype.panel_width().min(self.conv.c_out - panel * self.dtype.panel_width())
    }
}

/// # Safety
/// `y` is writable for the output of the convolution.
unsafe fn by_tiles(ctx: &Context, kernels: &Kernels, y: SharedMut) {
    let (conv, width) = (ctx.conv, ctx.dtype.panel_width());
    let matrix_stride = ctx.panels() * conv.c_in * width;
    let mut transformed = Scratch::take(POSITIONS * matrix_stride);
    let u = transformed.shared_mut();
    (0..ctx.panels() * conv.c_in.div_ceil(KERNEL_BLOCK)).into_par_iter().for_each(|task| {
        let (panel, i) = (task % ctx.panels(), task / ctx.panels() * KERNEL_BLOCK);
        // SAFETY: each task writes its own rows of its own panel.
        unsafe {
            let to = u.get().add((panel * conv.c_in + i) * width);
            let block = KernelBlock {
                to,
                matrix_stride,
                column: panel * width,
                columns: ctx.columns(panel),
            };
            transform_block(ctx.dtype, *kernels, i..(i + KERNEL_BLOCK).min(conv.c_in), block);
        }
    });
    let chunk = tiles_per_task(conv);
    (0..conv.tiles().div_ceil(chunk)).into_par_iter().with_max_len(1).for_each(|task| {
        let tiles = task * chunk..((task + 1) * chunk).min(conv.tiles());
        let v_stride = chunk * conv.c_in + SKEW;
        let mut v = Scratch::take(POSITIONS * v_stride);
        // SAFETY: scratch of this task; its tiles are its own.
        unsafe {
            transform_tiles(ctx, tiles.clone(), v.shared_mut().get(), v_stride);
            for panel in 0..ctx.panels() {
                let b = u.get().add(panel * conv.c_in * width);
                let products = Products { v: v.as_ptr(), v_stride, u: b, u_stride: matrix_stride };
                one_panel(ctx, tiles.clone(), panel, y, |m| {
                    products.multiply(ctx, tiles.len(), conv.c_in, m, false);
                });
            }
        }
    });
}

/// Tiles of a task: chunks of equal size that depend on the shape alone.
fn tiles_per_task(conv: &WinogradConv) -> usize {
    let fit = (CHUNK_BYTES / (POSITIONS * 4 * conv.c_in)).clamp(28, 112);
    let tasks = conv.tiles().div_ceil(fit).next_multiple_of(4);
    conv.tiles().div_ceil(tasks)
}

/// # Safety
/// As `by_tiles`.
unsafe fn by_panel(ctx: &Context, kernels: &Kernels, y: SharedMut) {
    let (conv, width) = (ctx.conv, ctx.dtype.panel_width());
    let tiles = conv.tiles();
    let v_stride = tiles * conv.c_in + SKEW;
    let mut v = Scratch::take(POSITIONS * v_stride);
    let shared = v.shared_mut();
    (0..tiles.div_ceil(4)).into_par_iter().for_each(|task| {
        let tiles = task * 4..(task * 4 + 4).min(tiles);
        // SAFETY: each task writes the rows of its own tiles.
        unsafe {
            transform_tiles(
                ctx,
                tiles.clone(),
                shared.get().add(tiles.start * conv.c_in),
                v_stride,
            );
        }
    });
    (0..ctx.panels()).into_par_iter().with_max_len(1).for_each(|panel| {
        let u_stride = KERNEL_BLOCK.min(conv.c_in) * width;
        let mut u = Scratch::take(POSITIONS * u_stride);
        let u = u.shared_mut().get();
        // SAFETY: scratch of this task; its panel of the output is its own.
        unsafe {
            one_panel(ctx, 0..tiles, panel, y, |m| {
                for i in (0..conv.c_in).step_by(KERNEL_BLOCK) {
                    let channels = i..(i + KERNEL_BLOCK).min(conv.c_in);
                    let inner_len = channels.len();
                    let block = KernelBlock {
                        to: u,
                        matrix_stride: u_stride,
                        column: panel * width,
                        columns: ctx.columns(panel),
                    };
                    transform_block(ctx.dtype, *kernels, channels, block);
                    let products = Products { v: shared.get().add(i), v_stride, u, u_stride };
                    products.multiply(ctx, tiles, inner_len, m, i > 0);
                }
            });
        }
    });
}

/// The operands of one panel's 36 matrix products: tiles `v`, kernels `u`.
#[derive(Clone, Copy)]
struct Products {
    v: *const f32,
    v_stride: usize,
    u: *const f32,
    u_stride: usize,
}

impl Products {
    /// # Safety
    /// The pointers are valid for 36 matrices, of `[m, k]` for `v`.
    unsafe fn multiply(self, ctx: &Context, m: usize, k: usize, to: *mut f32, accumulate: bool) {
        let width = ctx.dtype.panel_width();
        for xi in 0..POSITIONS {
            // SAFETY: the caller's promise.
            unsafe {
                let product = Gemm {
                    m,
                    n: width,
                    k,
                    a: self.v.add(xi * self.v_stride),
                    a_row: ctx.conv.c_in,
                    a_col: 1,
                    b: self.u.add(xi * self.u_stride),
                    b_panel: 0,
                    b_row: width,
                    c: to.add(xi * (m * width + SKEW)),
                    c_row: width,
                    accumulate,
                };
                gemm(ctx.dtype.level, product);
            }
        }
    }
}

/// Multiplies a range of tiles by one panel of kernels and transforms the products to the output.
///
/// # Safety
/// `multiply` fills 36 matrices of `[tiles, panel]`; nothing else writes the tiles' channels.
unsafe fn one_panel(
    ctx: &Context,
    tiles: std::ops::Range<usize>,
    panel: usize,
    y: SharedMut,
    multiply: impl FnOnce(*mut f32),
) {
    let (conv, width) = (ctx.conv, ctx.dtype.panel_width());
    let matrix_stride = tiles.len() * width + SKEW;
    let mut products = Scratch::take(POSITIONS * matrix_stride);
    let m = products.shared_mut().get();
    multiply(m);
    for (row, tile) in tiles.enumerate() {
        let TileOrigin { image, top, left } = conv.tile_origin(tile);
        let first = image * conv.h_out * conv.w_out * conv.c_out + panel * width;
        // SAFETY: the tile's pixels lie in the output.
        unsafe {
            let window = TileWindow {
                image: y.get().add(first),
                h: conv.h_out,
                w: conv.w_out,
                pixel_stride: conv.c_out,
                channels: ctx.columns(panel),
                y: top.cast_signed(),
                x: left.cast_signed(),
            };
            let channel = panel * width;
            let epilogue = TileEpilogue { epilogue: ctx.epilogue, start: first, channel };
            output_tile(ctx.dtype.level, window, m.add(row * width), matrix_stride, epilogue);
        }
    }
}

/// # Safety
/// `to` is writable for the tiles in the 36 matrices.
unsafe fn transform_tiles(
    ctx: &Context,
    tiles: std::ops::Range<usize>,
    to: *mut f32,
    matrix_stride: usize,
) {
    for (row, tile) in tiles.enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let to = to.add(row * ctx.conv.c_in);
            input_tile(ctx.dtype, input_window(ctx.conv, ctx.x, tile), to, matrix_stride);
        }
    }
}

/// The 6x6 input window of a tile, used for reading only.
///
/// # Safety
/// `x` is the map of the convolution.
pub(super) unsafe fn input_window(conv: &WinogradConv, x: Shared, tile: usize) -> TileWindow {
    let TileOrigin { image, top, left } = conv.tile_origin(tile);
    // SAFETY: the image lies in the map.
    let image = unsafe { x.get().add(image * conv.h * conv.w * conv.c_in) };
    TileWindow {
        image: image.cast_mut(),
        h: conv.h,
        w: conv.w,
        pixel_stride: conv.c_in,
        channels: conv.c_in,
        y: top.cast_signed() - conv.padding.cast_signed(),
        x: left.cast_signed() - conv.padding.cast_signed(),
    }
}

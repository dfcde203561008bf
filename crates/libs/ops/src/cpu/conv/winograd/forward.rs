//! One pass of Winograd from map to map.
//!
//! Many tiles: the kernels are transformed once and each task owns a chunk of tiles end to end, so
//! that its transformed tiles stay in its second-level cache. Few tiles (small maps, where the
//! transformed kernels outweigh them): the tiles are transformed once and each task owns a panel
//! of output channels, transforming its kernels piece by piece as it goes.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::tiles::{End, Window, input_tile, output_tile};
use super::weights::{Block, Kernels, transform_block};
use super::{POSITIONS, Pass};
use crate::cpu::buffers::{Scratch, Shared, SharedMut, output};
use crate::cpu::conv::Epilogue;
use crate::cpu::gemm::{Gemm, gemm};
use crate::cpu::simd::GemmDtype;
use rayon::prelude::*;

/// Up to here, each task owns a panel of channels instead of a chunk of tiles.
const FEW_TILES: usize = 256;
/// Transformed tiles of one task, in bytes.
const CHUNK_BYTES: usize = 640 << 10;
/// Input channels whose kernels are transformed at once when each task owns a panel.
const INNER: usize = 64;
/// Keeps the 36 matrices from falling onto the same cache sets.
const SKEW: usize = 48;

/// Convolves the map `x` with `kernels`.
pub(super) fn run(
    dtype: GemmDtype,
    pass: &Pass,
    (x, kernels): (&[f32], &Kernels),
    epilogue: &Epilogue,
) -> Vec<f32> {
    assert_eq!(x.len(), pass.n * pass.h * pass.w * pass.inner, "the map has the size of the pass");
    assert_eq!(
        kernels.values.len(),
        pass.inner * pass.outer * 9,
        "one 3x3 kernel per channel pair"
    );
    let work = Work { dtype, pass, x: Shared::new(x.as_ptr()), epilogue };
    let len = pass.n * pass.h_out * pass.w_out * pass.outer;
    // SAFETY: the tiles and panels cover the whole output, each pixel and channel once.
    unsafe {
        output(len, |y| {
            if pass.tiles() <= FEW_TILES {
                by_panel(&work, kernels, y);
            } else {
                by_tiles(&work, kernels, y);
            }
        })
    }
}

struct Work<'a> {
    dtype: GemmDtype,
    pass: &'a Pass,
    x: Shared,
    epilogue: &'a Epilogue<'a>,
}

impl Work<'_> {
    fn panels(&self) -> usize {
        self.pass.outer.div_ceil(self.dtype.panel())
    }

    /// Columns of a panel that exist.
    fn columns(&self, panel: usize) -> usize {
        self.dtype.panel().min(self.pass.outer - panel * self.dtype.panel())
    }
}

/// # Safety
/// `y` is writable for the output of the pass.
unsafe fn by_tiles(work: &Work, kernels: &Kernels, y: SharedMut) {
    let (pass, width) = (work.pass, work.dtype.panel());
    let position = work.panels() * pass.inner * width;
    let mut transformed = Scratch::take(POSITIONS * position);
    let u = transformed.shared();
    (0..work.panels() * pass.inner.div_ceil(INNER)).into_par_iter().for_each(|task| {
        let (panel, i) = (task % work.panels(), task / work.panels() * INNER);
        // SAFETY: each task writes its own rows of its own panel.
        unsafe {
            let to = u.get().add((panel * pass.inner + i) * width);
            let block = Block { to, position, column: panel * width, columns: work.columns(panel) };
            transform_block(work.dtype, *kernels, i..(i + INNER).min(pass.inner), block);
        }
    });
    let chunk = tiles_per_task(pass);
    (0..pass.tiles().div_ceil(chunk)).into_par_iter().with_max_len(1).for_each(|task| {
        let tiles = task * chunk..((task + 1) * chunk).min(pass.tiles());
        let v_position = chunk * pass.inner + SKEW;
        let mut v = Scratch::take(POSITIONS * v_position);
        // SAFETY: scratch of this task; its tiles are its own.
        unsafe {
            transform_tiles(work, tiles.clone(), v.shared().get(), v_position);
            for panel in 0..work.panels() {
                let b = u.get().add(panel * pass.inner * width);
                let products = Products { v: v.as_ptr(), v_position, u: b, u_position: position };
                one_panel(work, tiles.clone(), panel, y, |m| {
                    products.add(work, [tiles.len(), pass.inner], m, false);
                });
            }
        }
    });
}

/// Chunks of equal size, by the shape alone.
fn tiles_per_task(pass: &Pass) -> usize {
    let fit = (CHUNK_BYTES / (POSITIONS * 4 * pass.inner)).clamp(28, 112);
    let tasks = pass.tiles().div_ceil(fit).next_multiple_of(4);
    pass.tiles().div_ceil(tasks)
}

/// # Safety
/// As `by_tiles`.
unsafe fn by_panel(work: &Work, kernels: &Kernels, y: SharedMut) {
    let (pass, width, tiles) = (work.pass, work.dtype.panel(), work.pass.tiles());
    let v_position = tiles * pass.inner + SKEW;
    let mut v = Scratch::take(POSITIONS * v_position);
    let shared = v.shared();
    (0..tiles.div_ceil(4)).into_par_iter().for_each(|task| {
        let tiles = task * 4..(task * 4 + 4).min(tiles);
        // SAFETY: each task writes the rows of its own tiles.
        unsafe {
            transform_tiles(
                work,
                tiles.clone(),
                shared.get().add(tiles.start * pass.inner),
                v_position,
            );
        }
    });
    (0..work.panels()).into_par_iter().with_max_len(1).for_each(|panel| {
        let u_position = INNER.min(pass.inner) * width;
        let mut u = Scratch::take(POSITIONS * u_position);
        let u = u.shared().get();
        // SAFETY: scratch of this task; its panel of the output is its own.
        unsafe {
            one_panel(work, 0..tiles, panel, y, |m| {
                for i in (0..pass.inner).step_by(INNER) {
                    let inner = i..(i + INNER).min(pass.inner);
                    let size = [tiles, inner.len()];
                    let block = Block {
                        to: u,
                        position: u_position,
                        column: panel * width,
                        columns: work.columns(panel),
                    };
                    transform_block(work.dtype, *kernels, inner, block);
                    let products = Products { v: shared.get().add(i), v_position, u, u_position };
                    products.add(work, size, m, i > 0);
                }
            });
        }
    });
}

/// The 36 products of one panel.
#[derive(Clone, Copy)]
struct Products {
    v: *const f32,
    v_position: usize,
    u: *const f32,
    u_position: usize,
}

impl Products {
    /// # Safety
    /// The pointers are valid for 36 matrices of the size `[tiles, inner]`.
    unsafe fn add(self, work: &Work, [m, k]: [usize; 2], to: *mut f32, accumulate: bool) {
        let width = work.dtype.panel();
        for xi in 0..POSITIONS {
            // SAFETY: the caller's promise.
            unsafe {
                let product = Gemm {
                    m,
                    n: width,
                    k,
                    a: self.v.add(xi * self.v_position),
                    a_row: work.pass.inner,
                    a_col: 1,
                    b: self.u.add(xi * self.u_position),
                    b_panel: 0,
                    b_row: width,
                    c: to.add(xi * (m * width + SKEW)),
                    c_row: width,
                    accumulate,
                };
                gemm(work.dtype.level, product);
            }
        }
    }
}

/// Products of one panel and a range of tiles, transformed back into the output.
///
/// # Safety
/// `multiply` fills 36 matrices of `[tiles, panel]`; nobody else writes the tiles' channels.
unsafe fn one_panel(
    work: &Work,
    tiles: std::ops::Range<usize>,
    panel: usize,
    y: SharedMut,
    multiply: impl FnOnce(*mut f32),
) {
    let (pass, width) = (work.pass, work.dtype.panel());
    let position = tiles.len() * width + SKEW;
    let mut products = Scratch::take(POSITIONS * position);
    let m = products.shared().get();
    multiply(m);
    for (row, tile) in tiles.enumerate() {
        let [image, top, left] = pass.place(tile);
        let first = image * pass.h_out * pass.w_out * pass.outer + panel * width;
        // SAFETY: the tile's pixels lie in the output.
        unsafe {
            let window = Window {
                image: y.get().add(first),
                h: pass.h_out,
                w: pass.w_out,
                pixel: pass.outer,
                channels: work.columns(panel),
                y: top.cast_signed(),
                x: left.cast_signed(),
            };
            let channel = panel * width;
            let end = End { epilogue: work.epilogue, place: first, channel };
            output_tile(work.dtype.level, window, (m.add(row * width), position), end);
        }
    }
}

/// # Safety
/// `to` is writable for the tiles at the 36 positions.
unsafe fn transform_tiles(
    work: &Work,
    tiles: std::ops::Range<usize>,
    to: *mut f32,
    position: usize,
) {
    for (row, tile) in tiles.enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let to = to.add(row * work.pass.inner);
            input_tile(work.dtype, input_window(work.pass, work.x, tile), to, position);
        }
    }
}

/// The 6x6 window of a tile; only reads go through it.
///
/// # Safety
/// `x` is the map of the pass.
pub(super) unsafe fn input_window(pass: &Pass, x: Shared, tile: usize) -> Window {
    let [image, top, left] = pass.place(tile);
    // SAFETY: the image lies in the map.
    let image = unsafe { x.get().add(image * pass.h * pass.w * pass.inner) };
    Window {
        image: image.cast_mut(),
        h: pass.h,
        w: pass.w,
        pixel: pass.inner,
        channels: pass.inner,
        y: top.cast_signed() - pass.padding.cast_signed(),
        x: left.cast_signed() - pass.padding.cast_signed(),
    }
}

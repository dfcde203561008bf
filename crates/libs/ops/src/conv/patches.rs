//! Any kernel and stride by patches: each output pixel's inputs are copied into a row (im2col), and
//! the convolution is a matrix product of rows `[pixels, kh * kw * c_in]`.
//!
//! Rows are made for a block of pixels at a time and stay in the second-level cache.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::Geometry;
use super::pointwise::copy_panels;
use crate::gemm::{Gemm, gemm, pack_panels};
use crate::memory::{Scratch, Shared, SharedMut, output};
use crate::simd::Level;
use rayon::prelude::*;
use std::ops::Range;

/// Patches of one block, in bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// Parts that the batch is cut into where the weight gradient is small.
const PARTS: usize = 16;
/// Up to here (in bytes of one sum) the weight gradient is summed in parts.
const SMALL_SUM: usize = 1 << 20;

/// Pixels per block of one image: whole tiles of the widest path.
fn block_rows(g: &Geometry) -> usize {
    let fit = (BLOCK_BYTES / 4 / g.patch()).max(1).next_multiple_of(14);
    fit.min((g.h_out * g.w_out).next_multiple_of(14))
}

/// Blocks of all images: image and pixels.
fn blocks(g: &Geometry) -> (usize, impl Fn(usize) -> (usize, Range<usize>) + Sync) {
    let (rows, pixels) = (block_rows(g), g.h_out * g.w_out);
    let per_image = pixels.div_ceil(rows);
    (g.n * per_image, move |block| {
        let start = block % per_image * rows;
        (block / per_image, start..(start + rows).min(pixels))
    })
}

/// Copies the patches of some output pixels of one image into rows.
fn gather(g: &Geometry, x: &[f32], image: usize, pixels: Range<usize>, rows: &mut [f32]) {
    let c = g.c_in;
    let [kh, kw] = g.kernel;
    for (pixel, row) in pixels.zip(rows.chunks_exact_mut(g.patch())) {
        let (down, across) = (g.taps(0, pixel / g.w_out), g.taps(1, pixel % g.w_out));
        let wide = (across.high - across.low) * c;
        row[..down.low * kw * c].fill(0.0);
        row[down.high * kw * c..].fill(0.0);
        for ky in down.low..down.high {
            let to = &mut row[ky * kw * c..(ky + 1) * kw * c];
            let y = down.first + ky - down.low;
            let from = ((image * g.h + y) * g.w + across.first) * c;
            to[..across.low * c].fill(0.0);
            to[across.low * c..][..wide].copy_from_slice(&x[from..from + wide]);
            to[across.high * c..].fill(0.0);
        }
        debug_assert!(down.high <= kh, "taps stay inside the kernel");
    }
}

/// Weights as panels: rows `(ky, kx, i)`, columns `o`.
fn pack_forward(level: Level, g: &Geometry, w: &[f32]) -> Scratch {
    let (panel, k) = (level.panel(), g.patch());
    let taps = g.kernel[0] * g.kernel[1];
    let len = g.c_out.next_multiple_of(panel) * k;
    let mut packed = Scratch::take(len);
    pack_panels(packed.slice(len), panel, [k, g.c_out], |row, o| {
        w[(o * g.c_in + row % g.c_in) * taps + row / g.c_in]
    });
    packed
}

/// `y = conv(x, w)`.
pub(super) fn forward(level: Level, g: &Geometry, x: &[f32], w: &[f32]) -> Vec<f32> {
    let (panel, k) = (level.panel(), g.patch());
    let packed = pack_forward(level, g, w);
    let b = Shared::new(packed.as_ptr());
    let (count, block) = blocks(g);
    // SAFETY: the blocks cover all pixels of all images, each once.
    unsafe {
        output(g.len_out(), |y| {
            (0..count).into_par_iter().for_each(|index| {
                let (image, pixels) = block(index);
                let mut rows = Scratch::take(pixels.len() * k);
                gather(g, x, image, pixels.clone(), rows.slice(pixels.len() * k));
                let product = Gemm {
                    m: pixels.len(),
                    n: g.c_out,
                    k,
                    a: rows.as_ptr(),
                    a_row: k,
                    a_col: 1,
                    b: b.get(),
                    b_panel: k * panel,
                    b_row: panel,
                    c: y.get().add((image * g.h_out * g.w_out + pixels.start) * g.c_out),
                    c_row: g.c_out,
                    accumulate: false,
                };
                gemm(level, product);
            });
        })
    }
}

/// The gradient of `x`: patches of gradients are made by a product and added where they came from.
pub(super) fn input_gradient(level: Level, g: &Geometry, dy: &[f32], w: &[f32]) -> Vec<f32> {
    assert_eq!(dy.len(), g.len_out(), "the gradient has the size of the output");
    let (panel, k) = (level.panel(), g.patch());
    let taps = g.kernel[0] * g.kernel[1];
    let len = k.next_multiple_of(panel) * g.c_out;
    let mut packed = Scratch::take(len);
    pack_panels(packed.slice(len), panel, [g.c_out, k], |o, column| {
        w[(o * g.c_in + column % g.c_in) * taps + column / g.c_in]
    });
    let b = Shared::new(packed.as_ptr());
    let (rows, pixels) = (block_rows(g), g.h_out * g.w_out);
    let mut dx = vec![0.0; g.len_in()];
    dx.par_chunks_mut(g.h * g.w * g.c_in).enumerate().for_each(|(image, dx)| {
        let mut patches = Scratch::take(rows * k);
        for start in (0..pixels).step_by(rows) {
            let m = rows.min(pixels - start);
            let product = Gemm {
                m,
                n: k,
                k: g.c_out,
                a: dy[(image * pixels + start) * g.c_out..].as_ptr(),
                a_row: g.c_out,
                a_col: 1,
                b: b.get(),
                b_panel: g.c_out * panel,
                b_row: panel,
                c: patches.shared().get(),
                c_row: k,
                accumulate: false,
            };
            // SAFETY: the block of gradients lies in `dy`, the patches in this task's scratch.
            unsafe { gemm(level, product) };
            scatter(level, g, patches.slice(m * k), start..start + m, dx);
        }
    });
    dx
}

crate::simd::vectorized_loops! {
    /// Adds patches to the pixels of one image that they were taken from.
    fn scatter(g: &Geometry, patches: &[f32], pixels: Range<usize>, dx: &mut [f32]) {
        let c = g.c_in;
        for (pixel, row) in pixels.zip(patches.chunks_exact(g.patch())) {
            let (down, across) = (g.taps(0, pixel / g.w_out), g.taps(1, pixel % g.w_out));
            let wide = (across.high - across.low) * c;
            for ky in down.low..down.high {
                let from = &row[(ky * g.kernel[1] + across.low) * c..][..wide];
                let y = down.first + ky - down.low;
                let to = &mut dx[(y * g.w + across.first) * c..][..wide];
                for (to, from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
        }
    }
}

/// The gradient of `w`.
pub(super) fn weight_gradient(level: Level, g: &Geometry, x: &[f32], dy: &[f32]) -> Vec<f32> {
    assert_eq!(dy.len(), g.len_out(), "the gradient has the size of the output");
    let (k, row) = (g.patch(), g.c_out.next_multiple_of(level.panel()));
    let parts = if k * row * 4 <= SMALL_SUM { PARTS } else { 2 };
    let (count, _) = blocks(g);
    let share = count.div_ceil(parts);
    let parts = count.div_ceil(share);
    let mut sums = Scratch::take(parts * k * row);
    let shared = sums.shared();
    (0..parts).into_par_iter().with_max_len(1).for_each(|part| {
        // SAFETY: each part has its own sum.
        unsafe {
            let range = part * share..((part + 1) * share).min(count);
            sum_blocks(level, g, [x, dy], range, shared.get().add(part * k * row));
        }
    });
    // SAFETY: the sums are complete.
    let sums = unsafe { std::slice::from_raw_parts(shared.get(), parts * k * row) };
    add_parts(g, sums, row)
}

/// Sums the products of a range of blocks into `sum [patch, c_out rounded up]`.
///
/// # Safety
/// `sum` is writable for that size.
unsafe fn sum_blocks(
    level: Level,
    g: &Geometry,
    [x, dy]: [&[f32]; 2],
    range: Range<usize>,
    sum: *mut f32,
) {
    let (panel, k) = (level.panel(), g.patch());
    let row = g.c_out.next_multiple_of(panel);
    let (_, block) = blocks(g);
    let mut patches = Scratch::take(block_rows(g) * k);
    let mut packed = Scratch::take(block_rows(g) * row);
    for index in range.clone() {
        let (image, pixels) = block(index);
        let m = pixels.len();
        let first = (image * g.h_out * g.w_out + pixels.start) * g.c_out;
        gather(g, x, image, pixels, patches.slice(m * k));
        let (b, b_panel) = copy_panels(&mut packed, panel, [m, g.c_out], &dy[first..], g.c_out);
        let product = Gemm {
            m: k,
            n: row,
            k: m,
            a: patches.as_ptr(),
            a_row: 1,
            a_col: k,
            b,
            b_panel,
            b_row: panel,
            c: sum,
            c_row: row,
            accumulate: index > range.start,
        };
        // SAFETY: patches and panels are this task's scratch; the sum is the caller's promise.
        unsafe { gemm(level, product) };
    }
}

/// Adds the parts in order and turns `[(ky, kx, i), o]` into `[o, i, ky, kx]`.
fn add_parts(g: &Geometry, sums: &[f32], row: usize) -> Vec<f32> {
    let (k, taps) = (g.patch(), g.kernel[0] * g.kernel[1]);
    let mut dw = vec![0.0; g.len_weight()];
    let shared = SharedMut::of(&mut dw);
    (0..k.div_ceil(8)).into_par_iter().for_each(|block| {
        for q in block * 8..(block * 8 + 8).min(k) {
            let (tap, i) = (q / g.c_in, q % g.c_in);
            for o in 0..g.c_out {
                let total: f32 = sums.chunks_exact(k * row).map(|part| part[q * row + o]).sum();
                // SAFETY: each `q` has its own tap and input channel.
                unsafe { *shared.get().add((o * g.c_in + i) * taps + tap) = total };
            }
        }
    });
    dw
}

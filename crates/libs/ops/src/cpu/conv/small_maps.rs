//! Convolutions onto maps of a few pixels, where most of a kernel falls outside.
//!
//! Each pair of an output pixel and a tap that is inside is one matrix product over the batch:
//! `y[:, p] += x[:, q] w[tap]`. A 3x3 kernel on a 2x2 map has 16 such pairs where patches have 36
//! and Winograd has 36 and large transforms besides. Tasks own channels, so no sum is shared.
#![expect(unsafe_code, reason = "tasks write disjoint channels of shared buffers")]

use crate::cpu::buffers::{Scratch, Shared, SharedMut};
use crate::cpu::gemm::{Gemm, gemm};
use crate::cpu::simd::SimdLevel;
use crate::geometry::ConvGeometry;
use rayon::prelude::*;

/// Output pixels up to which this way is taken.
const PIXELS: usize = 4;
/// Sides of a task's block of the weight gradient: input and output channels.
const BLOCK: [usize; 2] = [32, 64];

/// Few output pixels, whole panels of channels on every path, and more than one tap.
pub(super) fn fits(g: &ConvGeometry) -> bool {
    g.h_out * g.w_out <= PIXELS
        && g.groups == 1
        && g.kernel != [1, 1]
        && g.c_in.is_multiple_of(32)
        && g.c_out.is_multiple_of(32)
}

/// One product: an input pixel, an output pixel and the tap between them.
struct Pair {
    input: usize,
    output: usize,
    tap: usize,
}

fn pairs(g: &ConvGeometry) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for output in 0..g.h_out * g.w_out {
        let (down, across) = (g.taps(0, output / g.w_out), g.taps(1, output % g.w_out));
        for ky in down.low..down.high {
            for kx in across.low..across.high {
                let (y, x) = (down.first + ky - down.low, across.first + kx - across.low);
                pairs.push(Pair { input: y * g.w + x, output, tap: ky * g.kernel[1] + kx });
            }
        }
    }
    pairs
}

/// One side of the products: a map with `pixels` pixels of `channels` values per image.
#[derive(Clone, Copy)]
struct Side {
    pixels: usize,
    channels: usize,
}

fn sides(g: &ConvGeometry) -> [Side; 2] {
    [
        Side { pixels: g.h * g.w, channels: g.c_in },
        Side { pixels: g.h_out * g.w_out, channels: g.c_out },
    ]
}

/// `y = conv(x, w)`.
pub(super) fn forward(level: SimdLevel, g: &ConvGeometry, x: &[f32], w: &[f32]) -> Vec<f32> {
    let [input, output] = sides(g);
    let pairs: Vec<[usize; 3]> = pairs(g).iter().map(|p| [p.input, p.output, p.tap]).collect();
    let taps = g.kernel[0] * g.kernel[1];
    let weight = |i: usize, o: usize| &w[(o * g.c_in + i) * taps..][..taps];
    products(level, (g.n, taps), (x, [input, output]), &pairs, weight)
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    level: SimdLevel,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let [input, output] = sides(g);
    let pairs: Vec<[usize; 3]> = pairs(g).iter().map(|p| [p.output, p.input, p.tap]).collect();
    let taps = g.kernel[0] * g.kernel[1];
    let weight = |o: usize, i: usize| &w[(o * g.c_in + i) * taps..][..taps];
    products(level, (g.n, taps), (dy, [output, input]), &pairs, weight)
}

/// `to[:, p] += from[:, q] w[tap]` over pairs `[q, p, tap]`; each task owns a panel of channels.
fn products<'a>(
    level: SimdLevel,
    (n, taps): (usize, usize),
    (from, [source, target]): (&[f32], [Side; 2]),
    pairs: &[[usize; 3]],
    weight: impl Fn(usize, usize) -> &'a [f32] + Sync,
) -> Vec<f32> {
    let (panel, inner) = (level.panel(), source.channels);
    assert_eq!(from.len(), n * source.pixels * inner, "the map has the size of the layer");
    let mut to = vec![0.0; n * target.pixels * target.channels];
    let shared = SharedMut::of(&mut to);
    (0..target.channels / panel).into_par_iter().with_max_len(1).for_each(|block| {
        let first = block * panel;
        let mut packed = Scratch::take(taps * inner * panel);
        let weights = packed.slice(taps * inner * panel);
        // Blocks of rows keep both the kernels read and the panels written in the cache.
        for start in (0..inner).step_by(16) {
            for lane in 0..panel {
                for i in start..start + 16 {
                    for (tap, value) in weight(i, first + lane).iter().enumerate() {
                        weights[(tap * inner + i) * panel + lane] = *value;
                    }
                }
            }
        }
        for [q, p, tap] in pairs {
            // SAFETY: the pixels lie in their maps, the panel is this task's alone.
            unsafe {
                let product = Gemm {
                    m: n,
                    n: panel,
                    k: inner,
                    a: from.as_ptr().add(q * inner),
                    a_row: source.pixels * inner,
                    a_col: 1,
                    b: packed.as_ptr().add(tap * inner * panel),
                    b_panel: 0,
                    b_row: panel,
                    c: shared.get().add(p * target.channels + first),
                    c_row: target.pixels * target.channels,
                    accumulate: true,
                };
                gemm(level, product);
            }
        }
    });
    to
}

/// The gradient of `w`; each task owns a block of kernels.
pub(super) fn weight_gradient(
    level: SimdLevel,
    g: &ConvGeometry,
    x: &[f32],
    dy: &[f32],
) -> Vec<f32> {
    assert_eq!(
        (x.len(), dy.len()),
        (g.len_in(), g.len_out()),
        "the maps have the size of the layer"
    );
    let (pairs, taps) = (pairs(g), g.kernel[0] * g.kernel[1]);
    let mut dw = vec![0.0; g.len_weight()];
    let (shared, x, dy) =
        (SharedMut::of(&mut dw), Shared::new(x.as_ptr()), Shared::new(dy.as_ptr()));
    let across = g.c_out.div_ceil(BLOCK[1]);
    (0..g.c_in.div_ceil(BLOCK[0]) * across).into_par_iter().with_max_len(1).for_each(|task| {
        let (i, o) = (task / across * BLOCK[0], task % across * BLOCK[1]);
        let (m, n) = (BLOCK[0].min(g.c_in - i), BLOCK[1].min(g.c_out - o));
        let mut sums = Scratch::take(taps * m * n);
        sums.slice(taps * m * n).fill(0.0);
        for pair in &pairs {
            // SAFETY: the pixels lie in their maps; the sums are this task's scratch.
            unsafe {
                let product = Gemm {
                    m,
                    n,
                    k: g.n,
                    a: x.get().add(pair.input * g.c_in + i),
                    a_row: 1,
                    a_col: g.h * g.w * g.c_in,
                    b: dy.get().add(pair.output * g.c_out + o),
                    b_panel: level.panel(),
                    b_row: g.h_out * g.w_out * g.c_out,
                    c: sums.shared().get().add(pair.tap * m * n),
                    c_row: n,
                    accumulate: true,
                };
                gemm(level, product);
            }
        }
        let target = Target { dw: shared, c_in: g.c_in, taps, first: [i, o] };
        // SAFETY: the block's kernels are this task's alone.
        unsafe { turn(sums.slice(taps * m * n), [m, n], &target) };
    });
    dw
}

/// Where a block of the weight gradient goes.
struct Target {
    dw: SharedMut,
    c_in: usize,
    taps: usize,
    /// First input and output channel.
    first: [usize; 2],
}

/// `[taps, i, o]` to `[o, i, taps]`.
///
/// # Safety
/// The block lies in `dw`, and nobody else touches it.
unsafe fn turn(sums: &[f32], [m, n]: [usize; 2], target: &Target) {
    let [i, o] = target.first;
    for column in 0..n {
        for row in 0..m {
            let kernel = ((o + column) * target.c_in + i + row) * target.taps;
            for tap in 0..target.taps {
                let value = sums[(tap * m + row) * n + column];
                // SAFETY: the caller's promise.
                unsafe { *target.dw.get().add(kernel + tap) = value };
            }
        }
    }
}

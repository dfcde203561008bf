//! Convolutions onto maps of a few pixels, where most of a kernel lies outside the image.
//!
//! Each pair of an output pixel and a tap inside the image is one matrix product over the batch:
//! `y[:, p] += x[:, q] w[tap]`. A 3x3 kernel on a 2x2 map has 16 such pairs, where patches have 36
//! and Winograd has 36 and large transforms besides. Tasks own channels, so no sum is shared.
#![expect(unsafe_code, reason = "tasks write disjoint channels of shared buffers")]

use crate::cpu::buffers::{Scratch, Shared, SharedMut};
use crate::cpu::gemm::{Gemm, gemm};
use crate::cpu::simd::SimdLevel;
use crate::geometry::ConvGeometry;
use rayon::prelude::*;

/// The most output pixels that this algorithm is used for.
const MAX_PIXELS: usize = 4;
/// Sides of a task's block of the weight gradient: input and output channels.
const BLOCK: [usize; 2] = [32, 64];

/// Few output pixels, whole panels of channels at every SIMD level, and more than one tap.
pub(super) fn fits(g: &ConvGeometry) -> bool {
    g.h_out * g.w_out <= MAX_PIXELS
        && g.groups == 1
        && g.kernel != [1, 1]
        && g.c_in.is_multiple_of(32)
        && g.c_out.is_multiple_of(32)
}

/// One matrix product: from a source pixel, through a tap, to a target pixel.
#[derive(Clone, Copy)]
struct TapProduct {
    source: usize,
    target: usize,
    tap: usize,
}

/// The products from input to output pixels.
fn tap_products(g: &ConvGeometry) -> Vec<TapProduct> {
    let mut products = Vec::new();
    for output in 0..g.h_out * g.w_out {
        let (down, across) = (g.taps(0, output / g.w_out), g.taps(1, output % g.w_out));
        for ky in down.low..down.high {
            for kx in across.low..across.high {
                let (y, x) = (down.first + ky - down.low, across.first + kx - across.low);
                let tap = ky * g.kernel[1] + kx;
                products.push(TapProduct { source: y * g.w + x, target: output, tap });
            }
        }
    }
    products
}

/// A map with `pixels` pixels of `channels` values per image.
#[derive(Clone, Copy)]
struct MapSize {
    pixels: usize,
    channels: usize,
}

/// The sizes of the input and the output.
fn map_sizes(g: &ConvGeometry) -> [MapSize; 2] {
    [
        MapSize { pixels: g.h * g.w, channels: g.c_in },
        MapSize { pixels: g.h_out * g.w_out, channels: g.c_out },
    ]
}

/// `y = conv(x, w)`.
pub(super) fn forward(level: SimdLevel, g: &ConvGeometry, x: &[f32], w: &[f32]) -> Vec<f32> {
    let [source, target] = map_sizes(g);
    let taps = g.kernel[0] * g.kernel[1];
    let weight = |i: usize, o: usize| &w[(o * g.c_in + i) * taps..][..taps];
    let sizes = Sizes { n: g.n, taps, source, target };
    sum_products(level, sizes, x, &tap_products(g), weight)
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    level: SimdLevel,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let [target, source] = map_sizes(g);
    let taps = g.kernel[0] * g.kernel[1];
    let weight = |o: usize, i: usize| &w[(o * g.c_in + i) * taps..][..taps];
    let reversed: Vec<TapProduct> = tap_products(g)
        .into_iter()
        .map(|p| TapProduct { source: p.target, target: p.source, tap: p.tap })
        .collect();
    let sizes = Sizes { n: g.n, taps, source, target };
    sum_products(level, sizes, dy, &reversed, weight)
}

/// Images, kernel taps and both maps of the products.
#[derive(Clone, Copy)]
struct Sizes {
    n: usize,
    taps: usize,
    source: MapSize,
    target: MapSize,
}

/// `to[:, target] += from[:, source] w[tap]`; each task owns a panel of target channels.
fn sum_products<'a>(
    level: SimdLevel,
    sizes: Sizes,
    from: &[f32],
    products: &[TapProduct],
    weight: impl Fn(usize, usize) -> &'a [f32] + Sync,
) -> Vec<f32> {
    let Sizes { n, taps, source, target } = sizes;
    let (panel, inner) = (level.panel_width(), source.channels);
    assert_eq!(from.len(), n * source.pixels * inner, "the map has the size of the layer");
    let mut to = vec![0.0; n * target.pixels * target.channels];
    let shared = SharedMut::of(&mut to);
    (0..target.channels / panel).into_par_iter().with_max_len(1).for_each(|block| {
        let first = block * panel;
        let mut packed = Scratch::take(taps * inner * panel);
        let weights = packed.slice(taps * inner * panel);
        // Blocks of 16 rows keep both the kernels read and the panels written in the cache.
        for start in (0..inner).step_by(16) {
            for lane in 0..panel {
                for i in start..start + 16 {
                    for (tap, value) in weight(i, first + lane).iter().enumerate() {
                        weights[(tap * inner + i) * panel + lane] = *value;
                    }
                }
            }
        }
        for product in products {
            // SAFETY: the pixels lie in their maps, the panel is this task's alone.
            unsafe {
                let gemm_call = Gemm {
                    m: n,
                    n: panel,
                    k: inner,
                    a: from.as_ptr().add(product.source * inner),
                    a_row: source.pixels * inner,
                    a_col: 1,
                    b: packed.as_ptr().add(product.tap * inner * panel),
                    b_panel: 0,
                    b_row: panel,
                    c: shared.get().add(product.target * target.channels + first),
                    c_row: target.pixels * target.channels,
                    accumulate: true,
                };
                gemm(level, gemm_call);
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
    let products = tap_products(g);
    let taps = g.kernel[0] * g.kernel[1];
    let mut dw = vec![0.0; g.len_weight()];
    let shared = SharedMut::of(&mut dw);
    let (x, dy) = (Shared::new(x.as_ptr()), Shared::new(dy.as_ptr()));
    let across = g.c_out.div_ceil(BLOCK[1]);
    (0..g.c_in.div_ceil(BLOCK[0]) * across).into_par_iter().with_max_len(1).for_each(|task| {
        let (i, o) = (task / across * BLOCK[0], task % across * BLOCK[1]);
        let (m, n) = (BLOCK[0].min(g.c_in - i), BLOCK[1].min(g.c_out - o));
        let mut sums = Scratch::take(taps * m * n);
        sums.slice(taps * m * n).fill(0.0);
        for product in &products {
            // SAFETY: the pixels lie in their maps; the sums are this task's scratch.
            unsafe {
                let gemm_call = Gemm {
                    m,
                    n,
                    k: g.n,
                    a: x.get().add(product.source * g.c_in + i),
                    a_row: 1,
                    a_col: g.h * g.w * g.c_in,
                    b: dy.get().add(product.target * g.c_out + o),
                    b_panel: level.panel_width(),
                    b_row: g.h_out * g.w_out * g.c_out,
                    c: sums.shared_mut().get().add(product.tap * m * n),
                    c_row: n,
                    accumulate: true,
                };
                gemm(level, gemm_call);
            }
        }
        let target = WeightBlock { dw: shared, c_in: g.c_in, taps, first: [i, o] };
        // SAFETY: the block's kernels are this task's alone.
        unsafe { reorder_into(sums.slice(taps * m * n), [m, n], &target) };
    });
    dw
}

/// A block of the weight gradient.
struct WeightBlock {
    dw: SharedMut,
    c_in: usize,
    taps: usize,
    /// First input and output channel.
    first: [usize; 2],
}

/// `[taps, i, o]` to `[o, i, taps]`.
///
/// # Safety
/// The block lies in `dw`, and nothing else accesses it.
unsafe fn reorder_into(sums: &[f32], [m, n]: [usize; 2], target: &WeightBlock) {
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

//! Any kernel and stride straight from the map, on single words or on pairs of bf16.
//!
//! In NHWC the inputs that one row of the kernel sees are `kw * c` neighbours in memory, so a
//! pixel's patch is `kh` runs of words. The map is copied once into a frame of zeros (and rounded
//! to bf16 where pairs are wanted); register tiles then read their pixels' runs from it in place,
//! and no patch is ever written. The input gradient is the same with one pass for each of the
//! `stride x stride` phases of the input's pixels, each with the taps that reach it. The weight
//! gradient packs patches by panels, a block of pixels at a time, and is a product over pixels.
#![expect(unsafe_code, reason = "tasks write disjoint pixels of one buffer")]

mod kernel;
mod padded_input;
mod pass;
mod weight_gradient;
mod weights;

use super::Epilogue;
use crate::cpu::buffers::{SharedMut, output, zeros};
use crate::cpu::simd::GemmDtype;
use crate::geometry::ConvGeometry;
use padded_input::{Frame, Framed};
use pass::{Pass, Places};
pub(super) use weight_gradient::weight_gradient;
use weights::{Weights, pack};

/// `y = epilogue(conv(x, w))`.
pub(super) fn forward(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    w: &[f32],
    epilogue: &Epilogue,
) -> Vec<f32> {
    let framed = Framed::new(dtype, x, &Frame::around(g));
    let [kh, kw] = g.kernel;
    let taps: Vec<usize> = (0..kh * kw).collect();
    let weights = Weights { values: w, inner: kh * kw, outer: g.c_in * kh * kw };
    let packed = pack(dtype, [g.c_in, g.c_out], &taps, weights);
    let row = framed.row();
    let places = Places {
        count: [g.n, g.h_out, g.w_out],
        from: [framed.image(), g.stride * row, g.stride * framed.pixel],
        from_first: 0,
        to: [g.h_out * g.w_out * g.c_out, g.w_out * g.c_out, g.c_out],
        to_first: 0,
    };
    let pass = Pass { dtype, framed: &framed, taps: [kh, kw], packed: &packed, n: g.c_out, places };
    // SAFETY: the places are all pixels of the output, each once.
    unsafe { output(g.len_out(), |y| pass.run(y, epilogue)) }
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let framed = Framed::new(dtype, dy, &Frame::behind(g));
    let phases = |axis| (0..g.stride).map(move |p| Phase::new(g, axis, p));
    let is_reached = |axis| phases(axis).all(|phase| phase.taps > 0 || phase.count == 0);
    let fill = |dx: SharedMut| {
        for down in phases(0) {
            for across in phases(1) {
                // SAFETY: the phases partition the pixels of `dx`.
                unsafe { run_phase(dtype, g, (&framed, w), [&down, &across], dx) };
            }
        }
    };
    if is_reached(0) && is_reached(1) {
        // SAFETY: every phase writes all of its pixels.
        return unsafe { output(g.len_in(), fill) };
    }
    // A pixel that no tap reaches has no gradient.
    let mut dx = zeros(g.len_in());
    fill(SharedMut::of(&mut dx));
    dx
}

/// The pixels `y` of one axis with `(y + padding) % stride = p`, which the taps `p`, `p + stride`,
/// ... reach.
struct Phase {
    p: usize,
    taps: usize,
    /// First of its pixels, and how many there are.
    first: usize,
    count: usize,
    /// Where in the framed gradient the first pixel's run begins.
    from: usize,
}

impl Phase {
    fn new(g: &ConvGeometry, axis: usize, p: usize) -> Self {
        let (kernel, size) = (g.kernel[axis], [g.h, g.w][axis]);
        let taps = kernel.saturating_sub(p).div_ceil(g.stride);
        let first = (p + g.stride - g.padding % g.stride) % g.stride;
        let count = size.saturating_sub(first).div_ceil(g.stride);
        let from = (first + g.padding - p) / g.stride + kernel.div_ceil(g.stride) - taps;
        Self { p, taps, first, count, from }
    }

    /// The kernel's taps in the order of the gradient's pixels: from last to first.
    fn taps(&self, stride: usize) -> impl Iterator<Item = usize> + use<> {
        let p = self.p;
        (0..self.taps).rev().map(move |tap| p + stride * tap)
    }
}

/// # Safety
/// `dx` is writable for the input, and nobody else writes the phase's pixels.
unsafe fn run_phase(
    dtype: GemmDtype,
    g: &ConvGeometry,
    (framed, w): (&Framed, &[f32]),
    [down, across]: [&Phase; 2],
    dx: SharedMut,
) {
    if down.taps * across.taps * down.count * across.count == 0 {
        return;
    }
    let [kernel, c_in] = [g.kernel[0] * g.kernel[1], g.c_in];
    let columns = |ky: usize| across.taps(g.stride).map(move |kx| ky * g.kernel[1] + kx);
    let taps: Vec<usize> = down.taps(g.stride).flat_map(columns).collect();
    let weights = Weights { values: w, inner: c_in * kernel, outer: kernel };
    let packed = pack(dtype, [g.c_out, c_in], &taps, weights);
    let (row, s) = (framed.row(), g.stride);
    let places = Places {
        count: [g.n, down.count, across.count],
        from: [framed.image(), row, framed.pixel],
        from_first: down.from * row + across.from * framed.pixel,
        to: [g.h * g.w * c_in, s * g.w * c_in, s * c_in],
        to_first: (down.first * g.w + across.first) * c_in,
    };
    let taps = [down.taps, across.taps];
    let pass = Pass { dtype, framed, taps, packed: &packed, n: c_in, places };
    // SAFETY: the caller's promise.
    unsafe { pass.run(dx, &Epilogue::default()) };
}

//! Direct convolution of any kernel and stride, in `f32` or with bf16 products.
//!
//! In NHWC the inputs that one row of the kernel covers are `kw * c` neighbours in memory, so a
//! pixel's patch is `kh` runs of words (32 bits: one `f32` or two bf16). The input is copied once
//! into a zero-padded buffer (and rounded to bf16 if products are); register tiles then read their
//! pixels' runs from it in place, without im2col. The input gradient is the same, with one pass for
//! each of the `stride x stride` phases of the input's pixels, each with the taps that reach it.
//! The weight gradient packs patches by panels, a block of pixels at a time, and is a product over
//! pixels.
#![expect(unsafe_code, reason = "tasks write disjoint pixels of one buffer")]

mod direct_conv;
mod packed_weights;
mod padded_input;
mod tile;
mod weight_gradient;

use super::Epilogue;
use crate::cpu::buffers::{SharedMut, output, zeros};
use crate::cpu::simd::GemmDtype;
use crate::geometry::ConvGeometry;
use direct_conv::{DirectConv, OutputRegion};
use packed_weights::{Weights, pack};
use padded_input::{PaddedInput, PaddedLayout};
pub(super) use weight_gradient::weight_gradient;

/// `y = epilogue(conv(x, w))`.
pub(super) fn forward(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    w: &[f32],
    epilogue: &Epilogue,
) -> Vec<f32> {
    let input = PaddedInput::new(dtype, x, &PaddedLayout::of_input(g));
    let [kh, kw] = g.kernel;
    let taps: Vec<usize> = (0..kh * kw).collect();
    let weights = Weights { values: w, input_stride: kh * kw, output_stride: g.c_in * kh * kw };
    let packed = pack(dtype, [g.c_in, g.c_out], &taps, weights);
    let region = OutputRegion {
        count: [g.n, g.h_out, g.w_out],
        input_strides: [input.image_len(), g.stride * input.row_len(), g.stride * input.pixel_len],
        input_start: 0,
        output_strides: [g.h_out * g.w_out * g.c_out, g.w_out * g.c_out, g.c_out],
        output_start: 0,
    };
    let conv = DirectConv {
        dtype,
        input: &input,
        taps: [kh, kw],
        packed: &packed,
        c_out: g.c_out,
        region,
    };
    // SAFETY: the region is all pixels of the output, each once.
    unsafe { output(g.len_out(), |y| conv.run(y, epilogue)) }
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let input = PaddedInput::new(dtype, dy, &PaddedLayout::of_output_gradient(g));
    let phases = |axis| (0..g.stride).map(move |first_tap| Phase::new(g, axis, first_tap));
    let is_covered = |axis| phases(axis).all(|phase| phase.taps > 0 || phase.count == 0);
    let fill = |dx: SharedMut| {
        for down in phases(0) {
            for across in phases(1) {
                // SAFETY: the phases partition the pixels of `dx`.
                unsafe { run_phase(dtype, g, &input, w, &down, &across, dx) };
            }
        }
    };
    if is_covered(0) && is_covered(1) {
        // SAFETY: every phase writes all of its pixels.
        return unsafe { output(g.len_in(), fill) };
    }
    // A pixel that no tap reaches has no gradient.
    let mut dx = zeros(g.len_in());
    fill(SharedMut::of(&mut dx));
    dx
}

/// The pixels `y` of one axis with `(y + padding) % stride = first_tap`, which the taps
/// `first_tap`, `first_tap + stride`, ... reach.
struct Phase {
    first_tap: usize,
    taps: usize,
    /// First of its pixels, and how many there are.
    first: usize,
    count: usize,
    /// Where the first pixel's run begins in the padded gradient.
    input_start: usize,
}

impl Phase {
    fn new(g: &ConvGeometry, axis: usize, first_tap: usize) -> Self {
        let (kernel, size) = (g.kernel[axis], [g.h, g.w][axis]);
        let taps = kernel.saturating_sub(first_tap).div_ceil(g.stride);
        let first = (first_tap + g.stride - g.padding % g.stride) % g.stride;
        let count = size.saturating_sub(first).div_ceil(g.stride);
        let input_start =
            (first + g.padding - first_tap) / g.stride + kernel.div_ceil(g.stride) - taps;
        Self { first_tap, taps, first, count, input_start }
    }

    /// The kernel's taps in the order of the gradient's pixels: from last to first.
    fn taps(&self, stride: usize) -> impl Iterator<Item = usize> + use<> {
        let first_tap = self.first_tap;
        (0..self.taps).rev().map(move |tap| first_tap + stride * tap)
    }
}

/// # Safety
/// `dx` is writable for the input, and nothing else writes the phase's pixels.
unsafe fn run_phase(
    dtype: GemmDtype,
    g: &ConvGeometry,
    input: &PaddedInput,
    w: &[f32],
    down: &Phase,
    across: &Phase,
    dx: SharedMut,
) {
    if down.taps * across.taps * down.count * across.count == 0 {
        return;
    }
    let kernel_len = g.kernel[0] * g.kernel[1];
    let columns = |ky: usize| across.taps(g.stride).map(move |kx| ky * g.kernel[1] + kx);
    let taps: Vec<usize> = down.taps(g.stride).flat_map(columns).collect();
    let weights =
        Weights { values: w, input_stride: g.c_in * kernel_len, output_stride: kernel_len };
    let packed = pack(dtype, [g.c_out, g.c_in], &taps, weights);
    let row_len = input.row_len();
    let region = OutputRegion {
        count: [g.n, down.count, across.count],
        input_strides: [input.image_len(), row_len, input.pixel_len],
        input_start: down.input_start * row_len + across.input_start * input.pixel_len,
        output_strides: [g.h * g.w * g.c_in, g.stride * g.w * g.c_in, g.stride * g.c_in],
        output_start: (down.first * g.w + across.first) * g.c_in,
    };
    let taps = [down.taps, across.taps];
    let conv = DirectConv { dtype, input, taps, packed: &packed, c_out: g.c_in, region };
    // SAFETY: the caller's promise.
    unsafe { conv.run(dx, &Epilogue::NONE) };
}

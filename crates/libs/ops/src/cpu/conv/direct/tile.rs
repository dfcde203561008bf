//! Register tiles whose rows begin anywhere in a padded map.
//!
//! Each output is one chain of multiply-adds over the runs and the words of its patch, whatever the
//! tile it falls into, so partitioning the pixels or channels differently changes no bit.
#![expect(unsafe_code, reason = "register tiles over raw pointers; contracts are stated")]

use crate::cpu::conv::Epilogue;
use crate::cpu::simd::{Simd, match_tile_height, multiversion_dtype};
use std::ops::Range;

/// One output pixel: offsets of its patch in the input and of its channels in the output.
#[derive(Clone, Copy)]
pub(super) struct OutputPixel {
    pub(super) patch: usize,
    pub(super) output: usize,
}

/// Some output pixels times some panels of weights.
#[derive(Clone)]
pub(super) struct PixelBlock<'a> {
    pub(super) input: *const f32,
    pub(super) pixels: &'a [OutputPixel],
    /// A patch: its number of runs, the words of each, and the words from one to the next.
    pub(super) runs: usize,
    pub(super) run_len: usize,
    pub(super) run_stride: usize,
    /// The first of the panels, and words from one to the next.
    pub(super) panels: *const f32,
    pub(super) panel_stride: usize,
    pub(super) output: *mut f32,
    /// Add to the sums in the output.
    pub(super) accumulate: bool,
    /// Store past the caches; the output and its pixels are aligned to vectors.
    pub(super) non_temporal: bool,
    /// Output channels.
    pub(super) channels: Range<usize>,
    pub(super) epilogue: &'a Epilogue<'a>,
}

multiversion_dtype! {
    Bf16Dot:
    /// `output[pixel + o] = epilogue(patch . weights o)` for the pixels and channels of the block.
    ///
    /// # Safety
    /// The patches lie in the input, the outputs in the output and in the residual; the panels are
    /// whole; nothing else writes the outputs.
    pub(super) fn run<S>(block: PixelBlock) {
        let panel_width = 2 * S::LANES;
        for (j, channel) in block.channels.clone().step_by(panel_width).enumerate() {
            let panel = block.panels.add(j * block.panel_stride);
            let mut rest = block.pixels;
            while !rest.is_empty() {
                let (pixels, remaining) = rest.split_at(S::tile_height(rest.len()));
                // Only the first panel reads the patches from memory; a patch of one run is
                // prefetched for the tile after.
                let next = remaining.first().filter(|_| j == 0 && block.runs == 1);
                let next = next.map_or(block.input, |pixel| block.input.add(pixel.patch));
                match_tile_height!(S, pixels.len(), |ROWS| {
                    multiply_tile::<S, ROWS>(&block, pixels, panel, channel, next);
                });
                rest = remaining;
            }
        }
        if block.non_temporal {
            S::fence();
        }
    }
}

/// # Safety
/// As `run`; `next` is only prefetched.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const ROWS: usize>(
    block: &PixelBlock,
    pixels: &[OutputPixel],
    panel: *const f32,
    channel: usize,
    next: *const f32,
) {
    // SAFETY: the caller's promise; the end of a run may point outside but is not read.
    unsafe {
        let mut runs: [*const f32; ROWS] =
            std::array::from_fn(|i| block.input.add(pixels[i].patch));
        let mut sums = [[S::splat(0.0); 2]; ROWS];
        if block.accumulate {
            for (pixel, sum) in pixels.iter().zip(&mut sums) {
                *sum = load_sums::<S>(block, pixel.output + channel, channel);
            }
        }
        let mut weights = panel;
        for _ in 0..block.runs {
            for k in 0..block.run_len {
                let (w0, w1) = (S::load(weights), S::load(weights.add(S::LANES)));
                S::prefetch(next.wrapping_add(k * 16));
                for (run, sum) in runs.iter().zip(&mut sums) {
                    let x = S::splat(*run.add(k));
                    *sum = [S::fma(x, w0, sum[0]), S::fma(x, w1, sum[1])];
                }
                weights = weights.add(2 * S::LANES);
            }
            runs = runs.map(|run| run.wrapping_add(block.run_stride));
        }
        for (pixel, sum) in pixels.iter().zip(sums) {
            store_outputs::<S>(block, pixel.output + channel, channel, sum);
        }
    }
}

/// The sums so far.
///
/// # Safety
/// As `run`.
#[inline(always)]
unsafe fn load_sums<S: Simd>(block: &PixelBlock, index: usize, channel: usize) -> [S::V; 2] {
    let channels = block.channels.end - channel;
    // SAFETY: the caller's promise; a tile is at most 32 wide.
    unsafe {
        let from = block.output.add(index);
        if channels >= 2 * S::LANES {
            return [S::load(from), S::load(from.add(S::LANES))];
        }
        let mut values = [0.0; 32];
        std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), channels);
        [S::load(values.as_ptr()), S::load(values.as_ptr().add(S::LANES))]
    }
}

/// # Safety
/// As `run`.
#[inline(always)]
unsafe fn store_outputs<S: Simd>(block: &PixelBlock, index: usize, channel: usize, sum: [S::V; 2]) {
    let channels = block.channels.end - channel;
    // SAFETY: the caller's promise; a tile is at most 32 wide.
    unsafe {
        if channels >= 2 * S::LANES {
            for (half, sum) in sum.into_iter().enumerate() {
                let shift = half * S::LANES;
                let value = block.epilogue.apply_vector::<S>(sum, index + shift, channel + shift);
                let to = block.output.add(index + shift);
                if block.non_temporal { S::stream(to, value) } else { S::store(to, value) }
            }
            return;
        }
        let mut values = [0.0; 32];
        S::store(values.as_mut_ptr(), sum[0]);
        S::store(values.as_mut_ptr().add(S::LANES), sum[1]);
        for (lane, value) in values[..channels].iter().enumerate() {
            *block.output.add(index + lane) =
                block.epilogue.apply_scalar(*value, index + lane, channel + lane);
        }
    }
}

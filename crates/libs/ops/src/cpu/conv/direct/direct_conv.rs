//! One direct convolution from a padded map to a region of the output, partitioned into tasks.
#![expect(unsafe_code, reason = "tasks write disjoint pixels and channels of one buffer")]

use super::padded_input::PaddedInput;
use super::tile::{self, OutputPixel, PixelBlock};
use crate::cpu::buffers::{Scratch, Shared, SharedMut};
use crate::cpu::conv::Epilogue;
use crate::cpu::simd::GemmDtype;
use rayon::prelude::*;
use std::ops::Range;

/// Pixels of a task: eight tiles of the highest SIMD level.
const PIXELS: usize = 112;
/// The least number of tasks, if there are so many panels.
const MIN_TASKS: usize = 32;
/// Words of a pixel from which its patch is read in blocks, and words of such a block.
const DEEP: usize = 1024;
const DEEP_BLOCK: usize = 512;
/// Distance of copied rows: a cache line more than the block.
const DEEP_STRIDE: usize = DEEP_BLOCK + 16;
/// Bytes of output from which stores are non-temporal.
const NON_TEMPORAL_BYTES: usize = 16 << 20;

/// A regular grid of output pixels: where their patches begin and where their outputs go.
pub(super) struct OutputRegion {
    /// Images, rows and columns.
    pub(super) count: [usize; 3],
    /// From one image, row, column to the next: in the padded map (words) and in the output.
    pub(super) input_strides: [usize; 3],
    pub(super) input_start: usize,
    pub(super) output_strides: [usize; 3],
    pub(super) output_start: usize,
}

impl OutputRegion {
    fn len(&self) -> usize {
        self.count.iter().product()
    }

    fn pixels(&self, range: Range<usize>) -> Vec<OutputPixel> {
        let [_, h, w] = self.count;
        let offset = |strides: [usize; 3], i: usize| {
            i / (h * w) * strides[0] + i / w % h * strides[1] + i % w * strides[2]
        };
        range
            .map(|i| OutputPixel {
                patch: self.input_start + offset(self.input_strides, i),
                output: self.output_start + offset(self.output_strides, i),
            })
            .collect()
    }
}

pub(super) struct DirectConv<'a> {
    pub(super) dtype: GemmDtype,
    pub(super) input: &'a PaddedInput<'a>,
    /// Taps of the kernel, down and across.
    pub(super) taps: [usize; 2],
    pub(super) packed: &'a Scratch,
    pub(super) c_out: usize,
    pub(super) region: OutputRegion,
}

impl DirectConv<'_> {
    /// # Safety
    /// The region lies in the padded map and in `y`; nothing else writes its outputs.
    pub(super) unsafe fn run(&self, y: SharedMut, epilogue: &Epilogue) {
        let panel_width = self.dtype.panel_width();
        let panels = self.c_out.div_ceil(panel_width);
        let pixels = self.region.len();
        let blocks = pixels.div_ceil(PIXELS);
        let panels_per_task = panels.div_ceil(MIN_TASKS.div_ceil(blocks.max(1)).min(panels));
        let groups = panels.div_ceil(panels_per_task);
        let run_len = self.run_len();
        let non_temporal = self.is_non_temporal(y);
        let panel_stride = self.taps[0] * run_len * panel_width;
        let packed = Shared::new(self.packed.as_ptr());
        (0..blocks * groups).into_par_iter().with_max_len(1).for_each(|task| {
            let first = task / groups * PIXELS;
            let first_panel = task % groups * panels_per_task;
            let pixels = self.region.pixels(first..(first + PIXELS).min(pixels));
            // SAFETY: the caller's promise; tasks have their own pixels and channels.
            unsafe {
                let block = PixelBlock {
                    input: self.input.words().as_ptr(),
                    pixels: &pixels,
                    runs: self.taps[0],
                    run_len,
                    run_stride: self.input.row_len(),
                    panels: packed.get().add(first_panel * panel_stride),
                    panel_stride,
                    output: y.get(),
                    accumulate: false,
                    non_temporal,
                    channels: first_panel * panel_width
                        ..((first_panel + panels_per_task) * panel_width).min(self.c_out),
                    epilogue,
                };
                if self.taps == [1, 1] && run_len >= DEEP {
                    run_deep(self.dtype, &block);
                } else {
                    tile::run(self.dtype, block);
                }
            }
        });
    }

    /// Words of a run.
    fn run_len(&self) -> usize {
        self.taps[1] * self.input.pixel_len
    }

    /// Whether the output is so large that it leaves the cache before it is read, and aligned.
    fn is_non_temporal(&self, y: SharedMut) -> bool {
        let OutputRegion { output_strides, output_start, .. } = self.region;
        let is_aligned = |values: usize| values.is_multiple_of(self.dtype.panel_width());
        self.region.len() * self.c_out * 4 >= NON_TEMPORAL_BYTES
            && y.get().addr().is_multiple_of(2 * self.dtype.panel_width())
            && is_aligned(self.c_out)
            && is_aligned(output_start)
            && output_strides.into_iter().all(is_aligned)
            && self.run_len() < DEEP
    }
}

/// Pixels of many channels, a block of channels at a time.
///
/// Their rows are usually a power of two apart and fall onto the same few sets of the cache; a copy
/// with padded rows does not.
///
/// # Safety
/// As [`tile::run`], for patches of one run.
unsafe fn run_deep(dtype: GemmDtype, block: &PixelBlock) {
    let mut copy = Scratch::take(block.pixels.len() * DEEP_STRIDE);
    let words = copy.slice(block.pixels.len() * DEEP_STRIDE);
    let pixels: Vec<OutputPixel> = block
        .pixels
        .iter()
        .enumerate()
        .map(|(i, pixel)| OutputPixel { patch: i * DEEP_STRIDE, output: pixel.output })
        .collect();
    for start in (0..block.run_len).step_by(DEEP_BLOCK) {
        let run_len = DEEP_BLOCK.min(block.run_len - start);
        // SAFETY: the words lie in the patches and in the panels; the rest is the caller's promise.
        unsafe {
            for (pixel, to) in block.pixels.iter().zip(words.chunks_exact_mut(DEEP_STRIDE)) {
                let from =
                    std::slice::from_raw_parts(block.input.add(pixel.patch + start), run_len);
                to[..run_len].copy_from_slice(from);
            }
            let is_last = start + run_len == block.run_len;
            let part = PixelBlock {
                input: words.as_ptr(),
                pixels: &pixels,
                run_len,
                panels: block.panels.add(start * dtype.panel_width()),
                accumulate: start > 0,
                epilogue: if is_last { block.epilogue } else { &Epilogue::NONE },
                ..block.clone()
            };
            tile::run(dtype, part);
        }
    }
}

//! Weights packed in panels of output channels.

use crate::cpu::buffers::{Scratch, SharedMut};
use crate::cpu::simd::{GemmDtype, bf16_pair, multiversion_loops};
use rayon::prelude::*;

/// Words of input channels packed at once: what is read and what is written stay in the cache.
const STEP: usize = 16;

/// Weights with their strides.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) values: &'a [f32],
    /// From one input channel of the pass to the next, and from one output channel.
    pub(super) input_stride: usize,
    pub(super) output_stride: usize,
}

/// Packs `[input channels, output channels]` kernels into panels of output channels, each
/// `[tap][word of input channels][panel width]`, zero beyond the last channels.
pub(super) fn pack(
    dtype: GemmDtype,
    [c_in, c_out]: [usize; 2],
    taps: &[usize],
    weights: Weights,
) -> Scratch {
    let panel_width = dtype.panel_width();
    let pixel_len = c_in.div_ceil(dtype.values_per_word());
    let panel_len = taps.len() * pixel_len * panel_width;
    let len = c_out.div_ceil(panel_width) * panel_len;
    let mut packed = Scratch::take(len);
    let steps = pixel_len.div_ceil(STEP);
    let shared = SharedMut::of(packed.slice(len));
    (0..len / panel_len * steps).into_par_iter().for_each(|task| {
        let (j, start) = (task / steps, task % steps * STEP);
        let columns = panel_width.min(c_out - j * panel_width);
        for i in start..(start + STEP).min(pixel_len) {
            for (t, tap) in taps.iter().enumerate() {
                let offset = j * panel_len + (t * pixel_len + i) * panel_width;
                // SAFETY: each task has its own panel and channels.
                #[expect(unsafe_code, reason = "tasks write disjoint rows of a panel")]
                let row = unsafe {
                    std::slice::from_raw_parts_mut(shared.get().add(offset), panel_width)
                };
                row[columns..].fill(0.0);
                let row = &mut row[..columns];
                let first = i * dtype.values_per_word();
                let start = j * panel_width * weights.output_stride + tap;
                let channel = |i: usize| &weights.values[i * weights.input_stride + start..];
                let stride = weights.output_stride;
                match (dtype.is_bf16(), first + 1 < c_in) {
                    (false, _) => copy_strided(dtype.level, row, channel(first), stride),
                    (true, true) => {
                        pair_strided(dtype.level, row, channel(first), channel(first + 1), stride);
                    }
                    (true, false) => pair_with_zero(dtype.level, row, channel(first), stride),
                }
            }
        }
    });
    packed
}

multiversion_loops! {
    fn copy_strided(row: &mut [f32], values: &[f32], stride: usize) {
        if stride == 1 {
            return row.copy_from_slice(&values[..row.len()]);
        }
        for (to, value) in row.iter_mut().zip(values.iter().step_by(stride)) {
            *to = *value;
        }
    }
}

multiversion_loops! {
    fn pair_strided(row: &mut [f32], low: &[f32], high: &[f32], stride: usize) {
        if stride == 1 {
            for ((to, low), high) in row.iter_mut().zip(low).zip(high) {
                *to = bf16_pair(*low, *high);
            }
            return;
        }
        let values = low.iter().step_by(stride).zip(high.iter().step_by(stride));
        for (to, (low, high)) in row.iter_mut().zip(values) {
            *to = bf16_pair(*low, *high);
        }
    }
}

multiversion_loops! {
    /// The last of an odd number of input channels is paired with zero.
    fn pair_with_zero(row: &mut [f32], values: &[f32], stride: usize) {
        for (to, value) in row.iter_mut().zip(values.iter().step_by(stride)) {
            *to = bf16_pair(*value, 0.0);
        }
    }
}

//! Kernels as panels of words.

use crate::cpu::buffers::Scratch;
use crate::cpu::simd::{GemmDtype, bf16_pair, multiversion_loops};
use rayon::prelude::*;

/// GemmDtype of input channels packed at once: what is read and what is written stay in the cache.
const STEP: usize = 16;

/// Weights, and how far apart in them the neighbours are.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) values: &'a [f32],
    /// From one input channel of the pass to the next, and from one output channel.
    pub(super) inner: usize,
    pub(super) outer: usize,
}

/// Packs `[input channels, output channels]` kernels into panels of output channels, each
/// `[tap][word of input channels][panel]`, zero beyond the last channels.
pub(super) fn pack(
    dtype: GemmDtype,
    [inner, outer]: [usize; 2],
    taps: &[usize],
    weights: Weights,
) -> Scratch {
    let (panel, pixel) = (dtype.panel(), inner.div_ceil(dtype.values_per_word()));
    let size = taps.len() * pixel * panel;
    let len = outer.div_ceil(panel) * size;
    let mut packed = Scratch::take(len);
    let steps = pixel.div_ceil(STEP);
    let shared = crate::cpu::buffers::SharedMut::of(packed.slice(len));
    (0..len / size * steps).into_par_iter().for_each(|task| {
        let (j, start) = (task / steps, task % steps * STEP);
        let columns = panel.min(outer - j * panel);
        for i in start..(start + STEP).min(pixel) {
            for (t, tap) in taps.iter().enumerate() {
                let place = j * size + (t * pixel + i) * panel;
                // SAFETY: each task has its own panel and channels.
                #[expect(unsafe_code, reason = "tasks write disjoint rows of a panel")]
                let row = unsafe { std::slice::from_raw_parts_mut(shared.get().add(place), panel) };
                row[columns..].fill(0.0);
                let first = i * dtype.values_per_word();
                let at = j * panel * weights.outer + tap;
                let values = |i: usize| &weights.values[i * weights.inner + at..];
                let row = (&mut row[..columns], weights.outer);
                match (dtype.is_bf16(), first + 1 < inner) {
                    (false, _) => single(dtype.level, row, values(first)),
                    (true, true) => paired(dtype.level, row, [values(first), values(first + 1)]),
                    (true, false) => halved(dtype.level, row, values(first)),
                }
            }
        }
    });
    packed
}

multiversion_loops! {
    fn single(row: (&mut [f32], usize), values: &[f32]) {
        let (row, step) = row;
        if step == 1 {
            return row.copy_from_slice(&values[..row.len()]);
        }
        for (to, value) in row.iter_mut().zip(values.iter().step_by(step)) {
            *to = *value;
        }
    }
}

multiversion_loops! {
    fn paired(row: (&mut [f32], usize), values: [&[f32]; 2]) {
        let (row, step) = row;
        let [low, high] = values;
        if step == 1 {
            for ((to, low), high) in row.iter_mut().zip(low).zip(high) {
                *to = bf16_pair(*low, *high);
            }
            return;
        }
        let values = low.iter().step_by(step).zip(high.iter().step_by(step));
        for (to, (low, high)) in row.iter_mut().zip(values) {
            *to = bf16_pair(*low, *high);
        }
    }
}

multiversion_loops! {
    /// The last of an odd number of input channels goes with zero.
    fn halved(row: (&mut [f32], usize), values: &[f32]) {
        let (row, step) = row;
        for (to, value) in row.iter_mut().zip(values.iter().step_by(step)) {
            *to = bf16_pair(*value, 0.0);
        }
    }
}

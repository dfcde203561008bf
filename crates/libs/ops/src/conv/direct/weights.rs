//! Kernels as panels of words.

use crate::memory::Scratch;
use crate::simd::{Words, pair, vectorized_loops};
use rayon::prelude::*;

/// Words of input channels packed at once: what is read and what is written stay in the cache.
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
    words: Words,
    [inner, outer]: [usize; 2],
    taps: &[usize],
    weights: Weights,
) -> Scratch {
    let (panel, pixel) = (words.panel(), inner.div_ceil(words.values()));
    let size = taps.len() * pixel * panel;
    let len = outer.div_ceil(panel) * size;
    let mut packed = Scratch::take(len);
    let steps = pixel.div_ceil(STEP);
    let shared = crate::memory::SharedMut::of(packed.slice(len));
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
                let first = i * words.values();
                let at = j * panel * weights.outer + tap;
                let values = |i: usize| &weights.values[i * weights.inner + at..];
                let row = (&mut row[..columns], weights.outer);
                match (words.is_pairs(), first + 1 < inner) {
                    (false, _) => single(words.level, row, values(first)),
                    (true, true) => paired(words.level, row, [values(first), values(first + 1)]),
                    (true, false) => halved(words.level, row, values(first)),
                }
            }
        }
    });
    packed
}

vectorized_loops! {
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

vectorized_loops! {
    fn paired(row: (&mut [f32], usize), values: [&[f32]; 2]) {
        let (row, step) = row;
        let [low, high] = values;
        if step == 1 {
            for ((to, low), high) in row.iter_mut().zip(low).zip(high) {
                *to = pair(*low, *high);
            }
            return;
        }
        let values = low.iter().step_by(step).zip(high.iter().step_by(step));
        for (to, (low, high)) in row.iter_mut().zip(values) {
            *to = pair(*low, *high);
        }
    }
}

vectorized_loops! {
    /// The last of an odd number of input channels goes with zero.
    fn halved(row: (&mut [f32], usize), values: &[f32]) {
        let (row, step) = row;
        for (to, value) in row.iter_mut().zip(values.iter().step_by(step)) {
            *to = pair(*value, 0.0);
        }
    }
}

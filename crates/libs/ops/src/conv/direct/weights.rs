//! Kernels as panels of words.

use crate::memory::Scratch;
use crate::simd::{Words, pair};
use rayon::prelude::*;

/// Words of input channels packed at once: what is read and what is written stay in the cache.
const STEP: usize = 8;

/// Packs `at(input channel, output channel, tap)` into panels of output channels, each
/// `[tap][word of input channels][panel]`, zero beyond the last channels.
pub(super) fn pack(
    words: Words,
    [inner, outer]: [usize; 2],
    taps: &[usize],
    at: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Scratch {
    let (panel, pixel) = (words.panel(), inner.div_ceil(words.values()));
    let size = taps.len() * pixel * panel;
    let len = outer.div_ceil(panel) * size;
    let mut packed = Scratch::take(len);
    let word = |i: usize, o: usize, tap: usize| {
        if !words.is_pairs() {
            return at(i, o, tap);
        }
        let second = if 2 * i + 1 < inner { at(2 * i + 1, o, tap) } else { 0.0 };
        pair(at(2 * i, o, tap), second)
    };
    let steps = pixel.div_ceil(STEP);
    let shared = crate::memory::SharedMut::of(packed.slice(len));
    (0..len / size * steps).into_par_iter().for_each(|task| {
        let (j, start) = (task / steps, task % steps * STEP);
        for lane in 0..panel {
            let o = j * panel + lane;
            for i in start..(start + STEP).min(pixel) {
                for (t, tap) in taps.iter().enumerate() {
                    let value = if o < outer { word(i, o, *tap) } else { 0.0 };
                    let place = j * size + (t * pixel + i) * panel + lane;
                    // SAFETY: each task has its own panel and channels.
                    #[expect(unsafe_code, reason = "tasks write disjoint rows of a panel")]
                    unsafe {
                        *shared.get().add(place) = value;
                    }
                }
            }
        }
    });
    packed
}

//! Sorts scores: a radix sort, because their bits are the keys.
//!
//! The bits of floats in [0, 1] sort as the floats do and fill 30 bits, so three passes of ten
//! bits order any number of scores in linear time; a column of 31,072 stays in the second-level
//! cache. Equal scores stay in the order of their rows.
//!
//! Source: Knuth, *The Art of Computer Programming* 3 (1998), 5.2.5 (least significant digit first).

use std::cell::Cell;

/// The bits of 1.0, the highest score.
const HIGHEST: u32 = 1.0_f32.to_bits();
const DIGIT_BITS: usize = 10;
const DIGITS: usize = 1 << DIGIT_BITS;
const PASSES: usize = 3;
/// Below this many a comparison sort is done before the counters are cleared.
const FEW: usize = 512;

/// The key that sorts `score`, in [0, 1], of `row` from the highest score to the lowest.
fn key(score: f32, row: u32) -> u64 {
    u64::from(HIGHEST - score.to_bits()) << 32 | u64::from(row)
}

/// The row in a key.
pub(crate) fn row(key: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the row")]
    let row = key as u32;
    row
}

/// The score in a key.
pub(crate) fn score(key: u64) -> f32 {
    f32::from_bits(HIGHEST - (key >> 32) as u32)
}

thread_local! {
    /// Room for keys before and after a pass: columns are sorted by the dozen, and fresh memory
    /// costs more than the sorting.
    static ROOM: Cell<(Vec<u64>, Vec<u64>)> = const { Cell::new((Vec::new(), Vec::new())) };
}

/// Hands the sorted keys of `scores`, each in [0, 1], to `take`.
pub(crate) fn sorted<T>(scores: &[f32], take: impl FnOnce(&[u64]) -> T) -> T {
    let (mut keys, mut other) = ROOM.take();
    keys.clear();
    // Adding 0 turns -0 into 0.
    keys.extend(scores.iter().zip(0..).map(|(&score, row)| key(score + 0.0, row)));
    sort(&mut keys, &mut other);
    let taken = take(&keys);
    ROOM.set((keys, other));
    taken
}

/// Sorts keys whose rows ascend.
fn sort(keys: &mut Vec<u64>, sorted: &mut Vec<u64>) {
    if keys.len() < FEW {
        keys.sort_unstable();
        return;
    }
    let mut places = [[0_u32; DIGITS]; PASSES];
    for &key in keys.iter() {
        for (pass, places) in places.iter_mut().enumerate() {
            places[digit(key, pass)] += 1;
        }
    }
    sorted.resize(keys.len(), 0);
    for (pass, places) in places.iter_mut().enumerate() {
        if places.iter().any(|&count| count as usize == keys.len()) {
            continue; // all alike in this digit
        }
        let mut before = 0;
        for place in places.iter_mut() {
            (*place, before) = (before, before + *place);
        }
        for &key in keys.iter() {
            let place = &mut places[digit(key, pass)];
            sorted[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, sorted);
    }
}

fn digit(key: u64, pass: usize) -> usize {
    ((key >> 32) as u32 >> (pass * DIGIT_BITS)) as usize % DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_a_comparison_sort(
            scores in prop::collection::vec(
                prop_oneof![0.0_f32..=1.0, 0.0_f32..=1e-30, Just(1.0_f32), Just(0.5)], 0..1500),
        ) {
            let mut expected: Vec<u32> = (0..).take(scores.len()).collect();
            expected.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            let found: Vec<(u32, u32)> = sorted(&scores, |keys| {
                keys.iter().map(|&key| (row(key), score(key).to_bits())).collect()
            });
            let expected: Vec<(u32, u32)> =
                expected.into_iter().map(|row| (row, scores[row as usize].to_bits())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

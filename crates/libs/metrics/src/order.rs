//! Sorts scores: a radix sort, because their bits are the keys.
//!
//! The bits of floats in [0, 1] sort as the floats do and fill 30 bits. Two passes of eleven bits
//! order them by all but the last eight, in linear time; the few neighbours that differ in those
//! alone are then sorted among themselves. A column of 31,072 stays in the second-level cache.
//! Equal scores stay in the order of their rows. The truth travels in the key, so that nothing
//! need be looked up by row afterwards.
//!
//! Source: Knuth, *The Art of Computer Programming* 3 (1998), 5.2.5 (least significant digit first).

use std::cell::Cell;

/// The bits of 1.0, the highest score.
const HIGHEST: u32 = 1.0_f32.to_bits();
const DIGIT_BITS: usize = 11;
const DIGITS: usize = 1 << DIGIT_BITS;
const PASSES: usize = 2;
/// Where in a key the first digit begins: behind truth, row and the last bits of the score.
const FIRST_DIGIT: usize = 40;
/// Below this many a comparison sort is done before the counters are cleared.
const FEW: usize = 1024;

/// The key that sorts `score`, in [0, 1], of `row`, below 2^31, from the highest score down.
pub(crate) fn key(score: f32, row: u32, truth: bool) -> u64 {
    // Adding 0 turns -0 into 0.
    let depth = HIGHEST.wrapping_sub((score + 0.0).to_bits());
    u64::from(depth) << 32 | u64::from(row) << 1 | u64::from(truth)
}

/// The row in a key.
pub(crate) fn row(key: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is row and truth")]
    let low = key as u32;
    low >> 1
}

/// The truth in a key.
pub(crate) fn truth(key: u64) -> bool {
    key & 1 == 1
}

/// The score in a key.
pub(crate) fn score(key: u64) -> f32 {
    f32::from_bits(HIGHEST - (key >> 32) as u32)
}

thread_local! {
    /// Room for keys after a pass: columns are sorted by the dozen, and fresh memory costs more
    /// than the sorting.
    static ROOM: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Sorts keys whose rows ascend.
pub(crate) fn sort(keys: &mut Vec<u64>) {
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
    let mut sorted = ROOM.take();
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
        std::mem::swap(keys, &mut sorted);
    }
    ROOM.set(sorted);
    let alike = |pair: &[u64]| pair[0] >> FIRST_DIGIT == pair[1] >> FIRST_DIGIT;
    let mut start = 0;
    while let Some(place) = keys[start..].windows(2).position(alike) {
        start += place;
        let head = keys[start] >> FIRST_DIGIT;
        let count = keys[start..].iter().take_while(|&&key| key >> FIRST_DIGIT == head).count();
        keys[start..start + count].sort_unstable();
        start += count;
    }
}

fn digit(key: u64, pass: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "of what is left the low bits count")]
    let digits = (key >> (FIRST_DIGIT + pass * DIGIT_BITS)) as usize;
    digits % DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_a_comparison_sort(
            scores in prop::collection::vec(
                prop_oneof![
                    0.0_f32..=1.0, 0.0_f32..=1e-30, 0.4999_f32..=0.5, Just(1.0_f32), Just(0.5)
                ], 0..3000),
        ) {
            let mut expected: Vec<u32> = (0..).take(scores.len()).collect();
            expected.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            let truth_of = |row: u32| row.is_multiple_of(3);
            let mut keys: Vec<u64> =
                (0..).zip(&scores).map(|(row, &score)| key(score, row, truth_of(row))).collect();
            sort(&mut keys);
            for (&key, row) in keys.iter().zip(expected) {
                prop_assert_eq!(super::row(key), row);
                prop_assert_eq!(truth(key), truth_of(row));
                prop_assert_eq!(score(key).to_bits(), scores[row as usize].to_bits());
            }
        }
    }
}

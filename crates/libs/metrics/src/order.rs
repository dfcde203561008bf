//! Sorts scores: a radix sort, because their bits are the keys.
//!
//! The bits of floats in [0, 1] sort as the floats do and fill 30 bits, so three passes of ten
//! bits order any number of scores in linear time; a column of 31,072 stays in the second-level
//! cache. Equal scores stay in the order of their rows.
//!
//! Source: Knuth, *The Art of Computer Programming* 3 (1998), 5.2.5 (least significant digit first).

/// The bits of 1.0, the highest score.
const HIGHEST: u32 = 1.0_f32.to_bits();
const DIGIT_BITS: u32 = 10;
const DIGITS: usize = 1 << DIGIT_BITS;
const PASSES: usize = 3;
/// Below this many a comparison sort is done before the counters are cleared.
const FEW: usize = 512;

/// The key that sorts `score`, in [0, 1], of `row` from the highest score to the lowest.
pub(crate) fn key(score: f32, row: u32) -> u64 {
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
    #[expect(clippy::cast_possible_truncation, reason = "the high half is the score")]
    let below = (key >> 32) as u32;
    f32::from_bits(HIGHEST - below)
}

/// Sorts keys whose rows ascend.
pub(crate) fn sort(mut keys: Vec<u64>) -> Vec<u64> {
    if keys.len() < FEW {
        keys.sort_unstable();
        return keys;
    }
    let mut places = [[0_usize; DIGITS]; PASSES];
    for &key in &keys {
        for (pass, places) in places.iter_mut().enumerate() {
            places[digit(key, pass)] += 1;
        }
    }
    let mut sorted = vec![0; keys.len()];
    for (pass, places) in places.iter_mut().enumerate() {
        if places.contains(&keys.len()) {
            continue; // all alike in this digit
        }
        let mut before = 0;
        for place in places.iter_mut() {
            (*place, before) = (before, before + *place);
        }
        for &key in &keys {
            let place = &mut places[digit(key, pass)];
            sorted[*place] = key;
            *place += 1;
        }
        std::mem::swap(&mut keys, &mut sorted);
    }
    keys
}

fn digit(key: u64, pass: usize) -> usize {
    (key >> (32 + pass * DIGIT_BITS as usize)) as usize % DIGITS
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
            let keys: Vec<u64> =
                scores.iter().zip(0..).map(|(&score, row)| key(score, row)).collect();
            let mut expected: Vec<u32> = (0..).take(scores.len()).collect();
            expected.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            let sorted = sort(keys);
            let rows: Vec<u32> = sorted.iter().map(|&key| row(key)).collect();
            prop_assert_eq!(rows, expected);
            prop_assert!(sorted.iter().all(|&k| score(k) == scores[row(k) as usize]));
        }
    }
}

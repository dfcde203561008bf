//! Sorts scores: a radix sort, because their bits are the keys.
//!
//! The bits of floats in [0, 1] sort as the floats do and fill 30 bits: three passes of ten order
//! them in linear time, with counters that stay in the first-level cache and a column of 31,072 in
//! the second. The truth travels in the key, and the row where somebody will ask for it, so that
//! nothing need be looked up by row afterwards. Equal scores stay in the order of their rows.
//!
//! Source: Knuth, *The Art of Computer Programming* 3 (1998), 5.2.5 (least significant digit
//! first).

use crate::rankings::GATHERED;
use std::cell::RefCell;
use std::thread::LocalKey;

/// The bits of 1.0, the highest score.
const HIGHEST: u32 = 1.0_f32.to_bits();
const DIGIT_BITS: usize = 10;
const DIGITS: usize = 1 << DIGIT_BITS;
const PASSES: usize = 3;
/// Buffers that a thread keeps: of the labels that are gathered together, and one to sort in.
const KEPT: usize = GATHERED + 1;
/// Below this many a comparison sort is done before the counters are cleared.
const FEW: usize = 512;

/// A sample of a label; keys ascend as scores fall.
pub(crate) trait Key: Copy + Default + Send + Sync + 'static {
    /// The key of `score`, in [0, 1], of `row`, below 2^31.
    fn new(score: f32, row: u32, truth: bool) -> Self;

    /// How far the bits of the score lie below those of 1: 30 bits.
    fn depth(self) -> u32;

    /// Whether the sample carries the label.
    fn truth(self) -> bool;

    /// The rows of these keys, nothing where keys do without.
    fn rows(keys: &[Self]) -> Vec<u32>;

    /// Where a thread keeps room for keys.
    fn spares() -> &'static LocalKey<Spares<Self>>;

    /// The score.
    fn score(self) -> f32 {
        f32::from_bits(HIGHEST - self.depth())
    }
}

/// Buffers of keys that are used again.
pub(crate) type Spares<K> = RefCell<Vec<Vec<K>>>;

/// Room for keys: columns are sorted by the dozen, and fresh memory costs more than the sorting.
/// It may hold keys of before.
pub(crate) fn spare<K: Key>() -> Vec<K> {
    K::spares().with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives room back; a thread keeps no more than it uses at once.
pub(crate) fn give_spare<K: Key>(keys: Vec<K>) {
    K::spares().with_borrow_mut(|spares| {
        if spares.len() < KEPT {
            spares.push(keys);
        }
    });
}

fn depth(score: f32) -> u32 {
    // Adding 0 turns -0 into 0.
    HIGHEST.wrapping_sub((score + 0.0).to_bits())
}

/// Depth and truth.
impl Key for u32 {
    #[inline]
    fn new(score: f32, _: u32, truth: bool) -> Self {
        depth(score) << 1 | Self::from(truth)
    }

    #[inline]
    fn depth(self) -> u32 {
        self >> 1
    }

    #[inline]
    fn truth(self) -> bool {
        self & 1 == 1
    }

    fn spares() -> &'static LocalKey<Spares<Self>> {
        thread_local!(static SPARES: Spares<u32> = const { RefCell::new(Vec::new()) });
        &SPARES
    }

    fn rows(_: &[Self]) -> Vec<u32> {
        Vec::new()
    }
}

/// Depth, row and truth.
impl Key for u64 {
    #[inline]
    fn new(score: f32, row: u32, truth: bool) -> Self {
        Self::from(depth(score)) << 32 | Self::from(row) << 1 | Self::from(truth)
    }

    #[inline]
    fn depth(self) -> u32 {
        (self >> 32) as u32
    }

    #[inline]
    fn truth(self) -> bool {
        self & 1 == 1
    }

    fn spares() -> &'static LocalKey<Spares<Self>> {
        thread_local!(static SPARES: Spares<u64> = const { RefCell::new(Vec::new()) });
        &SPARES
    }

    fn rows(keys: &[Self]) -> Vec<u32> {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is row and truth")]
        let row = |&key: &Self| key as u32 >> 1;
        keys.iter().map(row).collect()
    }
}

/// Sorts keys whose rows ascend; what `room` holds is lost.
pub(crate) fn sort<K: Key>(keys: &mut Vec<K>, room: &mut Vec<K>) {
    if keys.len() < FEW {
        keys.sort_by_key(|key| key.depth());
        return;
    }
    let mut places = [[0_u32; DIGITS]; PASSES];
    for &key in keys.iter() {
        for (pass, places) in places.iter_mut().enumerate() {
            places[digit(key, pass)] += 1;
        }
    }
    room.resize(keys.len(), K::default());
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
            room[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, room);
    }
}

fn digit<K: Key>(key: K, pass: usize) -> usize {
    (key.depth() >> (pass * DIGIT_BITS)) as usize % DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted<K: Key>(scores: &[f32]) -> Vec<K> {
        let key = |(row, &score): (u32, &f32)| K::new(score, row, row.is_multiple_of(3));
        let mut keys = (0..).zip(scores).map(key).collect();
        sort(&mut keys, &mut Vec::new());
        keys
    }

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
            let (short, long) = (sorted::<u32>(&scores), sorted::<u64>(&scores));
            prop_assert_eq!(&u64::rows(&long), &expected);
            for (row, (short, long)) in expected.into_iter().zip(short.into_iter().zip(long)) {
                let (score, truth) = (scores[row as usize].to_bits(), row.is_multiple_of(3));
                prop_assert_eq!((long.score().to_bits(), long.truth()), (score, truth));
                prop_assert_eq!((short.score().to_bits(), short.truth()), (score, truth));
            }
        }
    }
}

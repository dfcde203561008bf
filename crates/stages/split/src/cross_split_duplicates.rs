//! Near duplicates across the split: test images that show the field of a training image.
//!
//! Such a data leak inflates the test score. It is only reported: no sample is moved or left
//! out.

use crate::near_duplicates::{RgbHashes, join_near_duplicates};
use crate::{DisjointSets, SampleList};
use hpa_core::SampleId;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A training and a test image that are near duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossSplitDuplicate {
    /// Index of the training image.
    pub train: usize,
    /// Index of the test image.
    pub test: usize,
    /// Hamming distances of the hashes of red, green and blue.
    pub distances: [u32; 3],
}

/// Pairs listed for one test image, at most: a thousand nearly black images would have a
/// million pairs.
const MAX_PAIRS: usize = 20;

/// The near duplicates across the split, ordered by test image, then training image; at most
/// 20 pairs for each test image.
///
/// # Panics
/// When there are 2^32 images or more.
#[must_use]
pub fn cross_split_duplicates(
    train: &[RgbHashes],
    test: &[RgbHashes],
    distance: u32,
) -> Vec<CrossSplitDuplicate> {
    let all = [train, test].concat();
    let sets = DisjointSets::new(all.len());
    // Blank images are never joined, so they have no duplicates here either.
    let _ = join_near_duplicates(&all, distance, &sets);
    let mut train_by_set: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, root) in (0..).take(train.len()).map(|item| sets.find(item)).enumerate() {
        train_by_set.entry(root).or_default().push(index);
    }
    let mut duplicates = Vec::new();
    for (test_index, item) in (train.len()..all.len()).enumerate() {
        let item = u32::try_from(item).expect("fewer than 2^32 images");
        let candidates = train_by_set.get(&sets.find(item)).map_or(&[][..], Vec::as_slice);
        let near = candidates.iter().filter_map(|&train_index| {
            let (a, b) = (&train[train_index], &test[test_index]);
            let distances = std::array::from_fn(|channel| (a[channel] ^ b[channel]).count_ones());
            let near = distances.iter().all(|&bits| bits <= distance);
            near.then_some(CrossSplitDuplicate { train: train_index, test: test_index, distances })
        });
        duplicates.extend(near.take(MAX_PAIRS));
    }
    duplicates
}

/// The pairs as a table `Id,Twin,Red,Green,Blue`: test sample, training sample, distances.
#[must_use]
pub fn leaks_csv(
    pairs: &[CrossSplitDuplicate],
    samples: &SampleList<'_>,
    test_ids: &[SampleId],
) -> String {
    let mut table = String::from("Id,Twin,Red,Green,Blue\n");
    for pair in pairs {
        let [red, green, blue] = pair.distances;
        let (test, train) = (&test_ids[pair.test], &samples.rows[pair.train].id);
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{test},{train},{red},{green},{blue}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::{Rng, Seed};

    fn at_distance(hashes: RgbHashes, bits: u32) -> RgbHashes {
        hashes.map(|hash| hash ^ ((1 << bits) - 1))
    }

    #[test]
    fn every_near_pair_across_the_split_is_listed_and_no_other() {
        let mut rng: Rng = Seed::new(5).rng();
        let train: Vec<RgbHashes> =
            (0..400).map(|_| std::array::from_fn(|_| rng.next_u64())).collect();
        let far: RgbHashes = std::array::from_fn(|_| rng.next_u64());
        let test = [at_distance(train[7], 12), far, at_distance(train[9], 13), [0; 3], train[9]];
        let found = cross_split_duplicates(&train, &test, 12);
        let pair = |train, test, bits| CrossSplitDuplicate { train, test, distances: [bits; 3] };
        assert_eq!(found, [pair(7, 0, 12), pair(9, 4, 0)]);
    }

    #[test]
    fn at_most_twenty_pairs_are_listed_for_a_test_image() {
        let equal = vec![[1, 2, 3]; 100_000];
        let found = cross_split_duplicates(&equal, &equal[..1_000], 12);
        assert_eq!(found.len(), 20_000);
        assert_eq!((found[21].test, found[21].train), (1, 1));
    }

    #[test]
    fn a_chain_of_near_duplicates_is_not_a_pair() {
        let hashes: RgbHashes = [u64::MAX / 3; 3];
        // The middle one is near to both, the ends are not near to each other.
        let train = [hashes, at_distance(hashes, 10)];
        let found = cross_split_duplicates(&train, &[at_distance(hashes, 20)], 12);
        assert_eq!(found, [CrossSplitDuplicate { train: 1, test: 0, distances: [10; 3] }]);
    }
}

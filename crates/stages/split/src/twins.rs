//! Test pictures that show the field of a training picture.
//!
//! Such a twin tells a network what the test asks. Nothing is done about it: no sample is
//! moved or left out, because a score on twins is a fact about the data, not about a split.

use crate::near::{Fingerprint, join_near};
use crate::{DisjointSets, Roster};
use hpa_core::SampleId;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A training and a test picture that are near each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Place among the training fingerprints.
    pub train: usize,
    /// Place among the test fingerprints.
    pub test: usize,
    /// In how many bits the hashes of red, green and blue differ.
    pub distances: [u32; 3],
}

/// So many training pictures are named for a test picture at most: of a thousand black ones
/// with a speck of dust, the pairs would fill the disk.
const NAMED: usize = 20;

/// The near pairs of a training and a test picture, by test picture, then training picture;
/// of each test picture the first 20.
///
/// # Panics
/// When there are 2^32 fingerprints or more.
#[must_use]
pub fn twins(train: &[Fingerprint], test: &[Fingerprint], distance: u32) -> Vec<Twin> {
    let all = [train, test].concat();
    let sets = DisjointSets::new(all.len());
    // Blank pictures are nobody's twins and stay alone.
    let _ = join_near(&all, distance, &sets);
    let mut families: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, root) in (0..).take(train.len()).map(|item| sets.root(item)).enumerate() {
        families.entry(root).or_default().push(place);
    }
    let mut twins = Vec::new();
    for (place, item) in (train.len()..all.len()).enumerate() {
        let item = u32::try_from(item).expect("fewer than 2^32 samples");
        let family = families.get(&sets.root(item)).map_or(&[][..], Vec::as_slice);
        let near = family.iter().filter_map(|&other| {
            let distances = distances(&train[other], &test[place]);
            let near = distances.iter().all(|&bits| bits <= distance);
            near.then_some(Twin { train: other, test: place, distances })
        });
        twins.extend(near.take(NAMED));
    }
    twins
}

fn distances(a: &Fingerprint, b: &Fingerprint) -> [u32; 3] {
    std::array::from_fn(|channel| (a[channel] ^ b[channel]).count_ones())
}

/// The pairs as a table `Id,Twin,Red,Green,Blue`: test sample, training sample, distances.
#[must_use]
pub fn twins_csv(twins: &[Twin], roster: &Roster<'_>, test: &[SampleId]) -> String {
    let mut table = String::from("Id,Twin,Red,Green,Blue\n");
    for twin in twins {
        let [red, green, blue] = twin.distances;
        let (id, other) = (&test[twin.test], &roster.rows[twin.train].id);
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{id},{other},{red},{green},{blue}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::{Rng, Seed};

    fn away(one: Fingerprint, bits: u32) -> Fingerprint {
        one.map(|hash| hash ^ ((1 << bits) - 1))
    }

    #[test]
    fn every_near_pair_across_the_parts_is_listed_and_no_other() {
        let mut rng: Rng = Seed::new(5).rng();
        let train: Vec<Fingerprint> =
            (0..400).map(|_| std::array::from_fn(|_| rng.next_u64())).collect();
        let far: Fingerprint = std::array::from_fn(|_| rng.next_u64());
        let test = [away(train[7], 12), far, away(train[9], 13), [0; 3], train[9]];
        let found = twins(&train, &test, 12);
        let pair = |train, test, bits| Twin { train, test, distances: [bits; 3] };
        assert_eq!(found, [pair(7, 0, 12), pair(9, 4, 0)]);
    }

    #[test]
    fn of_many_twins_twenty_are_named() {
        let crowd = vec![[1, 2, 3]; 100_000];
        let found = twins(&crowd, &crowd[..1_000], 12);
        assert_eq!(found.len(), 20_000);
        assert_eq!((found[21].test, found[21].train), (1, 1));
    }

    #[test]
    fn a_chain_of_likenesses_is_no_twin() {
        let one: Fingerprint = [u64::MAX / 3; 3];
        // The middle one is near to both, the ends are not near to each other.
        let (train, test) = ([one, away(one, 10)], [away(one, 20)]);
        assert_eq!(twins(&train, &test, 12), [Twin { train: 1, test: 0, distances: [10; 3] }]);
    }
}

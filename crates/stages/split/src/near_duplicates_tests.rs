//! Near duplicates against the definition, and the cost of large clusters.

use super::*;
use hpa_core::{Rng, Seed};
use proptest::prelude::*;

/// All pairs, by the definition.
fn all_pairs(hashes: &[RgbHashes], distance: u32) -> Vec<u32> {
    let sets = DisjointSets::new(hashes.len());
    let blanks = |h: &RgbHashes| h.map(|hash| hash == 0);
    let comparable = |h: &RgbHashes| blanks(h).iter().filter(|&&blank| blank).count() < 2;
    for (a, i) in hashes.iter().zip(0..) {
        for (b, j) in hashes.iter().zip(0..i) {
            if comparable(a) && blanks(a) == blanks(b) && are_near(a, b, distance) {
                sets.union(i, j);
            }
        }
    }
    sets.group_ids()
}

fn groups(hashes: &[RgbHashes], distance: u32) -> Vec<u32> {
    let sets = DisjointSets::new(hashes.len());
    let _ = join_near_duplicates(hashes, distance, &sets);
    sets.group_ids()
}

fn flip(hash: u64, bits: u32, rng: &mut Rng) -> u64 {
    let mut positions: Vec<u32> = (0..64).collect();
    rng.shuffle(&mut positions);
    positions[..bits as usize].iter().fold(hash, |hash, bit| hash ^ (1 << bit))
}

/// Pairs of hashes at distance `0..=max_bits` in each channel.
fn pairs(count: usize, max_bits: usize, seed: u64) -> Vec<RgbHashes> {
    let mut rng = Seed::new(seed).rng();
    let mut all: Vec<RgbHashes> = Vec::with_capacity(count);
    while all.len() < count {
        let one: RgbHashes = std::array::from_fn(|_| rng.next_u64());
        all.push(one);
        all.push(one.map(|hash| {
            let bits = u32::try_from(rng.below(max_bits + 1)).unwrap();
            flip(hash, bits, &mut rng)
        }));
    }
    all
}

#[test]
fn every_near_pair_is_found_at_any_distance() {
    for distance in [0, 1, 2, 3, 4, 7, 12, 13, 20, 40, 64] {
        let hashes = pairs(3_000, 16, u64::from(distance));
        assert_eq!(groups(&hashes, distance), all_pairs(&hashes, distance));
    }
}

#[test]
fn one_channel_too_far_is_not_near() {
    let mut rng = Seed::new(1).rng();
    let one: RgbHashes = std::array::from_fn(|_| rng.next_u64());
    for channel in 0..3 {
        let mut other = one;
        other[channel] = flip(one[channel], 12, &mut rng);
        assert_eq!(groups(&[one, other], 12), [0, 0]);
        other[channel] = flip(one[channel], 13, &mut rng);
        assert_eq!(groups(&[one, other], 12), [0, 1]);
    }
}

#[test]
fn blank_images_are_not_compared() {
    let sets = DisjointSets::new(6);
    let hashes = [[0; 3], [0; 3], [0, 0, 9], [0, 0, 9], [7, 0, 9], [7, 0, 9]];
    assert_eq!(join_near_duplicates(&hashes, 12, &sets), 4);
    assert_eq!(sets.group_ids(), [0, 1, 2, 3, 4, 4]);
    // A blank channel is not near one with few bits set.
    assert_eq!(groups(&[[7, 0, 9], [7, 1, 9]], 12), [0, 1]);
}

#[test]
fn equal_hashes_cost_no_more_than_one() {
    let mut rng = Seed::new(2).rng();
    let one: RgbHashes = std::array::from_fn(|_| rng.next_u64());
    assert!(groups(&vec![one; 300_000], 12).iter().all(|&group| group == 0));
}

/// Hashes within 6 bits a channel of one of `centres`.
fn clusters(count: usize, centres: usize, seed: u64) -> Vec<RgbHashes> {
    let mut rng = Seed::new(seed).rng();
    let centres: Vec<RgbHashes> =
        (0..centres).map(|_| std::array::from_fn(|_| rng.next_u64())).collect();
    let near_centre = |index: usize| {
        centres[index % centres.len()].map(|hash| {
            let bits = u32::try_from(rng.below(7)).unwrap();
            flip(hash, bits, &mut rng)
        })
    };
    (0..count).map(near_centre).collect()
}

#[test]
fn clusters_pairs_and_chains_agree_with_the_definition() {
    let mut hashes = clusters(2_000, 3, 5);
    hashes.extend(pairs(1_000, 14, 6));
    let mut rng = Seed::new(7).rng();
    for index in 0..200 {
        let near_by = hashes[index * 5].map(|hash| flip(hash, 9, &mut rng));
        hashes.push(near_by);
    }
    for distance in [6, 12, 30] {
        assert_eq!(groups(&hashes, distance), all_pairs(&hashes, distance));
    }
}

#[test]
fn a_cluster_of_60_000_is_one_group_in_reasonable_time() {
    let numbers = groups(&clusters(60_000, 1, 8), 12);
    assert!(numbers.iter().all(|&group| group == 0));
}

proptest! {
    #[test]
    fn small_inputs_agree_with_the_definition(
        seed in any::<u64>(), count in 0_usize..60, distance in 0_u32..=64,
    ) {
        let hashes = pairs(count, 64, seed);
        prop_assert_eq!(groups(&hashes, distance), all_pairs(&hashes, distance));
    }
}

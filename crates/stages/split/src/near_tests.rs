//! Near pairs against the definition, and what they cost.

use super::*;
use hpa_core::{Rng, Seed};
use proptest::prelude::*;

/// The definition, word by word.
fn all_pairs(fingerprints: &[Fingerprint], distance: u32) -> Vec<u32> {
    let sets = DisjointSets::new(fingerprints.len());
    let blanks = |f: &Fingerprint| f.map(|hash| hash == 0);
    let telling = |f: &Fingerprint| blanks(f).iter().filter(|&&blank| blank).count() < 2;
    for (a, i) in fingerprints.iter().zip(0..) {
        for (b, j) in fingerprints.iter().zip(0..i) {
            if telling(a) && blanks(a) == blanks(b) && near(a, b, distance) {
                sets.join(i, j);
            }
        }
    }
    sets.numbers()
}

fn groups(fingerprints: &[Fingerprint], distance: u32) -> Vec<u32> {
    let sets = DisjointSets::new(fingerprints.len());
    let _ = join_near(fingerprints, distance, &sets);
    sets.numbers()
}

fn flip(hash: u64, bits: u32, rng: &mut Rng) -> u64 {
    let mut places: Vec<u32> = (0..64).collect();
    rng.shuffle(&mut places);
    places[..bits as usize].iter().fold(hash, |hash, place| hash ^ (1 << place))
}

/// Fingerprints of which every second is a twin, `0..=most` bits away in each channel.
fn twins(count: usize, most: usize, seed: u64) -> Vec<Fingerprint> {
    let mut rng = Seed::new(seed).rng();
    let mut all: Vec<Fingerprint> = Vec::with_capacity(count);
    while all.len() < count {
        let one: Fingerprint = std::array::from_fn(|_| rng.next_u64());
        all.push(one);
        all.push(one.map(|hash| {
            let bits = u32::try_from(rng.below(most + 1)).unwrap();
            flip(hash, bits, &mut rng)
        }));
    }
    all
}

#[test]
fn every_near_pair_is_found_at_any_distance() {
    for distance in [0, 1, 2, 3, 4, 7, 12, 13, 20, 40, 64] {
        let fingerprints = twins(3_000, 16, u64::from(distance));
        assert_eq!(groups(&fingerprints, distance), all_pairs(&fingerprints, distance));
    }
}

#[test]
fn one_channel_too_far_is_not_near() {
    let mut rng = Seed::new(1).rng();
    let one: Fingerprint = std::array::from_fn(|_| rng.next_u64());
    for channel in 0..3 {
        let mut other = one;
        other[channel] = flip(one[channel], 12, &mut rng);
        assert_eq!(groups(&[one, other], 12), [0, 0]);
        other[channel] = flip(one[channel], 13, &mut rng);
        assert_eq!(groups(&[one, other], 12), [0, 1]);
    }
}

#[test]
fn blank_pictures_are_nobody_s_twins() {
    let sets = DisjointSets::new(6);
    let fingerprints = [[0; 3], [0; 3], [0, 0, 9], [0, 0, 9], [7, 0, 9], [7, 0, 9]];
    assert_eq!(join_near(&fingerprints, 12, &sets), 4);
    assert_eq!(sets.numbers(), [0, 1, 2, 3, 4, 4]);
    // A blank channel is no neighbour of one that shows little.
    assert_eq!(groups(&[[7, 0, 9], [7, 1, 9]], 12), [0, 1]);
}

#[test]
fn copies_cost_no_more_than_one() {
    let mut rng = Seed::new(2).rng();
    let one: Fingerprint = std::array::from_fn(|_| rng.next_u64());
    assert!(groups(&vec![one; 300_000], 12).iter().all(|&group| group == 0));
}

/// Fields that all differ from one of `centres` in up to 6 bits a channel.
fn clusters(count: usize, centres: usize, seed: u64) -> Vec<Fingerprint> {
    let mut rng = Seed::new(seed).rng();
    let centres: Vec<Fingerprint> =
        (0..centres).map(|_| std::array::from_fn(|_| rng.next_u64())).collect();
    let one = |place: usize| {
        centres[place % centres.len()].map(|hash| {
            let bits = u32::try_from(rng.below(7)).unwrap();
            flip(hash, bits, &mut rng)
        })
    };
    (0..count).map(one).collect()
}

#[test]
fn families_find_their_relatives() {
    // Large families, strangers, and chains from the ones to the others.
    let mut fingerprints = clusters(2_000, 3, 5);
    fingerprints.extend(twins(1_000, 14, 6));
    let mut rng = Seed::new(7).rng();
    for place in 0..200 {
        let near_by = fingerprints[place * 5].map(|hash| flip(hash, 9, &mut rng));
        fingerprints.push(near_by);
    }
    for distance in [6, 12, 30] {
        assert_eq!(groups(&fingerprints, distance), all_pairs(&fingerprints, distance));
    }
}

#[test]
fn a_crowd_of_near_pictures_is_one_group_at_once() {
    let numbers = groups(&clusters(60_000, 1, 8), 12);
    assert!(numbers.iter().all(|&group| group == 0));
}

proptest! {
    #[test]
    fn few_fingerprints_agree_with_the_definition(
        seed in any::<u64>(), count in 0_usize..60, distance in 0_u32..=64,
    ) {
        let fingerprints = twins(count, 64, seed);
        prop_assert_eq!(groups(&fingerprints, distance), all_pairs(&fingerprints, distance));
    }
}

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

proptest! {
    #[test]
    fn few_fingerprints_agree_with_the_definition(
        seed in any::<u64>(), count in 0_usize..60, distance in 0_u32..=64,
    ) {
        let fingerprints = twins(count, 64, seed);
        prop_assert_eq!(groups(&fingerprints, distance), all_pairs(&fingerprints, distance));
    }
}

#[test]
#[ignore = "a minute: measures a million samples"]
fn a_million_fingerprints_take_less_than_a_minute() {
    for count in [31_072, 1_000_000] {
        let fingerprints = twins(count, 12, 3);
        let start = std::time::Instant::now();
        let numbers = groups(&fingerprints, 12);
        eprintln!("{count} samples: {:.2} s", start.elapsed().as_secs_f64());
        assert_eq!(numbers.iter().max().copied(), u32::try_from(count / 2 - 1).ok());
        assert!(start.elapsed().as_secs() < 60);
    }
}

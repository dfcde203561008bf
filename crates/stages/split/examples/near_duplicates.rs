//! Run time of the near-duplicate search: `near_duplicates SAMPLES…` prints seconds for each
//! number of samples and each distribution of hashes.
//!
//! `pairs`: every second sample is within 12 bits of another, the rest is random. `cluster`: all
//! within 6 bits of one centre. `clusters`: of one of a hundred. `equal`, `blank`: all the same.
//! Within a cluster nearly all pairs are near, so comparing all of them would be quadratic.

use std::io::Write;
use std::time::Instant;

use hpa_core::{Rng, Seed};
use hpa_split::{DisjointSets, RgbHashes, join_near_duplicates};

const DISTANCE: u32 = 12;

fn main() -> anyhow::Result<()> {
    for count in std::env::args().skip(1) {
        let count: usize = count.parse()?;
        let cases = [
            ("pairs", pairs(count)),
            ("cluster", clusters(count, 1)),
            ("clusters", clusters(count, 100)),
            ("equal", vec![[5, 6, 7]; count]),
            ("blank", vec![[0; 3]; count]),
        ];
        for (name, hashes) in cases {
            let start = Instant::now();
            let sets = DisjointSets::new(count);
            let _ = join_near_duplicates(&hashes, DISTANCE, &sets);
            let groups = sets.group_ids().into_iter().max().map_or(0, |last| last + 1);
            let seconds = start.elapsed().as_secs_f64();
            writeln!(std::io::stdout(), "{count} {name}: {seconds:.2} s, {groups} groups")?;
        }
    }
    Ok(())
}

/// Flips at most `max_bits` random bits.
fn flip_bits(hash: u64, max_bits: usize, rng: &mut Rng) -> u64 {
    (0..rng.below(max_bits + 1)).fold(hash, |hash, _| hash ^ (1 << rng.below(64)))
}

fn pairs(count: usize) -> Vec<RgbHashes> {
    let mut rng = Seed::new(3).rng();
    let mut all: Vec<RgbHashes> = Vec::with_capacity(count + 1);
    while all.len() < count {
        let hashes: RgbHashes = std::array::from_fn(|_| rng.next_u64());
        all.extend([hashes, hashes.map(|hash| flip_bits(hash, 12, &mut rng))]);
    }
    all.truncate(count);
    all
}

fn clusters(count: usize, centres: usize) -> Vec<RgbHashes> {
    let mut rng = Seed::new(4).rng();
    let centres: Vec<RgbHashes> =
        (0..centres).map(|_| std::array::from_fn(|_| rng.next_u64())).collect();
    let near_centre =
        |index: usize| centres[index % centres.len()].map(|hash| flip_bits(hash, 6, &mut rng));
    (0..count).map(near_centre).collect()
}

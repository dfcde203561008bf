//! How long near pictures take to find: `near SAMPLES…` prints seconds for each number of
//! samples and each way in which their hashes lie.
//!
//! `twins`: every second sample is up to 12 bits from another, the rest is chance. `crowd`:
//! all within 6 bits of one field. `crowds`: of a hundred. `equal` and `blank`: all the same.
//! Within a crowd nearly all pairs are near, so whoever looks at each takes for ever.

use std::io::Write;
use std::time::Instant;

use hpa_core::{Rng, Seed};
use hpa_split::{DisjointSets, Fingerprint, join_near};

const DISTANCE: u32 = 12;

fn main() -> anyhow::Result<()> {
    for count in std::env::args().skip(1) {
        let count: usize = count.parse()?;
        let cases = [
            ("twins", twins(count)),
            ("crowd", crowds(count, 1)),
            ("crowds", crowds(count, 100)),
            ("equal", vec![[5, 6, 7]; count]),
            ("blank", vec![[0; 3]; count]),
        ];
        for (name, fingerprints) in cases {
            let start = Instant::now();
            let sets = DisjointSets::new(count);
            let _ = join_near(&fingerprints, DISTANCE, &sets);
            let groups = sets.numbers().into_iter().max().map_or(0, |last| last + 1);
            let seconds = start.elapsed().as_secs_f64();
            writeln!(std::io::stdout(), "{count} {name}: {seconds:.2} s, {groups} groups")?;
        }
    }
    Ok(())
}

fn away(hash: u64, most: usize, rng: &mut Rng) -> u64 {
    (0..rng.below(most + 1)).fold(hash, |hash, _| hash ^ (1 << rng.below(64)))
}

fn twins(count: usize) -> Vec<Fingerprint> {
    let mut rng = Seed::new(3).rng();
    let mut all: Vec<Fingerprint> = Vec::with_capacity(count + 1);
    while all.len() < count {
        let one: Fingerprint = std::array::from_fn(|_| rng.next_u64());
        all.extend([one, one.map(|hash| away(hash, 12, &mut rng))]);
    }
    all.truncate(count);
    all
}

fn crowds(count: usize, centres: usize) -> Vec<Fingerprint> {
    let mut rng = Seed::new(4).rng();
    let centres: Vec<Fingerprint> =
        (0..centres).map(|_| std::array::from_fn(|_| rng.next_u64())).collect();
    let one = |place: usize| centres[place % centres.len()].map(|hash| away(hash, 6, &mut rng));
    (0..count).map(one).collect()
}

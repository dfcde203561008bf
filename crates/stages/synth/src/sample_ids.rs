//! Sample ids in the form of the competition's.

use hpa_core::{SampleId, Seed};
use std::collections::BTreeSet;

/// `count` distinct ids in ascending order, as the competition's tables are sorted.
///
/// The originals are version 1 UUIDs of one machine and one week of 2018, such as
/// `000a9596-bbc4-11e8-b2bc-ac1f6b6435d0`; here they are random.
///
/// # Panics
/// Never: what is built is a legal id.
#[must_use]
pub(crate) fn sample_ids(count: usize, seed: Seed) -> Vec<SampleId> {
    let mut rng = seed.rng();
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        let low = rng.next_u64() >> 32;
        let middle = 0xbb98 + rng.below(0x33);
        let clock = 0xb2b9 + rng.below(5);
        let text = format!("{low:08x}-{middle:04x}-11e8-{clock:04x}-ac1f6b6435d0");
        ids.insert(text.parse::<SampleId>().expect("hexadecimal digits and dashes"));
    }
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_sorted_and_depend_on_the_seed_alone() {
        let ids = sample_ids(500, Seed::new(1));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids, sample_ids(500, Seed::new(1)));
        assert_ne!(ids, sample_ids(500, Seed::new(2)));
        assert_eq!(ids[0].as_str().len(), "000a9596-bbc4-11e8-b2bc-ac1f6b6435d0".len());
    }
}

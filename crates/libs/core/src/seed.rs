//! Seeds of random streams.

use crate::Rng;
use serde::{Deserialize, Serialize};

/// A seed set by the user, from which every random stream is derived by name.
///
/// ```
/// use hpa_core::Seed;
/// let seed = Seed::new(7);
/// // The stream of epoch 3, sample 12 does not depend on how many came before it.
/// let mut one = seed.derive("augmentation").child(3).child(12).rng();
/// let mut two = seed.derive("augmentation").child(3).child(12).rng();
/// assert_eq!(one.next_u64(), two.next_u64());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// The seed with this number.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The seed of a named purpose.
    #[must_use]
    pub fn derive(self, purpose: &str) -> Self {
        // FNV-1a, because std's hasher may change between releases.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(hash)))
    }

    /// The seed of one item of a numbered series.
    #[must_use]
    pub const fn child(self, number: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(number ^ 0x9e37_79b9_7f4a_7c15))))
    }

    /// The random number generator of this seed.
    #[must_use]
    pub fn rng(self) -> Rng {
        Rng::new(self)
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea & Flood, OOPSLA 2014): every input bit
/// reaches every output bit.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_give_different_streams() {
        let seed = Seed::new(0);
        let mut streams = std::collections::BTreeSet::new();
        for name in ["split", "synth", ""] {
            for number in 0..1000 {
                assert!(streams.insert(seed.derive(name).child(number).get()));
            }
        }
    }
}

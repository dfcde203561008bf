//! Shard assignment: the hash of a sample's id selects its shard.

use hpa_core::SampleId;
use serde::Serialize;

/// Largest number of shards: file names have five digits.
const MAX_COUNT: u64 = 99_999;

/// Why a text is not a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a shard: expected I/N such as 0/4, with N from 1 to {MAX_COUNT} and I below N"
)]
pub struct ShardError(String);

/// Shard `index` of `count`, written `index/count` and counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether the sample belongs to this shard.
    ///
    /// The shard is the first eight bytes of the id's BLAKE3, little-endian, modulo the number
    /// of shards.
    #[must_use]
    pub fn contains(&self, id: &SampleId) -> bool {
        let hash = blake3::hash(id.as_str().as_bytes());
        let head = std::array::from_fn(|index| hash.as_bytes()[index]);
        u64::from_le_bytes(head) % self.count == self.index
    }
}

impl std::str::FromStr for Shard {
    type Err = ShardError;
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |digits: &str| {
            let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            valid.then(|| digits.parse::<u64>().ok()).flatten()
        };
        let parts = text.split_once('/').and_then(|(i, n)| Some((number(i)?, number(n)?)));
        match parts {
            Some((index, count)) if index < count && count <= MAX_COUNT => {
                Ok(Self { index, count })
            }
            _ => Err(ShardError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_exactly_one_shard_and_sizes_are_balanced() {
        let ids: Vec<SampleId> =
            (0..2000).map(|n| format!("sample-{n}").parse().unwrap()).collect();
        let shards = [0, 1, 2, 3].map(|index| Shard { index, count: 4 });
        for id in &ids {
            assert_eq!(shards.iter().filter(|shard| shard.contains(id)).count(), 1);
        }
        for shard in shards {
            let size = ids.iter().filter(|id| shard.contains(id)).count();
            assert!((400..600).contains(&size), "{size}");
        }
    }

    #[test]
    fn the_shard_of_an_id_never_changes() {
        let id: SampleId = "000a9596-bbc4-11e8-b2bc-ac1f6b6435d0".parse().unwrap();
        let index = (0..64).find(|&index| Shard { index, count: 64 }.contains(&id));
        let digest = blake3::hash(id.as_str().as_bytes());
        assert_eq!(index, Some(u64::from(digest.as_bytes()[0] % 64)));
    }

    #[test]
    fn a_text_that_is_not_a_shard_is_refused_with_the_format() {
        assert_eq!("3/4".parse(), Ok(Shard { index: 3, count: 4 }));
        for text in ["4/4", "1", "-1/4", "0/0", "a/b", "0/100000", "1/2/3", "+1/4", ""] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.to_string().contains("expected I/N"), "{text}");
        }
    }
}

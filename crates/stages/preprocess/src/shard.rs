//! Which samples belong to which shard.

use hpa_core::SampleId;
use serde::Serialize;

/// The most shards; far more than anyone needs, and few enough for five digits.
const MAX_COUNT: u64 = 99_999;

/// Why text is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a shard: expected I/N such as 0/4, with N from 1 to {MAX_COUNT} and I below N"
)]
pub struct ShardError(String);

/// One of `count` parts of a data set, written `index/count` and counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether the sample is in this part.
    ///
    /// The part is the first eight bytes of the id's BLAKE3, low byte first, modulo the
    /// number of parts: it depends on nothing but the id.
    #[must_use]
    pub fn holds(&self, id: &SampleId) -> bool {
        let hash = blake3::hash(id.as_str().as_bytes());
        let head = std::array::from_fn(|place| hash.as_bytes()[place]);
        u64::from_le_bytes(head) % self.count == self.index
    }
}

impl std::str::FromStr for Shard {
    type Err = ShardError;
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u64>().ok()).flatten()
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
    fn every_sample_is_in_exactly_one_shard_of_a_fair_size() {
        let ids: Vec<SampleId> =
            (0..2000).map(|n| format!("sample-{n}").parse().unwrap()).collect();
        let shards = [0, 1, 2, 3].map(|index| Shard { index, count: 4 });
        for id in &ids {
            assert_eq!(shards.iter().filter(|shard| shard.holds(id)).count(), 1);
        }
        for shard in shards {
            let size = ids.iter().filter(|id| shard.holds(id)).count();
            assert!((400..600).contains(&size), "{size}");
        }
    }

    #[test]
    fn the_hash_never_changes() {
        let id: SampleId = "000a9596-bbc4-11e8-b2bc-ac1f6b6435d0".parse().unwrap();
        let place = (0..64).find(|&index| Shard { index, count: 64 }.holds(&id));
        let digest = blake3::hash(id.as_str().as_bytes());
        assert_eq!(place, Some(u64::from(digest.as_bytes()[0] % 64)));
    }

    #[test]
    fn text_that_is_no_shard_says_what_one_is() {
        assert_eq!("3/4".parse(), Ok(Shard { index: 3, count: 4 }));
        for text in ["4/4", "1", "-1/4", "0/0", "a/b", "0/100000", "1/2/3", "+1/4", ""] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.to_string().contains("expected I/N"), "{text}");
        }
    }
}

//! BLAKE3 digests of files and settings.

use crate::{ArtifactError, open_regular};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A BLAKE3 digest; written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Length in hexadecimal digits.
    pub const HEX_DIGITS: usize = 64;

    /// The digest of these bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file's bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> Result<Self, ArtifactError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(open_regular(path)?).map_err(ArtifactError::io(path, "read"))?;
        Ok(Self::finish(&hasher))
    }

    /// One digest of a list, in its order; that of a single digest is the digest itself.
    #[must_use]
    pub fn combine(digests: &[Self]) -> Self {
        match digests {
            [one] => *one,
            many => {
                let mut hasher = blake3::Hasher::new();
                for digest in many {
                    hasher.update(&digest.0);
                }
                Self::finish(&hasher)
            }
        }
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn finish(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        blake3::Hash::from_hex(&text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| format!("{text:?} is not a digest: expected 64 hexadecimal digits"))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_parse_to_the_same_digest() {
        let digest = Digest::of_bytes(b"cells");
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        assert_eq!(digest.to_string().len(), Digest::HEX_DIGITS);
        assert!(Digest::try_from("0".repeat(63)).is_err());
    }

    #[test]
    fn a_combination_depends_on_the_order() {
        let (a, b) = (Digest::of_bytes(b"a"), Digest::of_bytes(b"b"));
        assert_ne!(Digest::combine(&[a, b]), Digest::combine(&[b, a]));
        assert_eq!(Digest::combine(&[a]), a);
    }
}

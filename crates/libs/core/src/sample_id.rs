//! The name of a sample, safe to build a file name from.

use serde::Serialize;

/// Longest id, in bytes.
const MAX_BYTES: usize = 128;

/// Why text is no sample id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleIdError {
    /// Nothing there.
    #[error("a sample id is empty")]
    Empty,
    /// Too long for a file name.
    #[error("sample id {0:?}… has more than {MAX_BYTES} bytes")]
    TooLong(String),
    /// Would leave its folder, or hide, or break a table.
    #[error(
        "{id:?} is not a sample id: it holds or begins with {found:?} (letters, digits and '_' are allowed, and behind the first place '-' and '.')"
    )]
    Character {
        /// The offending id.
        id: String,
        /// What must not be in it.
        found: char,
    },
}

/// A sample's name: ASCII letters, digits, `-`, `_` and `.`; never `..`, never a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SampleId(String);

impl SampleId {
    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for SampleId {
    type Err = SampleIdError;
    fn from_str(text: &str) -> Result<Self, SampleIdError> {
        if text.is_empty() {
            return Err(SampleIdError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(SampleIdError::TooLong(text.chars().take(40).collect()));
        }
        // Tables have a hundred thousand of them: the usual case first, byte by byte.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !text.starts_with(['-', '.']) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        // Spreadsheets take a leading '-' for a formula, folders a leading '.' for hidden.
        let first = text.chars().next().filter(|c| matches!(c, '-' | '.'));
        let bad = first.or_else(|| text.chars().find(|&c| !allowed(c)));
        match bad {
            Some(found) => Err(SampleIdError::Character { id: text.to_owned(), found }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl std::fmt::Display for SampleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for SampleId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_leave_the_folder_are_refused() {
        for text in
            ["", "../etc/passwd", "-1+1", "a/b", "a\\b", ".hidden", "a b", "é", "a\n", "a\0"]
        {
            assert!(text.parse::<SampleId>().is_err(), "{text:?}");
        }
        assert!("a".repeat(129).parse::<SampleId>().is_err());
    }

    #[test]
    fn ids_of_both_data_sets_are_accepted() {
        for text in ["000a9596-bbc4-11e8-b2bc-ac1f6b6435d0", "10580_1610_C1_1"] {
            assert_eq!(text.parse::<SampleId>().unwrap().as_str(), text);
        }
    }
}

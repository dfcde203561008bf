//! Sample ids, safe as parts of file names.

use serde::Serialize;

/// Longest id, in bytes.
const MAX_BYTES: usize = 128;

/// Why a text is not a sample id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleIdError {
    /// An empty text.
    #[error("a sample id is empty")]
    Empty,
    /// Too long for a file name.
    #[error("sample id {0:?}… has more than {MAX_BYTES} bytes")]
    TooHeap(String),
    /// A character that could leave the folder, hide the file or break a table.
    #[error(
        "{id:?} is not a sample id: it holds or begins with {found:?} (allowed are letters, digits and '_', and after the first character '-' and '.')"
    )]
    Character {
        /// The text.
        id: String,
        /// The character that is not allowed.
        found: char,
    },
}

/// A sample's name: ASCII letters, digits, `-`, `_` and `.`; never `..`, never a path.
///
/// Up to 38 bytes are stored inline; most ids have 36.
#[derive(Clone)]
pub struct SampleId(Storage);

#[derive(Clone)]
enum Storage {
    Inline { length: u8, bytes: [u8; MAX_INLINE] },
    Heap(Box<str>),
}

/// Longest text that is stored inline; the value then has 40 bytes.
const MAX_INLINE: usize = 38;

impl SampleId {
    /// The text of the id.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it is always ASCII")]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Storage::Inline { .. } => {
                std::str::from_utf8(self.as_bytes()).expect("ASCII, checked when it was made")
            }
            Storage::Heap(text) => text,
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Storage::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Storage::Heap(text) => text.as_bytes(),
        }
    }

    /// Fast path for short valid ids: all bytes are checked at once.
    #[inline]
    fn plain(text: &[u8]) -> Option<Self> {
        let mut bytes = [b'_'; MAX_INLINE];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let allowed = |b: u8| b.is_ascii_alphanumeric() | matches!(b, b'-' | b'_' | b'.');
        let all = bytes.iter().fold(true, |all, &byte| all & allowed(byte));
        let first = !matches!(text.first(), None | Some(b'-' | b'.'));
        let length = u8::try_from(text.len()).ok()?;
        (all && first).then_some(Self(Storage::Inline { length, bytes }))
    }
}

impl PartialEq for SampleId {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SampleId {}

impl Ord for SampleId {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for SampleId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::hash::Hash for SampleId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::fmt::Debug for SampleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SampleId").field(&self.as_str()).finish()
    }
}

impl Serialize for SampleId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::str::FromStr for SampleId {
    type Err = SampleIdError;
    fn from_str(text: &str) -> Result<Self, SampleIdError> {
        if text.is_empty() {
            return Err(SampleIdError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(SampleIdError::TooHeap(text.chars().take(40).collect()));
        }
        if let Some(id) = Self::plain(text.as_bytes()) {
            return Ok(id);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        // Spreadsheets take a leading '-' for a formula, folders a leading '.' for hidden.
        let first = text.chars().next().filter(|c| matches!(c, '-' | '.'));
        let bad = first.or_else(|| text.chars().find(|&c| !allowed(c)));
        match bad {
            Some(found) => Err(SampleIdError::Character { id: text.to_owned(), found }),
            None => Ok(Self(Storage::Heap(text.into()))),
        }
    }
}

impl TryFrom<&[u8]> for SampleId {
    type Error = SampleIdError;
    #[inline]
    fn try_from(text: &[u8]) -> Result<Self, SampleIdError> {
        Self::plain(text).map_or_else(|| String::from_utf8_lossy(text).parse(), Ok)
    }
}

impl std::fmt::Display for SampleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for SampleId {
    fn as_ref(&self) -> &str {
        self.as_str()
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

    #[test]
    fn short_and_long_ids_are_alike() {
        let texts: Vec<String> = (1..=MAX_BYTES).map(|length| "b".repeat(length)).collect();
        let ids: Vec<SampleId> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(ids.iter().zip(&texts).all(|(id, text)| id.to_string() == *text));
        assert!(ids.is_sorted(), "ids are ordered as their texts are");
        let other: SampleId = "a".repeat(100).parse().unwrap();
        assert!(other < ids[0] && ids[0] == "b".parse().unwrap() && ids[37] != ids[38]);
        assert_eq!(format!("{:?}", ids[1]), "SampleId(\"bb\")");
        assert_eq!(size_of::<SampleId>(), 40);
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(SampleId::try_from(text.as_bytes()).as_ref(), Ok(id));
            let mut wrong = text.clone().into_bytes();
            wrong[text.len() / 2] = 0xff;
            assert!(SampleId::try_from(&wrong[..]).is_err());
        }
    }
}

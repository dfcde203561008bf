//! Label sets of samples.

use crate::{Label, LabelError, LabelNames};

/// Why a text is not a set of labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelSetError {
    /// One of the words is not a label.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A label is repeated.
    #[error("label {0} occurs twice")]
    Duplicate(Label),
}

/// A set of labels, ascending and unique; may be empty.
#[derive(Clone)]
pub struct LabelSet(Storage);

/// Most samples have few labels, which are stored inline.
#[derive(Clone)]
enum Storage {
    Inline { count: u8, labels: [Label; MAX_INLINE] },
    Heap(Box<[Label]>),
}

/// Most labels that are stored inline; the value then has 24 bytes, as a `Vec`.
const MAX_INLINE: usize = 22;

impl LabelSet {
    /// The labels in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[Label] {
        match &self.0 {
            Storage::Inline { count, labels } => &labels[..usize::from(*count)],
            Storage::Heap(labels) => labels,
        }
    }

    /// A set from labels in ascending order.
    ///
    /// # Errors
    /// The first label that is not above the one before it.
    pub fn from_ascending(labels: &[Label]) -> Result<Self, Label> {
        match labels.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(pair[1]),
            None => Ok(Self::of(labels)),
        }
    }

    fn of(ascending: &[Label]) -> Self {
        let mut labels = [Label::FIRST; MAX_INLINE];
        Self(match (labels.get_mut(..ascending.len()), u8::try_from(ascending.len())) {
            (Some(start), Ok(count)) => {
                start.copy_from_slice(ascending);
                Storage::Inline { count, labels }
            }
            _ => Storage::Heap(ascending.into()),
        })
    }

    /// Whether the set contains this label.
    #[must_use]
    pub fn contains(&self, label: Label) -> bool {
        self.as_slice().binary_search(&label).is_ok()
    }

    /// Parses a set as in `train.csv`: numbers separated by spaces, in any order.
    ///
    /// # Errors
    /// When a word is not a label or is repeated.
    pub fn parse(text: &str, names: &LabelNames) -> Result<Self, LabelSetError> {
        let labels: Vec<Label> = text
            .split_ascii_whitespace()
            .map(|word| names.parse(word))
            .collect::<Result<_, _>>()?;
        Self::from_unique(labels)
    }

    /// A set from labels in any order.
    ///
    /// # Errors
    /// When one is repeated.
    pub fn from_unique(mut labels: Vec<Label>) -> Result<Self, LabelSetError> {
        labels.sort_unstable();
        match labels.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(LabelSetError::Duplicate(pair[0])),
            None => Ok(Self::of(&labels)),
        }
    }
}

impl FromIterator<Label> for LabelSet {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().collect();
        labels.sort_unstable();
        labels.dedup();
        Self::of(&labels)
    }
}

impl Default for LabelSet {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl PartialEq for LabelSet {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for LabelSet {}

impl std::hash::Hash for LabelSet {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl std::fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LabelSet").field(&self.as_slice()).finish()
    }
}

impl std::fmt::Display for LabelSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, label) in self.as_slice().iter().enumerate() {
            write!(f, "{}{label}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_whatever_the_order_in_the_file() {
        let set = LabelSet::parse("25 3  0", &LabelNames::atlas()).unwrap();
        assert_eq!(set.to_string(), "0 3 25");
        assert!(set.contains(LabelNames::atlas().label(3).unwrap()));
        assert_eq!(LabelSet::parse("", &LabelNames::atlas()).unwrap(), LabelSet::default());
    }

    #[test]
    fn a_label_that_occurs_twice_is_named() {
        let error = LabelSet::parse("3 25 3", &LabelNames::atlas()).unwrap_err();
        assert_eq!(error.to_string(), "label 3 occurs twice");
    }

    #[test]
    fn small_and_large_sets_are_alike() {
        let names = LabelNames::atlas();
        let all: Vec<Label> = names.labels().collect();
        for count in 0..=all.len() {
            let set = LabelSet::from_ascending(&all[..count]).unwrap();
            assert_eq!(set.as_slice(), &all[..count]);
            assert_eq!(set, all[..count].iter().rev().copied().collect());
            assert!(all.iter().all(|&label| set.contains(label) == (label.index() < count)));
        }
        assert_eq!(LabelSet::from_ascending(&[all[2], all[4], all[4]]), Err(all[4]));
        assert_eq!(size_of::<LabelSet>(), 24);
    }
}

//! Which labels one sample carries.

use crate::{Label, LabelError, LabelNames};

/// Why text is no set of labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelSetError {
    /// One of the words is no label.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A label stands twice.
    #[error("label {0} stands twice")]
    Duplicate(Label),
}

/// A set of labels, ascending and unique; may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(Vec<Label>);

impl LabelSet {
    /// The labels in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[Label] {
        &self.0
    }

    /// Whether the sample carries this label.
    #[must_use]
    pub fn contains(&self, label: Label) -> bool {
        self.0.binary_search(&label).is_ok()
    }

    /// The set written as in `train.csv`: numbers between spaces, in any order.
    ///
    /// # Errors
    /// When a word is no label or stands twice.
    pub fn parse(text: &str, names: &LabelNames) -> Result<Self, LabelSetError> {
        let labels: Vec<Label> = text
            .split_ascii_whitespace()
            .map(|word| names.parse(word))
            .collect::<Result<_, _>>()?;
        Self::from_unique(labels)
    }

    /// A set of labels given in any order.
    ///
    /// # Errors
    /// When one stands twice.
    pub fn from_unique(mut labels: Vec<Label>) -> Result<Self, LabelSetError> {
        labels.sort_unstable();
        match labels.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(LabelSetError::Duplicate(pair[0])),
            None => Ok(Self(labels)),
        }
    }
}

impl FromIterator<Label> for LabelSet {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().collect();
        labels.sort_unstable();
        labels.dedup();
        Self(labels)
    }
}

impl std::fmt::Display for LabelSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, label) in self.0.iter().enumerate() {
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
    fn a_label_that_stands_twice_is_named() {
        let error = LabelSet::parse("3 25 3", &LabelNames::atlas()).unwrap_err();
        assert_eq!(error.to_string(), "label 3 stands twice");
    }
}

//! Labels: places of a protein in the cell, and their names.

use serde::{Deserialize, Serialize};

/// The largest number of labels: a label is a `uint8`.
pub const MAX_LABELS: usize = 256;

/// The 28 labels of the Human Protein Atlas image classification competition, in its
/// numbering. Source: the competition's data page, Kaggle 2018.
pub const ATLAS_LABEL_NAMES: [&str; 28] = [
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Peroxisomes",
    "Endosomes",
    "Lysosomes",
    "Intermediate filaments",
    "Actin filaments",
    "Focal adhesion sites",
    "Microtubules",
    "Microtubule ends",
    "Cytokinetic bridge",
    "Mitotic spindle",
    "Microtubule organizing center",
    "Centrosome",
    "Lipid droplets",
    "Plasma membrane",
    "Cell junctions",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Cytoplasmic bodies",
    "Rods & rings",
];

/// Why a value is not a label or not a list of label names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not a whole number.
    #[error("{0:?} is not a label: expected a whole number from 0 to {max}", max = .1 - 1)]
    NotANumber(String, usize),
    /// The label number is too large.
    #[error("there is no label {label}: with {count} labels they are numbered 0 to {}", count - 1)]
    OutOfRange {
        /// The requested number.
        label: u64,
        /// How many there are.
        count: usize,
    },
    /// No names, or more than a `uint8` can number.
    #[error("{0} label names: expected 1 to {MAX_LABELS}")]
    Count(usize),
    /// Two labels with the same name.
    #[error("label name {0:?} occurs twice")]
    Duplicate(String),
    /// A label without a name.
    #[error("label {0} has an empty name")]
    Empty(usize),
}

/// A label's number. Only [`LabelNames`] makes one, so it is in range for its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Label(u8);

impl Label {
    /// Label 0, which every set of names has.
    pub(crate) const FIRST: Self = Self(0);

    /// The number in files.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The number as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The labels of a data set: their number and their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct LabelNames(Vec<String>);

impl LabelNames {
    /// The 28 labels of the competition.
    #[must_use]
    pub fn atlas() -> Self {
        Self(ATLAS_LABEL_NAMES.map(str::to_owned).to_vec())
    }

    /// How many labels there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// All labels in order.
    #[must_use]
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = Label> + ExactSizeIterator + use<> {
        (0..=u8::MAX).take(self.0.len()).map(Label)
    }

    /// The label with this number.
    ///
    /// # Errors
    /// When there is no such label.
    pub fn label(&self, number: u64) -> Result<Label, LabelError> {
        match u8::try_from(number) {
            Ok(label) if usize::from(label) < self.count() => Ok(Label(label)),
            _ => Err(LabelError::OutOfRange { label: number, count: self.count() }),
        }
    }

    /// The label written as `text`, as in a cell of `train.csv`.
    ///
    /// # Errors
    /// When the text is not the number of a label.
    pub fn parse(&self, text: &str) -> Result<Label, LabelError> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number => self.label(number),
            _ => Err(LabelError::NotANumber(text.to_owned(), self.count())),
        }
    }

    /// What a label is called.
    ///
    /// # Panics
    /// When the label comes from a longer list of names.
    #[must_use]
    pub fn name(&self, label: Label) -> &str {
        &self.0[label.index()]
    }

    /// All names in order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for LabelNames {
    type Error = LabelError;
    fn try_from(names: Vec<String>) -> Result<Self, LabelError> {
        if names.is_empty() || names.len() > MAX_LABELS {
            return Err(LabelError::Count(names.len()));
        }
        for (index, name) in names.iter().enumerate() {
            if name.trim().is_empty() {
                return Err(LabelError::Empty(index));
            }
            if names[..index].contains(name) {
                return Err(LabelError::Duplicate(name.clone()));
            }
        }
        Ok(Self(names))
    }
}

impl From<LabelNames> for Vec<String> {
    fn from(names: LabelNames) -> Self {
        names.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_28_and_abc_are_refused_with_the_range() {
        let names = LabelNames::atlas();
        let error = names.parse("28").unwrap_err().to_string();
        assert_eq!(error, "there is no label 28: with 28 labels they are numbered 0 to 27");
        let error = names.parse("abc").unwrap_err().to_string();
        assert_eq!(error, "\"abc\" is not a label: expected a whole number from 0 to 27");
        for text in ["", "-1", "+1", "1.0", " 1", "99999999999999999999999"] {
            assert!(names.parse(text).is_err(), "{text:?}");
        }
        assert_eq!(names.name(names.parse("27").unwrap()), "Rods & rings");
    }

    #[test]
    fn names_are_unique_and_not_empty() {
        assert!(LabelNames::try_from(vec![]).is_err());
        assert!(LabelNames::try_from(vec!["a".into(), "a".into()]).is_err());
        assert!(LabelNames::try_from(vec!["a".into(), " ".into()]).is_err());
    }
}

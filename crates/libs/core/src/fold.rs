//! Folds of cross-validation.

use serde::{Deserialize, Serialize};

/// Why a number is not a fold or a number of folds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// Fewer than two folds leave nothing to train on, more than 255 do not fit a `uint8`.
    #[error("{0} is not a number of folds: expected 2 to 255")]
    Count(u64),
    /// The fold number is too large.
    #[error("there is no fold {fold}: with {count} folds they are numbered 0 to {}", count - 1)]
    OutOfRange {
        /// The requested number.
        fold: u64,
        /// How many there are.
        count: u8,
    },
}

/// The number of folds: 2 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u8")]
pub struct FoldCount(u8);

/// One fold; only [`FoldCount::fold`] makes one, so it is in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Fold(u8);

impl FoldCount {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The fold with this number.
    ///
    /// # Errors
    /// When the number is not below the count.
    pub fn fold(self, number: u64) -> Result<Fold, FoldError> {
        match u8::try_from(number) {
            Ok(fold) if fold < self.0 => Ok(Fold(fold)),
            _ => Err(FoldError::OutOfRange { fold: number, count: self.0 }),
        }
    }

    /// All folds in order.
    pub fn folds(self) -> impl DoubleEndedIterator<Item = Fold> + ExactSizeIterator {
        (0..self.0).map(Fold)
    }
}

impl TryFrom<u64> for FoldCount {
    type Error = FoldError;
    fn try_from(count: u64) -> Result<Self, FoldError> {
        u8::try_from(count)
            .ok()
            .filter(|&count| count >= 2)
            .map(Self)
            .ok_or(FoldError::Count(count))
    }
}

impl From<FoldCount> for u8 {
    fn from(count: FoldCount) -> Self {
        count.0
    }
}

impl Fold {
    /// The number in the `fold` column.
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

impl std::fmt::Display for Fold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_out_of_range_says_what_the_range_is() {
        let error = FoldCount::try_from(3).unwrap().fold(3).unwrap_err();
        assert_eq!(error.to_string(), "there is no fold 3: with 3 folds they are numbered 0 to 2");
    }

    #[test]
    fn one_fold_is_refused() {
        assert_eq!(FoldCount::try_from(1), Err(FoldError::Count(1)));
        assert_eq!(FoldCount::try_from(256), Err(FoldError::Count(256)));
        assert_eq!(FoldCount::try_from(2).unwrap().folds().count(), 2);
    }
}

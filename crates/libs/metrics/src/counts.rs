//! Counts of true positives, false positives and false negatives, and the F score from them.

use std::ops::{Add, AddAssign};

/// Confusion counts; true negatives do not enter F.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Predicted positives.
    pub true_positives: u64,
    /// Predicted negatives.
    pub false_positives: u64,
    /// Positives that are not predicted.
    pub false_negatives: u64,
}

impl Counts {
    /// Counts a column, a row or a whole matrix.
    ///
    /// # Panics
    /// When the two differ in length.
    #[must_use]
    pub fn of(truth: &[bool], predicted: &[bool]) -> Self {
        assert_eq!(truth.len(), predicted.len(), "one prediction for each truth");
        let mut counts = Self::default();
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            counts.true_positives += u64::from(truth && predicted);
            counts.false_positives += u64::from(!truth && predicted);
            counts.false_negatives += u64::from(truth && !predicted);
        }
        counts
    }

    /// The F score that weighs recall `beta` times as much as precision:
    /// (1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP), and 0 without positives and predictions.
    ///
    /// For β of 1, 2 and 0.5 the numerator and denominator are exact, so two counts with
    /// equal F compare equal; for other β they may differ by a rounding.
    /// Source: van Rijsbergen, *Information Retrieval* (1979), ch. 7.
    #[must_use]
    pub fn f_beta(&self, beta: f64) -> f64 {
        let square = beta * beta;
        let hits = (1.0 + square) * self.true_positives as f64;
        let misses = square * self.false_negatives as f64 + self.false_positives as f64;
        // Without a true positive F is 0 whatever the misses are; this avoids 0/0.
        if self.true_positives == 0 { 0.0 } else { hits / (hits + misses) }
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        self.f_beta(1.0)
    }

    /// The share of predictions that are positives; 0 without predictions.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.false_positives)
    }

    /// The share of positives that are predicted; 0 without positives.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.false_negatives)
    }

    /// The number of positives.
    #[must_use]
    pub const fn positives(&self) -> u64 {
        self.true_positives + self.false_negatives
    }
}

fn ratio(hits: u64, misses: u64) -> f64 {
    if hits == 0 { 0.0 } else { hits as f64 / (hits + misses) as f64 }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
    }
}

impl Add for Counts {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_worked_on_paper() {
        let counts = Counts { true_positives: 2, false_positives: 1, false_negatives: 1 };
        assert_eq!(counts.f1().to_bits(), (4.0_f64 / 6.0).to_bits());
        assert!((counts.f_beta(2.0) - 10.0 / 15.0).abs() < 1e-15);
        assert!((counts.precision() - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn no_positives_and_no_predictions_score_zero() {
        assert_eq!(Counts::default().f1().to_bits(), 0.0_f64.to_bits());
        assert_eq!(Counts::of(&[false], &[true]).f1().to_bits(), 0.0_f64.to_bits());
        assert_eq!(Counts::default().recall().to_bits(), 0.0_f64.to_bits());
    }
}

//! Right and wrong decisions, counted, and the F score they give.

use std::ops::{Add, AddAssign};

/// How many decisions were right and wrong; true negatives do not enter F.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Predicted and there.
    pub true_positives: u64,
    /// Predicted, not there.
    pub false_positives: u64,
    /// There, not predicted.
    pub false_negatives: u64,
}

impl Counts {
    /// Counts a column (or a row, or a whole matrix) of decisions.
    ///
    /// # Panics
    /// When the two differ in length.
    #[must_use]
    pub fn of(truth: &[bool], decided: &[bool]) -> Self {
        assert_eq!(truth.len(), decided.len(), "one decision for each truth");
        let mut counts = Self::default();
        for (&truth, &decided) in truth.iter().zip(decided) {
            counts.true_positives += u64::from(truth && decided);
            counts.false_positives += u64::from(!truth && decided);
            counts.false_negatives += u64::from(truth && !decided);
        }
        counts
    }

    /// The F score that weighs recall `beta` times as much as precision:
    /// (1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP), and 0 when nothing is there or predicted.
    ///
    /// For β of 1, 2 and 0.5 the numerator and denominator are exact, so two counts with
    /// equal F compare equal; for other β they may differ by a rounding.
    /// Source: van Rijsbergen, *Information Retrieval* (1979), ch. 7.
    #[must_use]
    pub fn f_beta(&self, beta: f64) -> f64 {
        let square = beta * beta;
        let hits = (1.0 + square) * self.true_positives as f64;
        let misses = square * self.false_negatives as f64 + self.false_positives as f64;
        // Without a hit F is 0, whatever the misses are: no 0/0.
        if self.true_positives == 0 { 0.0 } else { hits / (hits + misses) }
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        self.f_beta(1.0)
    }

    /// How much of what was predicted is there; 0 when nothing was predicted.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.false_positives)
    }

    /// How much of what is there was predicted; 0 when nothing is there.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.false_negatives)
    }

    /// How many are there.
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
    fn nothing_there_and_nothing_predicted_scores_zero() {
        assert_eq!(Counts::default().f1().to_bits(), 0.0_f64.to_bits());
        assert_eq!(Counts::of(&[false], &[true]).f1().to_bits(), 0.0_f64.to_bits());
        assert_eq!(Counts::default().recall().to_bits(), 0.0_f64.to_bits());
    }
}

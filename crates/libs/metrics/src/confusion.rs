//! Sparse confusion of predicted labels and truth, scored repeatedly with other sample weights.
//!
//! Only true positives, false positives and false negatives are stored (true negatives do not
//! enter F): about three entries a sample of 28 labels, and a bootstrap resample costs a walk over
//! those.

use crate::{Average, Counts, Metric};

#[derive(Clone, Copy, Debug)]
enum Outcome {
    TruePositive,
    FalsePositive,
    FalseNegative,
}

/// The true positives, false positives and false negatives of every sample.
#[derive(Clone, Debug)]
pub struct Confusion {
    n_labels: usize,
    /// The entries of sample `i` are `entries[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    entries: Vec<(u16, Outcome)>,
}

impl Confusion {
    /// Compares predicted labels with the truth; both row-major `[samples][n_labels]`.
    ///
    /// # Panics
    /// When the two differ in length, are no whole number of rows, or there are more than
    /// 65,536 labels.
    #[must_use]
    pub fn new(truth: &[bool], predicted: &[bool], n_labels: usize) -> Self {
        assert_eq!(truth.len(), predicted.len(), "one prediction for each truth");
        assert!(n_labels > 0 && truth.len().is_multiple_of(n_labels), "whole rows of labels");
        let mut starts = Vec::with_capacity(truth.len() / n_labels + 1);
        starts.push(0);
        let mut entries = Vec::new();
        for (truth, predicted) in truth.chunks_exact(n_labels).zip(predicted.chunks_exact(n_labels))
        {
            for (label, pair) in truth.iter().zip(predicted).enumerate() {
                let outcome = match pair {
                    (true, true) => Outcome::TruePositive,
                    (false, true) => Outcome::FalsePositive,
                    (true, false) => Outcome::FalseNegative,
                    (false, false) => continue,
                };
                entries.push((u16::try_from(label).expect("at most 65,536 labels"), outcome));
            }
            starts.push(entries.len());
        }
        Self { n_labels, starts, entries }
    }

    /// How many samples there are.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.starts.len() - 1
    }

    /// The score with every sample of weight 1.
    #[must_use]
    pub fn score(&self, metric: Metric) -> f64 {
        self.weighted_score(metric, &vec![1; self.n_samples()])
    }

    /// The score when sample `i` has weight `weights[i]`; 0 without samples.
    ///
    /// # Panics
    /// When the number of weights is not that of the samples.
    #[must_use]
    pub fn weighted_score(&self, metric: Metric, weights: &[u32]) -> f64 {
        let beta = metric.beta();
        match metric.average {
            Average::Macro => mean_f(&self.weighted_label_counts(weights), beta),
            Average::Micro => {
                self.weighted_label_counts(weights).into_iter().sum::<Counts>().f_beta(beta)
            }
            Average::Samples => self.samples_score(beta, weights),
        }
    }

    /// The counts of every label.
    #[must_use]
    pub fn label_counts(&self) -> Vec<Counts> {
        self.weighted_label_counts(&vec![1; self.n_samples()])
    }

    /// The counts of every label when sample `i` has weight `weights[i]`.
    ///
    /// # Panics
    /// When the number of weights is not that of the samples.
    #[must_use]
    pub fn weighted_label_counts(&self, weights: &[u32]) -> Vec<Counts> {
        assert_eq!(weights.len(), self.n_samples(), "one weight for each sample");
        let mut counts = vec![Counts::default(); self.n_labels];
        for (sample, &weight) in weights.iter().enumerate().filter(|&(_, &weight)| weight > 0) {
            for &(label, outcome) in self.row(sample) {
                add(&mut counts[usize::from(label)], outcome, u64::from(weight));
            }
        }
        counts
    }

    fn samples_score(&self, beta: f64, weights: &[u32]) -> f64 {
        assert_eq!(weights.len(), self.n_samples(), "one weight for each sample");
        let (mut sum, mut total) = (0.0, 0_u64);
        for (sample, &weight) in weights.iter().enumerate() {
            let mut counts = Counts::default();
            for &(_, outcome) in self.row(sample) {
                add(&mut counts, outcome, 1);
            }
            sum += f64::from(weight) * counts.f_beta(beta);
            total += u64::from(weight);
        }
        if total == 0 { 0.0 } else { sum / total as f64 }
    }

    fn row(&self, sample: usize) -> &[(u16, Outcome)] {
        &self.entries[self.starts[sample]..self.starts[sample + 1]]
    }
}

fn add(counts: &mut Counts, outcome: Outcome, weight: u64) {
    match outcome {
        Outcome::TruePositive => counts.true_positives += weight,
        Outcome::FalsePositive => counts.false_positives += weight,
        Outcome::FalseNegative => counts.false_negatives += weight,
    }
}

fn mean_f(counts: &[Counts], beta: f64) -> f64 {
    counts.iter().map(|counts| counts.f_beta(beta)).sum::<f64>() / counts.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_label_without_positives_and_predictions_stays_in_the_mean_as_zero() {
        let truth = [true, false, true, false]; // label 1 has no positives
        let confusion = Confusion::new(&truth, &truth, 2);
        assert_eq!(confusion.score(Metric::MACRO_F1).to_bits(), 0.5_f64.to_bits());
    }

    #[test]
    fn no_samples_score_zero() {
        for metric in ["macro-f1", "micro-f1", "samples-f1"] {
            let score = Confusion::new(&[], &[], 3).score(metric.parse().unwrap());
            assert_eq!(score.to_bits(), 0.0_f64.to_bits(), "{metric}");
        }
    }

    proptest! {
        #[test]
        fn a_weight_of_two_is_the_sample_twice(
            rows in prop::collection::vec((any::<[bool; 6]>(), 0_u32..4), 1..30),
            average in prop::sample::select(vec!["macro-f1", "micro-f2", "samples-f0.5"]),
        ) {
            let metric = average.parse().unwrap();
            let column = |rows: &[[bool; 6]], part: usize| -> Vec<bool> {
                rows.iter().flat_map(|row| row[part * 3..part * 3 + 3].to_vec()).collect()
            };
            let once: Vec<[bool; 6]> = rows.iter().map(|row| row.0).collect();
            let weights: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let often: Vec<[bool; 6]> =
                rows.iter().flat_map(|row| vec![row.0; row.1 as usize]).collect();
            let weighted = Confusion::new(&column(&once, 0), &column(&once, 1), 3)
                .weighted_score(metric, &weights);
            let repeated = Confusion::new(&column(&often, 0), &column(&often, 1), 3).score(metric);
            prop_assert!((weighted - repeated).abs() < 1e-12);
        }
    }
}

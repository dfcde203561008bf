//! Label weights for the loss, from label counts.
//!
//! - `median-frequency`: median count / count, from 1 to 5; the median over the labels that occur.
//!   Source: Eigen & Fergus 2015, arXiv 1411.4734; the bounds are those of Kaggle kernels.
//! - `log`: ln(0.5 · sum of all counts / count), at least 1: the "log class weights" of Kaggle
//!   kernels (μ = 0.5).
//!
//! Counts are over the training samples. A label without samples counts as one with a single sample.

use crate::config::LabelWeighting;
use crate::data::dataset::Sample;

const MEDIAN_FREQUENCY_RANGE: [f64; 2] = [1.0, 5.0];
const LOG_MU: f64 = 0.5;

impl LabelWeighting {
    /// One weight per label; empty where all weigh 1.
    ///
    /// # Errors
    /// When weights were given for another number of labels.
    pub fn weights(&self, samples: &[Sample], labels: usize) -> Result<Vec<f32>, String> {
        let mut counts = label_counts(samples);
        counts.resize(labels.max(counts.len()), 0);
        let total: usize = counts.iter().sum();
        let median = median_count(&counts);
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let by_count = |weight: &dyn Fn(f64) -> f64| {
            counts.iter().map(|&count| weight(count.max(1) as f64) as f32).collect()
        };
        match self {
            Self::None => Ok(Vec::new()),
            Self::MedianFrequency => {
                let [min, max] = MEDIAN_FREQUENCY_RANGE;
                Ok(by_count(&|count| (median / count).clamp(min, max)))
            }
            Self::Log => Ok(by_count(&|count| (LOG_MU * total as f64 / count).ln().max(1.0))),
            Self::Given(weights) if weights.len() == labels => Ok(weights.clone()),
            Self::Given(weights) => Err(format!(
                "label_weights has {} numbers for {labels} labels: expected one per label",
                weights.len()
            )),
        }
    }
}

/// Number of samples with each label, up to the last label that occurs.
pub(crate) fn label_counts(samples: &[Sample]) -> Vec<usize> {
    let mut counts = Vec::new();
    for label in samples.iter().flat_map(|sample| sample.labels.as_slice()) {
        if counts.len() <= label.index() {
            counts.resize(label.index() + 1, 0);
        }
        counts[label.index()] += 1;
    }
    counts
}

/// Median count of the labels that occur; 1 if none does.
pub(crate) fn median_count(counts: &[usize]) -> f64 {
    let present = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64);
    let present: Vec<f64> = present.collect();
    if present.is_empty() { 1.0 } else { crate::median::median(&present) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::LabelNames;

    fn samples(counts: &[usize]) -> Vec<Sample> {
        let names = LabelNames::atlas();
        let rows = names.labels().zip(counts).flat_map(|(label, &count)| vec![label; count]);
        let sample = |(row, label)| Sample {
            id: format!("s{row}").parse().unwrap(),
            row,
            labels: std::iter::once(label).collect(),
        };
        rows.enumerate().map(sample).collect()
    }

    fn weights(text: &str, counts: &[usize]) -> Vec<f32> {
        let weighting: LabelWeighting = text.parse().unwrap();
        weighting.weights(&samples(counts), counts.len()).unwrap()
    }

    #[test]
    fn weights_worked_by_hand() {
        let counts = [100, 10, 4, 1, 0];
        // The median of 100, 10, 4 and 1 is 7.
        assert_eq!(weights("median-frequency", &counts), [1.0, 1.0, 1.75, 5.0, 5.0]);
        let logs = weights("log", &counts);
        let expected =
            [1.0, (57.5_f32 / 10.0).ln(), (57.5_f32 / 4.0).ln(), 57.5_f32.ln(), 57.5_f32.ln()];
        assert!(logs.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{logs:?}");
        assert_eq!(weights("1,0,2.5,1,1", &counts), [1.0, 0.0, 2.5, 1.0, 1.0]);
        assert!(weights("none", &counts).is_empty());
    }

    #[test]
    fn weights_for_another_number_of_labels_are_refused() {
        let error = LabelWeighting::Given(vec![1.0; 3]).weights(&[], 4).unwrap_err();
        assert!(error.contains("3 numbers for 4 labels"), "{error}");
    }
}

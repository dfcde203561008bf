//! How much each label counts in the loss.
//!
//! - `median-frequency`: median count / count, from 1 to 5; the median over the labels that occur.
//!   Source: Eigen & Fergus 2015, arXiv 1411.4734; the bounds are those of the competition's kernels.
//! - `log`: ln(0.5 · sum of all counts / count), at least 1: the "log class weights" of Kaggle's
//!   kernels (μ = 0.5).
//! - numbers: one for each label, in the labels' order.
//!
//! Counts are of the samples that are learnt from. A label that none of them has counts as one that
//! a single sample has.

use crate::data::dataset::Sample;

/// How label weights come about.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LabelWeighting {
    /// All labels count once.
    #[default]
    None,
    /// By median frequency.
    MedianFrequency,
    /// By the logarithm of the frequency.
    Log,
    /// As given.
    Given(Vec<f32>),
}

/// The range of median-frequency weights.
const MEDIAN_RANGE: [f64; 2] = [1.0, 5.0];
const LOG_SHARE: f64 = 0.5;
/// More than this lets one label drown all others.
const MOST: f32 = 100.0;

impl LabelWeighting {
    /// One weight a label; none where all count once.
    ///
    /// # Errors
    /// When weights were given for another number of labels.
    pub fn weights(&self, samples: &[Sample], labels: usize) -> Result<Vec<f32>, String> {
        let mut counts = counts(samples);
        counts.resize(labels.max(counts.len()), 0);
        let all: usize = counts.iter().sum();
        let median = median(&counts);
        #[expect(clippy::cast_possible_truncation, reason = "weights are 32-bit")]
        let by = |weight: &dyn Fn(f64) -> f64| {
            counts.iter().map(|&count| weight(count.max(1) as f64) as f32).collect()
        };
        match self {
            Self::None => Ok(Vec::new()),
            Self::MedianFrequency => {
                let [least, most] = MEDIAN_RANGE;
                Ok(by(&|count| (median / count).clamp(least, most)))
            }
            Self::Log => Ok(by(&|count| (LOG_SHARE * all as f64 / count).ln().max(1.0))),
            Self::Given(weights) if weights.len() == labels => Ok(weights.clone()),
            Self::Given(weights) => Err(format!(
                "label_weights has {} numbers for {labels} labels: expected one a label",
                weights.len()
            )),
        }
    }
}

impl std::fmt::Display for LabelWeighting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::MedianFrequency => f.write_str("median-frequency"),
            Self::Log => f.write_str("log"),
            Self::Given(weights) => {
                let words: Vec<String> = weights.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

impl std::str::FromStr for LabelWeighting {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => return Ok(Self::None),
            "median-frequency" => return Ok(Self::MedianFrequency),
            "log" => return Ok(Self::Log),
            _ => {}
        }
        let weight = |word: &str| {
            word.trim().parse().ok().filter(|weight: &f32| (0.0..=MOST).contains(weight))
        };
        text.split(',').map(weight).collect::<Option<Vec<f32>>>().map(Self::Given).ok_or_else(|| {
            format!(
                "{text:?} gives no weights to labels: expected none, median-frequency, log or one \
                 number from 0 to {MOST} for each label, separated by commas"
            )
        })
    }
}

/// How many samples have each label; as long as the last label that occurs.
pub(crate) fn counts(samples: &[Sample]) -> Vec<usize> {
    let mut counts = Vec::new();
    for label in samples.iter().flat_map(|sample| sample.labels.as_slice()) {
        if counts.len() <= label.index() {
            counts.resize(label.index() + 1, 0);
        }
        counts[label.index()] += 1;
    }
    counts
}

/// The median over the labels that occur; 1 where none does.
pub(crate) fn median(counts: &[usize]) -> f64 {
    let present: Vec<f64> =
        counts.iter().filter(|&&count| count > 0).map(|&count| count as f64).collect();
    if present.is_empty() { 1.0 } else { crate::inference::median(&present) }
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
        assert_eq!(weighting.to_string(), text);
        weighting.weights(&samples(counts), counts.len()).unwrap()
    }

    #[test]
    fn weights_worked_on_paper() {
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
    fn wrong_weights_are_refused() {
        for text in ["", "1,,2", "1,x", "-1,1", "1,nan", "101"] {
            let error = text.parse::<LabelWeighting>().unwrap_err();
            assert!(error.contains("median-frequency"), "{error}");
        }
        let error = LabelWeighting::Given(vec![1.0; 3]).weights(&[], 4).unwrap_err();
        assert!(error.contains("3 numbers for 4 labels"), "{error}");
    }
}

//! Samplers: how often each training sample occurs in an epoch.
//!
//! A label's weight is `median count / count`, the median over the labels that occur (the ratio is
//! that of Eigen & Fergus 2015, arXiv 1411.4734). A sample's weight is that of its rarest label, at
//! least 1 and at most a cap.
//!
//! - `oversample`: a sample occurs as often as its weight, rounded; the epoch grows.
//! - `median-frequency`: as many draws as there are samples, with replacement, weighted; the epoch
//!   keeps its length (PyTorch's `WeightedRandomSampler`).

use crate::config::{SamplerConfig, SamplingKind};
use crate::data::dataset::{Dataset, Sample};
use crate::data::label_weights::{label_counts, median_count};
use hpa_artifacts::ImageStore;
use hpa_core::Seed;

/// The samples of one epoch, before they are shuffled.
#[derive(Clone, Debug)]
pub struct EpochSamples {
    samples: Vec<Sample>,
    copies: Vec<u32>,
}

impl SamplerConfig {
    /// Number of samples of every epoch.
    #[must_use]
    pub fn len(&self, samples: &[Sample]) -> usize {
        match self.kind {
            SamplingKind::Uniform | SamplingKind::MedianFrequency => samples.len(),
            SamplingKind::Oversample => self.weights(samples).into_iter().map(round).sum(),
        }
    }

    /// The samples of one epoch.
    #[must_use]
    pub fn draw(&self, samples: &[Sample], seed: Seed, epoch: u64) -> EpochSamples {
        let mut drawn = EpochSamples { samples: Vec::new(), copies: Vec::new() };
        let mut copies = vec![0; samples.len()];
        let mut take = |index: usize| {
            drawn.samples.push(samples[index].clone());
            drawn.copies.push(copies[index]);
            copies[index] += 1;
        };
        match self.kind {
            SamplingKind::Uniform => (0..samples.len()).for_each(take),
            SamplingKind::Oversample => {
                for (index, weight) in self.weights(samples).into_iter().enumerate() {
                    (0..round(weight)).for_each(|_| take(index));
                }
            }
            SamplingKind::MedianFrequency => {
                let cumulative = cumulative_sums(&self.weights(samples));
                let total = cumulative.last().copied().unwrap_or(0.0);
                let mut rng = seed.derive("samples by need").child(epoch).rng();
                for _ in samples {
                    let at = rng.range(0.0, total);
                    let index = cumulative.partition_point(|&sum| sum <= at);
                    take(index.min(samples.len() - 1));
                }
            }
        }
        drawn
    }

    /// Sampling weight of each sample.
    fn weights(&self, samples: &[Sample]) -> Vec<f64> {
        let counts = label_counts(samples);
        let median = median_count(&counts);
        let weight = |sample: &Sample| {
            let labels = sample.labels.as_slice().iter();
            let rarest = labels.map(|label| counts[label.index()]).min();
            rarest.map_or(1.0, |count| (median / count as f64).clamp(1.0, self.cap.max(1.0)))
        };
        samples.iter().map(weight).collect()
    }
}

impl EpochSamples {
    /// The samples with their pixels.
    #[must_use]
    pub const fn dataset<'a>(&'a self, store: &'a ImageStore) -> Dataset<'a> {
        Dataset { store, samples: self.samples.as_slice() }
    }

    /// The samples; an oversampled one several times.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How often this sample occurs before this index.
    #[must_use]
    pub fn copy(&self, index: usize) -> u32 {
        self.copies[index]
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to the cap")]
fn round(weight: f64) -> usize {
    weight.round() as usize
}

fn cumulative_sums(weights: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |weight: &f64| {
        sum += weight;
        sum
    };
    weights.iter().map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::LabelNames;

    /// Label 0 in 12 samples, 1 in 4, 2 in 1; the last has none.
    fn samples() -> Vec<Sample> {
        let names = LabelNames::atlas();
        let labels: Vec<_> = names.labels().collect();
        let of = |row: usize| match row {
            0..12 => vec![labels[0]],
            12..16 => vec![labels[1]],
            16 => vec![labels[2]],
            _ => vec![],
        };
        let sample = |row: usize| Sample {
            id: format!("s{row}").parse().unwrap(),
            row,
            labels: of(row).into_iter().collect(),
        };
        (0..18).map(sample).collect()
    }

    fn count(drawn: &EpochSamples, rows: std::ops::Range<usize>) -> usize {
        drawn.samples().iter().filter(|sample| rows.contains(&sample.row)).count()
    }

    #[test]
    fn uniform_sampling_takes_each_sample_once_in_order() {
        let drawn = SamplerConfig::default().draw(&samples(), Seed::new(1), 0);
        assert_eq!(drawn.samples(), samples());
        assert!((0..18).all(|index| drawn.copy(index) == 0));
    }

    #[test]
    fn oversampling_repeats_rare_labels_up_to_the_cap() {
        // The median count is 4: the weight of label 2's sample is 4, that of the others 1.
        for (cap, times) in [(10.0, 4), (3.0, 3), (1.0, 1)] {
            let sampler = SamplerConfig { kind: SamplingKind::Oversample, cap };
            let drawn = sampler.draw(&samples(), Seed::new(1), 0);
            assert_eq!(count(&drawn, 16..17), times);
            assert_eq!(drawn.samples().len(), 17 + times);
            assert_eq!(sampler.len(&samples()), 17 + times);
            let copies: Vec<u32> = (16..16 + times).map(|index| drawn.copy(index)).collect();
            assert!(copies.into_iter().eq(0..u32::try_from(times).unwrap()));
        }
    }

    #[test]
    fn median_frequency_draws_in_proportion_to_the_weight() {
        let sampler = SamplerConfig { kind: SamplingKind::MedianFrequency, cap: 5.0 };
        let (mut rare, mut epochs) = (0, Vec::new());
        for epoch in 0..2000 {
            let drawn = sampler.draw(&samples(), Seed::new(1), epoch);
            assert_eq!(drawn.samples().len(), sampler.len(&samples()));
            rare += count(&drawn, 16..17);
            epochs.push(drawn.samples().to_vec());
        }
        // Weight 4 of 21 in total, 18 draws per epoch.
        let expected = 2000.0 * 18.0 * 4.0 / 21.0;
        assert!((rare as f64 / expected - 1.0).abs() < 0.05, "{rare} {expected}");
        assert_ne!(epochs[0], epochs[1]);
        assert_eq!(epochs[1], sampler.draw(&samples(), Seed::new(1), 1).samples());
    }

    #[test]
    fn an_empty_dataset_has_empty_epochs() {
        for kind in [SamplingKind::Oversample, SamplingKind::MedianFrequency] {
            let sampler = SamplerConfig { kind, cap: 3.0 };
            assert!(sampler.draw(&[], Seed::new(1), 0).samples().is_empty());
            assert_eq!(sampler.len(&[]), 0);
        }
    }
}

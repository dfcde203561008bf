//! How often each sample is seen in an epoch: rare labels more often than they come.
//!
//! A label's need is `median count / its count`, the median over the labels that occur (Eigen & Fergus
//! 2015, arXiv 1411.4734, for the ratio). A sample's need is that of its rarest label, at least 1 and
//! at most a cap.
//!
//! - `oversample`: a sample stands in the epoch as often as its need, rounded; the epoch grows.
//! - `median-frequency`: as many draws as there are samples, with replacement, in proportion to the
//!   need; the epoch keeps its length, and each has other samples (PyTorch's `WeightedRandomSampler`).

use crate::data::dataset::{Dataset, Sample};
use crate::data::label_weights::{counts, median};
use hpa_artifacts::ImageStore;
use hpa_core::Seed;
use serde::{Deserialize, Serialize};

/// Which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplingKind {
    /// Each sample once.
    #[default]
    Uniform,
    /// Samples with rare labels several times.
    Oversample,
    /// EpochSamples with replacement, rare labels more often.
    MedianFrequency,
}

/// How often samples are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Which way.
    pub kind: SamplingKind,
    /// The most that a sample's need may be, at least 1.
    pub cap: f64,
}

/// The samples of one epoch, before they are put into random order.
#[derive(Clone, Debug)]
pub struct EpochSamples {
    samples: Vec<Sample>,
    copies: Vec<u32>,
}

impl Sampler {
    /// Each sample once.
    pub const UNIFORM: Self = Self { kind: SamplingKind::Uniform, cap: 1.0 };

    /// How many samples an epoch has; every epoch has as many.
    #[must_use]
    pub fn length(&self, samples: &[Sample]) -> usize {
        match self.kind {
            SamplingKind::Uniform | SamplingKind::MedianFrequency => samples.len(),
            SamplingKind::Oversample => self.needs(samples).into_iter().map(times).sum(),
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
                for (index, need) in self.needs(samples).into_iter().enumerate() {
                    (0..times(need)).for_each(|_| take(index));
                }
            }
            SamplingKind::MedianFrequency => {
                let upto = sums(&self.needs(samples));
                let all = upto.last().copied().unwrap_or(0.0);
                let mut rng = seed.derive("samples by need").child(epoch).rng();
                for _ in samples {
                    let at = rng.range(0.0, all);
                    take(upto.partition_point(|&sum| sum <= at).min(samples.len() - 1));
                }
            }
        }
        drawn
    }

    /// How often each sample should be seen.
    fn needs(&self, samples: &[Sample]) -> Vec<f64> {
        let counts = counts(samples);
        let median = median(&counts);
        let need = |sample: &Sample| {
            let labels = sample.labels.as_slice().iter();
            let rarest = labels.map(|label| counts[label.index()]).min();
            rarest.map_or(1.0, |count| (median / count as f64).clamp(1.0, self.cap.max(1.0)))
        };
        samples.iter().map(need).collect()
    }
}

impl EpochSamples {
    /// The samples with their pixels.
    #[must_use]
    pub const fn dataset<'a>(&'a self, store: &'a ImageStore) -> Dataset<'a> {
        Dataset { store, samples: self.samples.as_slice() }
    }

    /// The samples, a repeated one as often as it is seen.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How often the sample at this place was drawn before.
    #[must_use]
    pub fn copy(&self, index: usize) -> u32 {
        self.copies[index]
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to the cap")]
fn times(need: f64) -> usize {
    need.round() as usize
}

fn sums(needs: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |need: &f64| {
        sum += need;
        sum
    };
    needs.iter().map(add).collect()
}

impl std::str::FromStr for SamplingKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "oversample" => Ok(Self::Oversample),
            "median-frequency" => Ok(Self::MedianFrequency),
            _ => Err(format!(
                "{text:?} is not a way to sample: expected uniform, oversample or median-frequency"
            )),
        }
    }
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

    fn often(drawn: &EpochSamples, rows: std::ops::Range<usize>) -> usize {
        drawn.samples().iter().filter(|sample| rows.contains(&sample.row)).count()
    }

    #[test]
    fn uniform_sampling_takes_each_sample_once_in_its_place() {
        let drawn = Sampler::UNIFORM.draw(&samples(), Seed::new(1), 0);
        assert_eq!(drawn.samples(), samples());
        assert!((0..18).all(|index| drawn.copy(index) == 0));
    }

    #[test]
    fn oversampling_repeats_rare_labels_up_to_the_cap() {
        // The median count is 4: label 2's sample is needed 4 times, the others once.
        for (cap, times) in [(10.0, 4), (3.0, 3), (1.0, 1)] {
            let sampling = Sampler { kind: SamplingKind::Oversample, cap };
            let drawn = sampling.draw(&samples(), Seed::new(1), 0);
            assert_eq!(often(&drawn, 16..17), times);
            assert_eq!(drawn.samples().len(), 17 + times);
            assert_eq!(sampling.length(&samples()), 17 + times);
            let copies: Vec<u32> = (16..16 + times).map(|index| drawn.copy(index)).collect();
            assert!(copies.into_iter().eq(0..u32::try_from(times).unwrap()));
        }
    }

    #[test]
    fn median_frequency_draws_in_proportion_to_the_need() {
        let sampling = Sampler { kind: SamplingKind::MedianFrequency, cap: 5.0 };
        let (mut rare, mut epochs) = (0, Vec::new());
        for epoch in 0..2000 {
            let drawn = sampling.draw(&samples(), Seed::new(1), epoch);
            assert_eq!(drawn.samples().len(), sampling.length(&samples()));
            rare += often(&drawn, 16..17);
            epochs.push(drawn.samples().to_vec());
        }
        // Need 4 of 21 in all, 18 draws an epoch.
        let expected = 2000.0 * 18.0 * 4.0 / 21.0;
        assert!((rare as f64 / expected - 1.0).abs() < 0.05, "{rare} {expected}");
        assert_ne!(epochs[0], epochs[1]);
        assert_eq!(epochs[1], sampling.draw(&samples(), Seed::new(1), 1).samples());
    }

    #[test]
    fn no_samples_are_no_samples() {
        for kind in [SamplingKind::Oversample, SamplingKind::MedianFrequency] {
            let sampling = Sampler { kind, cap: 3.0 };
            assert!(sampling.draw(&[], Seed::new(1), 0).samples().is_empty());
            assert_eq!(sampling.length(&[]), 0);
        }
        assert!("twice".parse::<SamplingKind>().unwrap_err().contains("oversample"));
    }
}

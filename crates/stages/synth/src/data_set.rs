//! Ids, splits and labels of all samples of a data set.

use crate::config::SynthConfig;
use crate::draw::{ChannelImages, draw_images};
use crate::label_sampling::{LabelSamplingError, sample_labels};
use crate::sample_ids::sample_ids;
use hpa_core::{LabelSet, SampleId, Seed};

/// Training or test samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// `train/`, with labels in `train.csv`.
    Train,
    /// `test/`, with labels in `test_labels.csv`.
    Test,
}

/// A sample before it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its id.
    pub id: SampleId,
    /// The split it belongs to.
    pub split: Split,
    /// The places of its protein.
    pub labels: LabelSet,
    /// Seed of its random draws.
    seed: Seed,
}

impl Split {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// The name of its folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Ids and labels of every sample, training split first, each split in order of ids.
///
/// # Errors
/// When a split is too small for its labels.
pub fn samples(config: &SynthConfig) -> Result<Vec<Sample>, LabelSamplingError> {
    let seed = Seed::new(config.seed);
    let counts = [config.train_samples, config.test_samples];
    let mut ids = sample_ids(counts[0] + counts[1], seed.derive("ids"));
    // Test ids are a random subset, as in the competition.
    seed.derive("parts").rng().shuffle(&mut ids);
    let mut samples = Vec::with_capacity(ids.len());
    for (split, count) in Split::ALL.into_iter().zip(counts) {
        let seed = seed.derive(split.name());
        let labels = sample_labels(split.name(), count, config, seed.derive("labels"))?;
        let mut names: Vec<SampleId> = ids.split_off(ids.len() - count);
        names.sort();
        samples.extend((0..).zip(names).zip(labels).map(|((number, id), labels)| Sample {
            id,
            split,
            labels,
            seed: seed.child(number),
        }));
    }
    Ok(samples)
}

impl Sample {
    /// Draws its images.
    #[must_use]
    pub fn draw(&self, config: &SynthConfig) -> ChannelImages {
        let brightness = match self.split {
            Split::Train => 1.0,
            Split::Test => config.test_brightness,
        };
        draw_images(config, &self.labels, brightness, self.seed)
    }
}

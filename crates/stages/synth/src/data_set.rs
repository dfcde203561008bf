//! All samples of a data set, before any is drawn.

use crate::label_plan::{PlanError, plan_labels};
use crate::sample::{Pictures, draw_sample};
use crate::sample_ids::sample_ids;
use crate::settings::Settings;
use hpa_core::{LabelSet, SampleId, Seed};

/// Training or test part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `train/`, with labels in `train.csv`.
    Train,
    /// `test/`, with labels in `test_labels.csv`.
    Test,
}

/// A sample to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its name.
    pub id: SampleId,
    /// The part to which it belongs.
    pub part: Part,
    /// Where its protein is.
    pub labels: LabelSet,
    /// Where its chance comes from.
    seed: Seed,
}

impl Part {
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

/// Names and labels of every sample, training part first, each part in order of ids.
///
/// # Errors
/// When a part is too small for its labels.
pub fn plan(settings: &Settings) -> Result<Vec<Sample>, PlanError> {
    let seed = Seed::new(settings.seed);
    let counts = [settings.train_samples, settings.test_samples];
    let mut ids = sample_ids(counts[0] + counts[1], seed.derive("ids"));
    // Which ids are held out is a matter of chance, as in the competition.
    seed.derive("parts").rng().shuffle(&mut ids);
    let mut samples = Vec::with_capacity(ids.len());
    for (part, count) in Part::ALL.into_iter().zip(counts) {
        let seed = seed.derive(part.name());
        let labels = plan_labels(part.name(), count, settings, seed.derive("labels"))?;
        let mut names: Vec<SampleId> = ids.split_off(ids.len() - count);
        names.sort();
        samples.extend((0..).zip(names).zip(labels).map(|((number, id), labels)| Sample {
            id,
            part,
            labels,
            seed: seed.child(number),
        }));
    }
    Ok(samples)
}

impl Sample {
    /// Draws its pictures.
    #[must_use]
    pub fn draw(&self, settings: &Settings) -> Pictures {
        let brightness = match self.part {
            Part::Train => 1.0,
            Part::Test => settings.test_brightness,
        };
        draw_sample(settings, &self.labels, brightness, self.seed)
    }
}

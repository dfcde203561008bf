//! The course of training beside its schedule: what is frozen, how fast each group learns, how
//! gradients become steps, which weights are kept, when to stop. The default changes nothing.

use crate::train::lr_scheduler::Curve;
use crate::train::monitor::{Monitor, Plateau};
use serde::{Deserialize, Serialize};

/// What batch norms do in a frozen body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchNormMode {
    /// Nothing: they use the running statistics that they came with and keep them. No gradient
    /// is computed below the head.
    #[default]
    Fixed,
    /// They go on learning with the batch's statistics, as fastai's `train_bn` has it; only the
    /// convolutions stand still, and gradients flow through them.
    Training,
}

impl std::str::FromStr for BatchNormMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fixed" => Ok(Self::Fixed),
            "training" => Ok(Self::Training),
            _ => Err(format!("{text:?} says nothing of norms: expected fixed or training")),
        }
    }
}

/// The first epochs, in which only the head learns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Freeze {
    /// How many; they have a run of the schedule of their own.
    pub epochs: usize,
    /// Its largest rate; the one of the rest where there is none.
    pub learning_rate: Option<f64>,
    /// What the body's norms do.
    pub norms: BatchNormMode,
}

/// Training sizes at most.
const MOST_SIZES: usize = 8;

/// Progressive sizes: so many epochs at so many pixels, one after the other; the epochs after
/// them see the stored size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Side in pixels and epochs; no epochs where there is nothing.
    parts: [(u16, u16); MOST_SIZES],
}

impl Sizes {
    /// The side in this epoch, or none for the stored one.
    #[must_use]
    pub fn at(&self, epoch: usize) -> Option<usize> {
        let mut end = 0;
        self.parts.iter().find_map(|&(side, epochs)| {
            end += usize::from(epochs);
            (epoch < end).then_some(usize::from(side))
        })
    }

    /// All sides.
    pub fn sides(&self) -> impl Iterator<Item = usize> {
        self.parts.into_iter().filter(|part| part.1 > 0).map(|part| usize::from(part.0))
    }

    /// How many epochs have a side of their own.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.parts.iter().map(|part| usize::from(part.1)).sum()
    }
}

impl std::str::FromStr for Sizes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut sizes = Self::default();
        let words: Vec<&str> = text.split(',').filter(|word| !word.trim().is_empty()).collect();
        if words.len() > MOST_SIZES {
            return Err(format!(
                "{} sizes are too many: expected at most {MOST_SIZES}",
                words.len()
            ));
        }
        for (part, word) in sizes.parts.iter_mut().zip(words) {
            let pair = word.trim().split_once(':');
            let pair =
                pair.and_then(|(side, epochs)| Some((side.parse().ok()?, epochs.parse().ok()?)));
            *part = pair.filter(|&(side, epochs): &(u16, u16)| side >= 32 && epochs > 0).ok_or_else(|| {
                format!("{word:?} is no size: expected PX:EPOCHS with at least 32 px and 1 epoch, such as 48:4")
            })?;
        }
        Ok(sizes)
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = self.parts.iter().filter(|part| part.1 > 0);
        let words: Vec<String> = parts.map(|(side, epochs)| format!("{side}:{epochs}")).collect();
        f.write_str(&words.join(","))
    }
}

impl Serialize for Sizes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The course of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// The largest rate of the first of three layer groups; all have the same where there is none.
    pub first_group_learning_rate: Option<f64>,
    /// The first epochs, in which only the head learns.
    pub freeze: Freeze,
    /// Numbers of the schedules that have some.
    pub curve: Curve,
    /// When the plateau schedule lowers its rate.
    pub plateau: Plateau,
    /// What the plateau and the early stop watch.
    pub monitor: Monitor,
    /// Epochs without improvement after which training ends; 0 never does.
    pub early_stop: usize,
    /// Batches whose gradients make one step.
    pub accumulate: usize,
    /// Longest gradient; 0 is no limit.
    pub clip_norm: f64,
    /// Decay of the average of the weights; 0 keeps none.
    pub ema_decay: f64,
    /// Progressive sizes.
    pub sizes: Sizes,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            first_group_learning_rate: None,
            freeze: Freeze::default(),
            curve: Curve::default(),
            plateau: Plateau::default(),
            monitor: Monitor::default(),
            early_stop: 0,
            accumulate: 1,
            clip_norm: 0.0,
            ema_decay: 0.0,
            sizes: Sizes::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_and_end_with_the_stored_one() {
        let sizes: Sizes = "48:2,56:1".parse().unwrap();
        assert_eq!([0, 1, 2, 3].map(|epoch| sizes.at(epoch)), [Some(48), Some(48), Some(56), None]);
        assert_eq!((sizes.to_string().as_str(), sizes.epochs()), ("48:2,56:1", 3));
        assert_eq!("".parse(), Ok(Sizes::default()));
        for wrong in ["48", "31:2", "48:0", "x:1", "48:1,", "1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1"] {
            let read = wrong.parse::<Sizes>();
            assert!(read.is_err() || wrong == "48:1,", "{wrong}: {read:?}");
        }
    }
}

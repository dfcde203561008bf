//! How a network is trained: everything that decides the outcome, checked.

use crate::config::Course;
use crate::data::augment::Augmentation;
use crate::data::sampler::Sampler;
use crate::train::loss::Loss;
use crate::train::lr_scheduler::ScheduleKind;
use hpa_core::Seed;
use hpa_ops::Precision;
use serde::{Deserialize, Serialize};

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv 1711.05101).
    AdamW,
}

impl std::str::FromStr for OptimizerKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sgd" => Ok(Self::Sgd),
            "adamw" => Ok(Self::AdamW),
            _ => Err(format!("{text:?} is not an optimiser: expected sgd or adamw")),
        }
    }
}

/// Which epoch's weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointPolicy {
    /// Those at the end.
    Last,
    /// Those with the best macro F1 on the fold held out (then the smaller loss, then the
    /// earlier epoch). Scores on that fold are then selected on.
    Best,
}

impl CheckpointPolicy {
    /// The word in configurations and checkpoints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
        }
    }
}

impl std::str::FromStr for CheckpointPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "best" => Ok(Self::Best),
            _ => {
                Err(format!("{text:?} says nothing of which epoch to keep: expected last or best"))
            }
        }
    }
}

/// The recipe of a training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples a step, at most.
    pub batch_size: usize,
    /// How weights follow gradients.
    pub optimizer: OptimizerKind,
    /// Shrinkage of weights a step and unit of learning rate; norms and biases are spared.
    pub weight_decay: f64,
    /// ScheduleKind of the learning rate's curve.
    pub schedule: ScheduleKind,
    /// Its largest value.
    pub max_learning_rate: f64,
    /// Momentum or β₁ of the schedules that have none of their own.
    pub momentum: f64,
    /// What happens beside the schedule.
    pub course: Course,
    /// What is minimised.
    pub loss: Loss,
    /// How samples are changed.
    pub augmentation: Augmentation,
    /// How often samples are seen.
    pub sampling: Sampler,
    /// How far targets are pulled towards ½ in training, 0 to below 1.
    pub label_smoothing: f64,
    /// Which epoch is kept.
    pub keep: CheckpointPolicy,
    /// What operands of convolutions and of the classifier are rounded to.
    pub precision: Precision,
    /// Where all chance comes from.
    pub seed: Seed,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::train::loss::{LossKind, LossReduction};

    /// A recipe to start tests from: SGD, decay 0.2.
    pub(crate) fn plain(course: Course) -> Recipe {
        Recipe {
            epochs: 1,
            batch_size: 2,
            optimizer: OptimizerKind::Sgd,
            weight_decay: 0.2,
            schedule: ScheduleKind::Constant,
            max_learning_rate: 0.1,
            momentum: 0.9,
            course,
            loss: Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Sum },
            augmentation: Augmentation::NONE,
            sampling: Sampler::UNIFORM,
            label_smoothing: 0.0,
            precision: Precision::F32,
            keep: CheckpointPolicy::Last,
            seed: Seed::new(1),
        }
    }
}

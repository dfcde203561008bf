//! The settings of a model's TOML file.

use crate::{CourseSettings, DataSettings};
use hpa_cli::{in_range, in_range_f64};
use hpa_core::Seed;
use hpa_nn::{
    Architecture, Augmentation, CheckpointPolicy, InputConvInit, Loss, LossKind, LossReduction,
    OptimizerKind, Precision, Recipe, ScheduleKind,
};
use serde::Serialize;

/// Everything that decides the outcome of training beside its inputs.
#[derive(clap::Args, Clone, Debug, Serialize)]
#[command(next_help_heading = "Recipe")]
pub struct Settings {
    /// Network: resnet18, resnet34, resnet50 or efficientnet-lite0
    #[arg(long)]
    pub architecture: Architecture,
    /// Passes over the training samples
    #[arg(long, default_value_t = 20, value_parser = in_range::<usize>(1..=10_000))]
    pub epochs: usize,
    /// Samples a step, at most
    #[arg(long, default_value_t = 32, value_parser = in_range::<usize>(2..=4096))]
    pub batch_size: usize,
    /// Optimiser: adamw or sgd
    #[arg(long, default_value = "adamw")]
    pub optimizer: OptimizerKind,
    /// Largest learning rate of the schedule
    #[arg(long, default_value_t = 0.002, value_parser = in_range_f64(1e-9..=100.0))]
    pub max_learning_rate: f64,
    /// Schedule: one-cycle, constant, cosine-restarts, step or plateau
    #[arg(long, default_value = "one-cycle")]
    pub schedule: ScheduleKind,
    /// Momentum (beta 1 of adamw) of every schedule but one-cycle, which has its own
    #[arg(long, default_value_t = 0.9, value_parser = in_range_f64(0.0..=0.9999))]
    pub momentum: f64,
    /// Weight decay; norms and biases are spared
    #[arg(long, default_value_t = 0.01, value_parser = in_range_f64(0.0..=10.0))]
    pub weight_decay: f64,
    /// Loss: focal or bce
    #[arg(long, default_value = "focal")]
    pub loss: LossKind,
    /// How much the focal loss neglects what is already right
    #[arg(long, default_value_t = 2.0, value_parser = in_range_f64(0.0..=10.0))]
    pub gamma: f64,
    /// The loss over labels: sum or mean (28 times smaller)
    #[arg(long, default_value = "sum")]
    pub reduction: LossReduction,
    /// Epoch to keep: last, or best on the fold held out (its scores are then selected on)
    #[arg(long, default_value = "last")]
    pub checkpoint: CheckpointPolicy,
    /// Precision of products in training: f32, or bf16 (sums, weights, norms and losses stay f32)
    #[arg(long, default_value = "f32")]
    #[serde(serialize_with = "by_name")]
    pub precision: Precision,
    /// Seed of all chance
    #[arg(long, default_value_t = 1, value_parser = in_range::<u64>(0..=u64::MAX))]
    pub seed: u64,
    /// Start from pretrained weights, which --weights names
    #[arg(long)]
    pub pretrained: bool,
    /// A pretrained first convolution gets its fourth channel by: random (all four), copy-three
    /// (fourth random), zero, reuse-first, mean, mean-red-blue or timm
    #[arg(long, default_value = "reuse-first")]
    pub first_conv: InputConvInit,
    /// How samples are changed.
    #[command(flatten)]
    #[serde(flatten)]
    pub augmentation: AugmentationSettings,
    /// How the data is shown.
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataSettings,
    /// What happens beside the schedule.
    #[command(flatten)]
    #[serde(flatten, serialize_with = "CourseSettings::only_changed")]
    pub course: CourseSettings,
}

/// How training samples are changed; the defaults change nothing.
#[derive(clap::Args, Clone, Debug, Serialize)]
#[command(next_help_heading = "Augmentation")]
pub struct AugmentationSettings {
    /// Turn and mirror samples: the eight symmetries of the square
    #[arg(long)]
    pub d4: bool,
    /// Rotate by up to this many degrees either way
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=180.0))]
    pub rotate_degrees: f64,
    /// Magnify up to this many times
    #[arg(long, default_value_t = 1.0, value_parser = in_range_f64(1.0..=4.0))]
    pub zoom: f64,
    /// Change brightness and contrast by up to this part
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=0.9))]
    pub lighting: f64,
    /// How likely each of rotation, zoom, brightness, contrast, gain and cutout is
    #[arg(long, default_value_t = 0.75, value_parser = in_range_f64(0.0..=1.0))]
    pub probability: f64,
}

impl Settings {
    /// What the trainer needs.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        let AugmentationSettings { d4, rotate_degrees, zoom, lighting, probability } =
            self.augmentation;
        let DataSettings { crop_area, crop_aspect, gain, cutout_holes, cutout_side, mixup, .. } =
            self.data;
        Recipe {
            epochs: self.epochs,
            batch_size: self.batch_size,
            optimizer: self.optimizer,
            weight_decay: self.weight_decay,
            schedule: self.schedule,
            max_learning_rate: self.max_learning_rate,
            momentum: self.momentum,
            course: self.course.course(),
            loss: Loss { kind: self.loss, gamma: self.gamma, reduction: self.reduction },
            augmentation: Augmentation {
                d4,
                rotate_degrees,
                zoom,
                lighting,
                probability,
                crop_area,
                crop_aspect,
                gain,
                cutout_holes,
                cutout_side,
                mixup,
            },
            sampling: self.data.sampling(),
            label_smoothing: self.data.label_smoothing,
            keep: self.checkpoint,
            precision: self.precision,
            seed: Seed::new(self.seed),
        }
    }
}

/// The word that names the precision in configurations.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn by_name<S: serde::Serializer>(precision: &Precision, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(precision.name())
}

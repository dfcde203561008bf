//! Training configuration: each hyperparameter once, with its documentation, default and range.
//!
//! Flags, TOML keys, `--help`, range checks, the tables of `docs/training.md` and the settings
//! that a checkpoint records all derive from these structs, by serde and by the JSON schema that
//! [`fields`] reads. A field's name is its TOML key; with `-` for `_` it is the flag.

pub(crate) mod architecture;
mod fields;
mod values;

pub use architecture::{Architecture, UnknownArchitecture};
pub use fields::{Field, FieldKind, fields};
pub use values::{LabelWeighting, ProgressiveResize};

use hpa_core::Seed;
use hpa_ops::Precision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the input convolution over four channels starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InputConvInit {
    /// All four slices random: no pretrained weights.
    Random,
    /// Three slices pretrained, the fourth random.
    CopyThree,
    /// Three slices pretrained, the fourth zero: on red, green and blue equal to the pretrained one.
    Zero,
    /// Three slices pretrained, the fourth a copy of the first.
    #[default]
    ReuseFirst,
    /// Three slices pretrained, the fourth their mean.
    Mean,
    /// Three slices pretrained, the fourth the mean of red's and blue's.
    MeanRedBlue,
    /// Red's slice once more, then all four times ¾, which keeps their sum: timm's
    /// `adapt_input_conv` for four channels.
    Timm,
}

impl InputConvInit {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Random,
        Self::CopyThree,
        Self::Zero,
        Self::ReuseFirst,
        Self::Mean,
        Self::MeanRedBlue,
        Self::Timm,
    ];

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::CopyThree => "copy-three",
            Self::Zero => "zero",
            Self::ReuseFirst => "reuse-first",
            Self::Mean => "mean",
            Self::MeanRedBlue => "mean-red-blue",
            Self::Timm => "timm",
        }
    }
}

/// Update rule of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv 1711.05101).
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// Shape of the learning rate over the steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Warm-up, then annealing (Smith & Topin 2017).
    #[default]
    OneCycle,
    /// The same learning rate in every step.
    Constant,
    /// Cosine annealing with warm restarts (Loshchilov & Hutter 2016).
    CosineRestarts,
    /// Multiplied by `lr_gamma` every `step_epochs` epochs.
    Step,
    /// Multiplied by `plateau_factor` when the monitored metric stops improving.
    Plateau,
}

/// Multi-label loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// Focal loss (Lin et al. 2017).
    #[default]
    Focal,
    /// Binary cross-entropy.
    Bce,
}

/// Reduction of the loss over labels; over the batch it is always the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LossReduction {
    /// Sum over labels.
    #[default]
    Sum,
    /// Mean over labels.
    Mean,
}

/// How an epoch's samples are drawn from the training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SamplingKind {
    /// Each sample once.
    #[default]
    Uniform,
    /// Samples with rare labels several times; the epoch grows.
    Oversample,
    /// With replacement, weighted by the rarest label; the epoch keeps its length.
    MedianFrequency,
}

/// Metric on the held-out fold that the plateau schedule and early stopping monitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// Loss: smaller is better.
    #[default]
    ValidLoss,
    /// Macro F1 at threshold 0.5: larger is better.
    MacroF1,
}

/// Which epoch's weights the checkpoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointPolicy {
    /// The last epoch.
    #[default]
    Last,
    /// The epoch with the best macro F1 on the held-out fold (ties: smaller loss, then earlier
    /// epoch). Scores on that fold are then optimistic.
    Best,
}

impl CheckpointPolicy {
    /// Its name in configurations and checkpoints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
        }
    }
}

/// Batch norm layers of a frozen body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchNormMode {
    /// Evaluation mode: running statistics are used and not updated, and no gradient is computed
    /// below the head.
    #[default]
    Fixed,
    /// Training mode, like fastai's `train_bn`: batch statistics are used and collected, and the
    /// layers' weights are trained; only the convolutions are frozen.
    Training,
}

/// [`Precision`] as a configuration spells it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Precision", rename_all = "lowercase")]
enum PrecisionName {
    F32,
    Bf16,
}

/// Network and pretrained weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelConfig {
    /// Network
    pub architecture: Architecture,
    /// Start from pretrained weights, given by --weights
    #[serde(default)]
    pub pretrained: bool,
    /// Initialization of a pretrained first convolution's fourth input channel
    #[serde(default)]
    pub first_conv: InputConvInit,
}

/// Epochs, batches and what is kept of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoopConfig {
    /// Passes over the training samples
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: usize,
    /// Largest number of samples per batch; the batches of an epoch differ by at most one sample
    #[schemars(range(min = 2, max = 4096))]
    pub batch_size: usize,
    /// Batches whose gradients are averaged into one optimizer step
    #[schemars(range(min = 1, max = 1024))]
    pub gradient_accumulation_steps: usize,
    /// Precision of matrix products; sums, weights, norms and losses are always f32
    #[serde(with = "PrecisionName")]
    #[schemars(with = "PrecisionName")]
    pub precision: Precision,
    /// Train the first epochs at smaller images: up to eight PX:EPOCHS such as 48:4,56:2, then the
    /// stored size
    #[serde(with = "values::text")]
    #[schemars(with = "String")]
    pub progressive_resize: ProgressiveResize,
    /// Decay of the exponential moving average of the weights, which is then validated and kept;
    /// 0: no average
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub ema_decay: f64,
    /// Metric on the held-out fold for early stopping and the plateau schedule
    pub monitor: Monitor,
    /// Stop after this many epochs in a row without improvement; 0: never
    #[schemars(range(min = 0, max = 10_000))]
    pub early_stopping_patience: usize,
    /// Epoch whose weights are kept; with best, scores on the held-out fold are optimistic
    pub checkpoint: CheckpointPolicy,
    /// Seed of all random numbers
    pub seed: u64,
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 32,
            gradient_accumulation_steps: 1,
            precision: Precision::F32,
            progressive_resize: ProgressiveResize::default(),
            ema_decay: 0.0,
            monitor: Monitor::default(),
            early_stopping_patience: 0,
            checkpoint: CheckpointPolicy::default(),
            seed: 1,
        }
    }
}

/// Optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OptimizerConfig {
    /// Optimizer
    #[serde(rename = "optimizer")]
    pub kind: OptimizerKind,
    /// Momentum of SGD, beta 1 of `AdamW`; the one-cycle schedule sets its own
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub momentum: f64,
    /// Decoupled weight decay; norms and biases are exempt
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: f64,
    /// Clip gradients to this norm; 0: never
    #[schemars(range(min = 0.0, max = 1e6))]
    pub grad_clip_norm: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        let kind = OptimizerKind::default();
        Self { kind, momentum: 0.9, weight_decay: 0.01, grad_clip_norm: 0.0 }
    }
}

/// Learning rate schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ScheduleConfig {
    /// Learning rate schedule
    #[serde(rename = "schedule")]
    pub kind: ScheduleKind,
    /// Largest learning rate
    #[schemars(range(min = 1e-9, max = 100.0))]
    pub max_learning_rate: f64,
    /// Smallest learning rate of cosine-restarts and plateau
    #[schemars(range(min = 0.0, max = 100.0))]
    pub min_learning_rate: f64,
    /// Largest learning rate of the early body, the first of three parameter groups; the late body
    /// has the geometric mean of it and max-learning-rate [default: max-learning-rate]
    #[schemars(range(min = 1e-12, max = 100.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_learning_rate: Option<f64>,
    /// cosine-restarts: epochs until the first restart
    #[schemars(range(min = 1, max = 10_000))]
    pub cosine_t0: usize,
    /// cosine-restarts: length of a cycle divided by that of the one before
    #[schemars(range(min = 1, max = 100))]
    pub cosine_t_mult: usize,
    /// step: epochs between two decays
    #[schemars(range(min = 1, max = 10_000))]
    pub step_epochs: usize,
    /// step: factor of each decay
    #[schemars(range(min = 1e-6, max = 1.0))]
    pub lr_gamma: f64,
    /// plateau: epochs without improvement before the learning rate drops
    #[schemars(range(min = 0, max = 10_000))]
    pub plateau_patience: usize,
    /// plateau: factor of each drop
    #[schemars(range(min = 1e-6, max = 0.999_999))]
    pub plateau_factor: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::default(),
            max_learning_rate: 0.002,
            min_learning_rate: 0.0,
            body_learning_rate: None,
            cosine_t0: 10,
            cosine_t_mult: 1,
            step_epochs: 10,
            lr_gamma: 0.1,
            plateau_patience: 2,
            plateau_factor: 0.1,
        }
    }
}

/// First epochs with a frozen body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FreezeConfig {
    /// First epochs that train the head alone, with a schedule of their own
    #[serde(rename = "freeze_epochs")]
    #[schemars(range(min = 0, max = 9999))]
    pub epochs: usize,
    /// Largest learning rate of those epochs [default: max-learning-rate]
    #[serde(rename = "freeze_learning_rate", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-9, max = 100.0))]
    pub learning_rate: Option<f64>,
    /// Batch norm of a frozen body: evaluation mode without gradients, or training mode
    pub batch_norm: BatchNormMode,
}

/// Loss and targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LossConfig {
    /// Loss
    #[serde(rename = "loss")]
    pub kind: LossKind,
    /// Focusing parameter of the focal loss
    #[schemars(range(min = 0.0, max = 10.0))]
    pub gamma: f64,
    /// Reduction over labels; mean is smaller by the number of labels, so learning rates do not
    /// carry over
    pub reduction: LossReduction,
    /// Label smoothing: training targets become 1 - s/2 and s/2
    #[schemars(range(min = 0.0, max = 0.5))]
    pub label_smoothing: f64,
    /// Weight of each label in the loss: none, median-frequency, log, or one number from 0 to 100
    /// per label such as 1,2,0.5
    #[serde(with = "values::text")]
    #[schemars(with = "String")]
    pub label_weights: LabelWeighting,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            kind: LossKind::default(),
            gamma: 2.0,
            reduction: LossReduction::default(),
            label_smoothing: 0.0,
            label_weights: LabelWeighting::default(),
        }
    }
}

/// Sampling of rare labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SamplerConfig {
    /// How an epoch's samples are drawn
    #[serde(rename = "sampling")]
    pub kind: SamplingKind,
    /// Largest sampling weight of a sample
    #[serde(rename = "sampling_cap")]
    #[schemars(range(min = 1.0, max = 100.0))]
    pub cap: f64,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self { kind: SamplingKind::default(), cap: 5.0 }
    }
}

/// Augmentation of training samples; the defaults leave them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AugmentConfig {
    /// Rotate by a multiple of 90 degrees and flip: the eight symmetries of the square
    pub d4: bool,
    /// Rotate by up to this many degrees either way
    #[schemars(range(min = 0.0, max = 180.0))]
    pub rotate_degrees: f64,
    /// Zoom in by up to this factor about a random point
    #[schemars(range(min = 1.0, max = 4.0))]
    pub zoom: f64,
    /// Largest relative change of brightness and contrast
    #[schemars(range(min = 0.0, max = 0.9))]
    pub lighting: f64,
    /// Probability of each of rotation, zoom, brightness, contrast, channel gain and cutout
    #[serde(rename = "augment_probability")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Smallest fraction of the area that a random resized crop keeps; 1: no crop
    #[schemars(range(min = 0.05, max = 1.0))]
    pub crop_scale: f64,
    /// Largest aspect ratio of the crop
    #[schemars(range(min = 1.0, max = 4.0))]
    pub crop_ratio: f64,
    /// Multiply each channel by its own factor from 1 - g to 1 + g; white stays white
    #[schemars(range(min = 0.0, max = 0.9))]
    pub channel_gain: f64,
    /// Number of cutout squares
    #[schemars(range(min = 0, max = 8))]
    pub cutout_holes: usize,
    /// Side of the cutout squares as a fraction of the image side
    #[schemars(range(min = 0.01, max = 1.0))]
    pub cutout_size: f64,
    /// Alpha of mixup's Beta(alpha, alpha), 0 or at least 0.01; 0: no mixup
    #[serde(deserialize_with = "values::mixup_alpha")]
    #[schemars(range(min = 0.0, max = 4.0))]
    pub mixup: f64,
}

impl AugmentConfig {
    /// No augmentation.
    pub const NONE: Self = Self {
        d4: false,
        rotate_degrees: 0.0,
        zoom: 1.0,
        lighting: 0.0,
        probability: 0.75,
        crop_scale: 1.0,
        crop_ratio: 4.0 / 3.0, // torchvision's
        channel_gain: 0.0,
        cutout_holes: 0,
        cutout_size: 0.25,
        mixup: 0.0,
    };
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self::NONE
    }
}

/// Everything that decides a training run, apart from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainConfig {
    /// Network and pretrained weights.
    #[serde(flatten)]
    pub model: ModelConfig,
    /// Epochs, batches and what is kept of a run.
    #[serde(flatten)]
    pub run: LoopConfig,
    /// Optimizer.
    #[serde(flatten)]
    pub optimizer: OptimizerConfig,
    /// Learning rate schedule.
    #[serde(flatten)]
    pub schedule: ScheduleConfig,
    /// First epochs with a frozen body.
    #[serde(flatten)]
    pub freeze: FreezeConfig,
    /// Loss and targets.
    #[serde(flatten)]
    pub loss: LossConfig,
    /// Sampling of rare labels.
    #[serde(flatten)]
    pub sampler: SamplerConfig,
    /// Augmentation of training samples.
    #[serde(flatten)]
    pub augment: AugmentConfig,
}

/// Settings that contradict each other.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A value outside its range, which only code can set.
    #[error("{key} = {value}: {reason}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// The range.
        reason: String,
    },
    /// No epoch trains the body.
    #[error(
        "freeze_epochs {frozen} leaves no epoch of {epochs} to train the body\n  help: freeze fewer epochs than there are"
    )]
    AllFrozen {
        /// `freeze_epochs`.
        frozen: usize,
        /// `epochs`.
        epochs: usize,
    },
    /// Progressive resizing takes more epochs than the run has.
    #[error(
        "progressive_resize {schedule} takes {} epochs, but there are {epochs}\n  help: raise epochs or shorten progressive_resize",
        schedule.epochs()
    )]
    ResizeTooLong {
        /// `progressive_resize`.
        schedule: ProgressiveResize,
        /// `epochs`.
        epochs: usize,
    },
    /// A learning rate above the largest one.
    #[error("{key} {rate} is above max_learning_rate {max}\n  help: lower it")]
    AboveMaxRate {
        /// The key.
        key: &'static str,
        /// Its value.
        rate: f64,
        /// `max_learning_rate`.
        max: f64,
    },
}

impl TrainConfig {
    /// The defaults for a network.
    #[must_use]
    pub fn new(architecture: Architecture) -> Self {
        Self {
            model: ModelConfig {
                architecture,
                pretrained: false,
                first_conv: InputConvInit::default(),
            },
            run: LoopConfig::default(),
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
            freeze: FreezeConfig::default(),
            loss: LossConfig::default(),
            sampler: SamplerConfig::default(),
            augment: AugmentConfig::default(),
        }
    }

    /// Source of all random numbers.
    #[must_use]
    pub const fn seed(&self) -> Seed {
        Seed::new(self.run.seed)
    }

    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first setting that is out of range or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        fields::check_ranges(self)?;
        let LoopConfig { epochs, progressive_resize, .. } = self.run;
        let frozen = self.freeze.epochs;
        if frozen >= epochs {
            return Err(ConfigError::AllFrozen { frozen, epochs });
        }
        if progressive_resize.epochs() > epochs {
            return Err(ConfigError::ResizeTooLong { schedule: progressive_resize, epochs });
        }
        let ScheduleConfig { max_learning_rate: max, min_learning_rate: min, .. } = self.schedule;
        let body = self.schedule.body_learning_rate.unwrap_or(max);
        for (key, rate) in [("min_learning_rate", min), ("body_learning_rate", body)] {
            if rate > max {
                return Err(ConfigError::AboveMaxRate { key, rate, max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: fn(&mut TrainConfig)) -> String {
        let mut config = TrainConfig::new(Architecture::ResNet18);
        config.run.epochs = 4;
        config.schedule.max_learning_rate = 1e-3;
        change(&mut config);
        config.validate().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn contradictory_settings_are_refused() {
        assert_eq!(refusal(|_| ()), "");
        assert!(refusal(|it| it.freeze.epochs = 4).contains("leaves no epoch"));
        let error = refusal(|it| it.run.progressive_resize = "48:5".parse().unwrap());
        assert!(error.contains("48:5 takes 5 epochs"), "{error}");
        assert!(refusal(|it| it.schedule.min_learning_rate = 1.0).contains("min_learning_rate 1"));
        let error = refusal(|it| it.schedule.body_learning_rate = Some(0.1));
        assert!(error.contains("body_learning_rate 0.1"), "{error}");
        let error = refusal(|it| it.run.batch_size = 1);
        assert!(error.contains("batch_size = 1: out of range: expected 2 to 4096"), "{error}");
    }

    #[test]
    fn every_setting_survives_json() {
        let mut config = TrainConfig::new(Architecture::ResNet50);
        config.run.seed = u64::MAX;
        config.run.progressive_resize = "48:4,56:2".parse().unwrap();
        config.schedule.body_learning_rate = Some(1e-5);
        config.loss.label_weights = LabelWeighting::Given(vec![1.0, 0.5]);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&text).unwrap(), config);
        let least: TrainConfig = serde_json::from_str(r#"{"architecture":"resnet50"}"#).unwrap();
        assert_eq!(least, TrainConfig::new(Architecture::ResNet50));
    }
}

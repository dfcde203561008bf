//! Convolutional networks for multi-label images: models, weights, data loading, training, inference.
//!
//! [`Network`] speaks candle-nn: it is built from a [`candle_nn::VarBuilder`] and is a
//! [`candle_nn::ModuleT`], so that it can be trained in another loop
//! (`examples/custom_training_loop.rs`). [`Trainer`] is this project's own loop, [`InferenceModel`]
//! the network with batch norm folded into the convolutions, [`predict`] inference over a data set.
//! Tensors have the names and shapes of torchvision and timm. All randomness comes from a `Seed`:
//! initial weights are keyed by the tensor's name, augmentation by epoch and sample, so that neither
//! the number of threads nor an interruption changes a bit.
//!
//! Shapes: images `[N, S, S, 4]` (channels red, green, blue, yellow; normalised), logits
//! `[N, L]`, targets `[N, L]` of 0 and 1.

mod config;
mod data;
mod device;
mod error;
mod inference;
mod median;
mod models;
mod train;
mod weights;

#[cfg(test)]
extern crate self as hpa_nn;

pub use config::{
    Architecture, AugmentConfig, BatchNormMode, CheckpointPolicy, ConfigError, Field, FieldKind,
    FreezeConfig, InputConvInit, LabelWeighting, LoopConfig, LossConfig, LossKind, LossReduction,
    ModelConfig, Monitor, OptimizerConfig, OptimizerKind, ProgressiveResize, SamplerConfig,
    SamplingKind, ScheduleConfig, ScheduleKind, TrainConfig, UnknownArchitecture, fields,
};
pub use data::dataset::{Dataset, Sample, ordered_batches, shuffled_batches};
pub use data::loader::{Batch, LoaderConfig, for_each_batch};
pub use data::mixup::{Mixup, MixupPair};
pub use data::sampler::EpochSamples;
pub use data::statistics::ChannelStatistics;
pub use data::transform::{Crop, Cutout, Transform};
pub use device::{Device, DeviceKind};
pub use error::{NnError, ShapeMismatch, StateDictMismatch};
pub use hpa_ops::{CudaUnavailable, Precision, PrecisionError};
pub use inference::input_conv_check::{InputConvCheck, check_input_conv};
pub use inference::model::InferenceModel;
pub use inference::tta::TestTimeAugmentation;
pub use inference::{PredictConfig, Predictions, predict};
pub use median::median;
pub use models::Network;
pub use models::flops::StepCost;
pub use models::init::SeededInit;
pub use train::deferred_losses::Step;
pub use train::epoch::TrainData;
pub use train::lr_finder::{LrFinder, suggest};
pub use train::optimizer::Optimizer;
pub use train::state::{Position, StateError, TrainState};
pub use train::synthetic_step::SyntheticStep;
pub use train::trainer::{StepCallback, Trainer};
pub use weights::state_dict::LoadReport;

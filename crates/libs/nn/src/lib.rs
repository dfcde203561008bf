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
mod models;
mod train;
mod weights;

#[cfg(test)]
extern crate self as hpa_nn;

pub use config::{BatchNormMode, Course, Freeze, Sizes};
pub use data::augment::Augmentation;
pub use data::dataset::{Dataset, Sample, ordered_batches, shuffled_batches};
pub use data::label_weights::LabelWeighting;
pub use data::loader::{Batch, LoaderConfig, for_each_batch};
pub use data::mixup::{Mixup, MixupPair};
pub use data::sampler::{EpochSamples, Sampler, SamplingKind};
pub use data::statistics::ChannelStatistics;
pub use data::transform::{Crop, Cutout, Transform};
pub use device::{Device, DeviceKind};
pub use error::{NnError, ShapeMismatch, StateDictMismatch};
pub use hpa_ops::{NoCuda, Precision, PrecisionError};
pub use inference::input_conv_check::{InputConvCheck, check_input_conv};
pub use inference::model::InferenceModel;
pub use inference::tta::TestTimeAugmentation;
pub use inference::{PredictConfig, Predictions, median, predict};
pub use models::Network;
pub use models::architecture::{Architecture, UnknownArchitecture};
pub use models::flops::StepCost;
pub use models::init::SeededInit;
pub use train::loss::{Loss, LossKind, LossReduction};
pub use train::lr_finder::{LrFinder, suggest};
pub use train::lr_scheduler::{Curve, Schedule, ScheduleKind, StepParams};
pub use train::monitor::{Monitor, Plateau};
pub use train::recipe::{CheckpointPolicy, OptimizerKind, Recipe};
pub use train::state::{Position, StateError, TrainState};
pub use train::synthetic_step::SyntheticStep;
pub use train::trainer::{TrainData, Trainer};
pub use train::watch::{Step, StepCallback};
pub use weights::input_conv::InputConvInit;
pub use weights::state_dict::LoadReport;

//! Networks, schedules, the loader, one epoch of training, inference.
//!
//! A family of networks describes its layers and its way through them (`resnet`); two walks
//! over that description train it (`network`) and evaluate it with batch norm folded into the
//! weights (`evaluator`). Parameters and running statistics are kept apart, both by name, in
//! the names and shapes of torchvision and timm. All chance comes from a `Seed`: initial
//! weights keyed by the tensor's name, augmentation by epoch and sample, so that neither the
//! number of threads nor an interruption moves a bit.
//!
//! Shapes: images `[N, S, S, 4]` (channels red, green, blue, yellow; normalised), logits
//! `[N, L]`, targets `[N, L]` of 0 and 1.

mod config;
mod data;
mod device;
mod error;
mod inference;
mod network;
mod photographs;
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
pub use device::{Computer, Device};
pub use error::NnError;
pub use hpa_ops::{NoCuda, Precision, PrecisionError};
pub use inference::tta::TestTimeAugmentation;
pub use inference::{Answers, answers, median};
pub use network::Network;
pub use network::architecture::{Architecture, UnknownArchitecture};
pub use network::cost::Cost;
pub use network::evaluator::Evaluator;
pub use train::loss::{Loss, LossKind, LossReduction};
pub use train::lr_finder::{LrFinder, suggest};
pub use train::lr_scheduler::{Curve, Schedule, ScheduleKind, StepParams};
pub use train::monitor::{Monitor, Plateau};
pub use train::recipe::{CheckpointPolicy, OptimizerKind, Recipe};
pub use train::state::{Position, StateError, TrainState};
pub use train::synthetic_step::SyntheticStep;
pub use train::trainer::{TrainData, Trainer};
pub use train::watch::{Step, StepCallback};
pub use weights::import::{Imported, Misfits};
pub use weights::surgery::FirstConvolution;
pub use weights::surgery_check::{SurgeryCheck, check_surgery};

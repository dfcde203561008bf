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

mod architecture;
mod augment;
mod dataset;
mod device;
mod error;
mod evaluator;
mod import;
mod inference;
mod initial;
mod layers;
mod loader;
mod loss;
mod network;
mod optimizer;
mod recipe;
mod resnet;
mod schedule;
mod state;
mod statistics;
mod surgery;
mod trainer;
mod tta;

pub use architecture::{Architecture, UnknownArchitecture};
pub use augment::{Augmentation, View};
pub use dataset::{Dataset, Sample, ordered_batches, shuffled_batches};
pub use device::Device;
pub use error::NnError;
pub use evaluator::Evaluator;
pub use hpa_ops::{Precision, PrecisionError};
pub use import::{Imported, Misfits};
pub use inference::{Answers, answers, median};
pub use loader::{Batch, Preparation, for_each_batch};
pub use loss::{Loss, LossKind, LossReduction};
pub use network::Network;
pub use recipe::{Keep, OptimizerKind, Recipe};
pub use schedule::{Pace, Schedule, Shape as ScheduleShape};
pub use state::{State, Unusable};
pub use statistics::ChannelStatistics;
pub use surgery::FirstConvolution;
pub use trainer::{Step, Task, Trainer};
pub use tta::TestTimeAugmentation;

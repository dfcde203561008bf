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

mod device;
mod error;
mod inference;
mod input;
mod network;
mod photographs;
mod training;
mod weights;

#[cfg(test)]
extern crate self as hpa_nn;

pub use device::{Computer, Device};
pub use error::NnError;
pub use hpa_ops::{NoCuda, Precision, PrecisionError};
pub use inference::tta::TestTimeAugmentation;
pub use inference::{Answers, answers, median};
pub use input::augment::Augmentation;
pub use input::dataset::{Dataset, Sample, ordered_batches, shuffled_batches};
pub use input::loader::{Batch, Preparation, for_each_batch};
pub use input::mixup::{Mixup, Partner};
pub use input::sampling::{Drawn, Sampling, SamplingKind};
pub use input::statistics::ChannelStatistics;
pub use input::view::{Crop, Holes, View};
pub use network::Network;
pub use network::architecture::{Architecture, UnknownArchitecture};
pub use network::cost::Cost;
pub use network::evaluator::Evaluator;
pub use training::balance::LabelWeighting;
pub use training::course::{Course, Freeze, FrozenNorms, Sizes};
pub use training::drill::Drill;
pub use training::finder::{RateSearch, steepest};
pub use training::loss::{Loss, LossKind, LossReduction};
pub use training::monitor::{Monitor, Plateau};
pub use training::recipe::{Keep, OptimizerKind, Recipe};
pub use training::schedule::{Curve, Pace, Schedule, Shape as ScheduleShape};
pub use training::state::{Place, State, Unusable};
pub use training::trainer::{Task, Trainer};
pub use training::watch::{Flow, Step, Watch};
pub use weights::import::{Imported, Misfits};
pub use weights::surgery::FirstConvolution;
pub use weights::surgery_check::{SurgeryCheck, check_surgery};

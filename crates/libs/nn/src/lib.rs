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
mod average;
mod balance;
mod cost;
mod course;
mod dataset;
mod device;
mod drill;
mod efficientnet;
mod epoch;
mod error;
mod evaluator;
mod feed;
mod finder;
mod groups;
mod held;
mod import;
mod inference;
mod initial;
mod layers;
mod ledger;
mod loader;
mod loss;
mod mixup;
mod monitor;
mod network;
mod optimizer;
mod pending;
mod photographs;
mod plan;
mod recipe;
mod resnet;
mod room;
mod sampling;
mod schedule;
mod shrink;
mod state;
mod statistics;
mod surgery;
mod surgery_check;
mod timetable;
mod trainer;
mod training_walk;
mod tta;
mod validation;
mod view;
mod watch;

#[cfg(test)]
extern crate self as hpa_nn;

pub use architecture::{Architecture, UnknownArchitecture};
pub use augment::Augmentation;
pub use balance::LabelWeighting;
pub use cost::Cost;
pub use course::{Course, Freeze, FrozenNorms, Sizes};
pub use dataset::{Dataset, Sample, ordered_batches, shuffled_batches};
pub use device::{Computer, Device};
pub use drill::Drill;
pub use error::NnError;
pub use evaluator::Evaluator;
pub use finder::{RateSearch, steepest};
pub use hpa_ops::{NoCuda, Precision, PrecisionError};
pub use import::{Imported, Misfits};
pub use inference::{Answers, answers, median};
pub use loader::{Batch, Preparation, for_each_batch};
pub use loss::{Loss, LossKind, LossReduction};
pub use mixup::{Mixup, Partner};
pub use monitor::{Monitor, Plateau};
pub use network::Network;
pub use recipe::{Keep, OptimizerKind, Recipe};
pub use sampling::{Drawn, Sampling, SamplingKind};
pub use schedule::{Curve, Pace, Schedule, Shape as ScheduleShape};
pub use state::{Place, State, Unusable};
pub use statistics::ChannelStatistics;
pub use surgery::FirstConvolution;
pub use surgery_check::{SurgeryCheck, check_surgery};
pub use trainer::{Task, Trainer};
pub use tta::TestTimeAugmentation;
pub use view::{Crop, Holes, View};
pub use watch::{Flow, Step, Watch};

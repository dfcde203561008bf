//! The words of the project: channels, labels, sample ids, folds, probabilities,
//! thresholds, seeds.
//!
//! Every type here is valid from birth: a [`Probability`] is never NaN, a [`Fold`] is
//! always below its [`FoldCount`], a [`SampleId`] never climbs out of a folder. Code that
//! receives one need not check again. Nothing here does input or output.

mod channel;
mod fold;
mod label;
mod label_set;
mod probability;
mod rng;
mod sample_id;
mod seed;

pub use channel::Channel;
pub use fold::{Fold, FoldCount, FoldError};
pub use label::{ATLAS_LABEL_NAMES, Label, LabelError, LabelNames, MAX_LABELS};
pub use label_set::{LabelSet, LabelSetError};
pub use probability::{Probability, ProbabilityError, Threshold};
pub use rng::Rng;
pub use sample_id::{SampleId, SampleIdError};
pub use seed::Seed;

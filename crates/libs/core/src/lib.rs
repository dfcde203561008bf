//! Domain types: channels, labels, sample ids, folds, probabilities, thresholds, seeds.
//!
//! Every value is checked when it is made: a [`Probability`] is never NaN, a [`Fold`] is
//! always below its [`FoldCount`], a [`SampleId`] is never a path. Code that receives one need
//! not check again. This crate does no input or output.

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

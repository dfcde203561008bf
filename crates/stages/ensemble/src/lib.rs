//! Combines the predictions of several models.
//!
//! Average and maximum combine probabilities; OR combines decisions, each member's by its
//! own thresholds, and writes 1 or 0. All of it is label by label and sample by sample, so
//! an ensemble of out-of-fold predictions is out of fold too, and its thresholds are found
//! and judged like a model's.
//!
//! Shapes: a member's probabilities are `[samples][labels]`, row-major, rows in the order of
//! the first member. Units: probabilities in [0, 1].

mod combine;
mod error;
mod members;
mod vote;

pub use combine::{Method, average, maximum};
pub use error::EnsembleError;
pub use members::{Aligned, align, check_named, lineage};
pub use vote::{any, vote};

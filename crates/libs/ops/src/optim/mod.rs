//! Optimisers that change parameters in place, in the order given, with state that can be saved.
//!
//! The update is one pass over each parameter, its gradient and its state; nothing is allocated.

mod adamw;
mod parameters;
mod sgd;

#[cfg(feature = "cuda")]
pub(crate) use parameters::Slot;

pub use adamw::{AdamW, AdamWSettings};
pub use parameters::{GradientSource, Group, Parameter};
pub use sgd::{Sgd, SgdSettings};

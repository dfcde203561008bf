//! Optimizers that update parameters in place, in the order given, with state that can be saved;
//! and exponential moving averages.
//!
//! The update is one pass over each parameter, its gradient and its state; nothing is allocated.

mod adamw;
mod ema;
mod param_groups;
mod sgd;

pub use adamw::{AdamW, AdamWConfig};
pub use ema::ema_update;
pub use param_groups::{GradientSource, ParamGroup, Parameter};
pub use sgd::{Sgd, SgdConfig};

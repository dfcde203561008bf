//! Training: the loop, accumulation, schedules, moving averages, validation, resumable state.

pub(crate) mod accumulate;
pub(crate) mod deferred_losses;
pub(crate) mod ema;
pub(crate) mod epoch;
pub(crate) mod loss;
pub(crate) mod lr_finder;
pub(crate) mod lr_scheduler;
pub(crate) mod monitor;
pub(crate) mod oom;
pub(crate) mod optimizer;
pub(crate) mod state;
pub(crate) mod synthetic_step;
pub(crate) mod trainer;
pub(crate) mod validate;

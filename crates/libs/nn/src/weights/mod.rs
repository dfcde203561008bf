//! Weights of others: read by name, widened to four channels, and the proof that nothing was lost.

pub(crate) mod import;
pub(crate) mod surgery;
pub(crate) mod surgery_check;

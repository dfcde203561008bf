//! From stored samples to batches: which are seen, how each is shown, and in which order.

pub(crate) mod augment;
pub(crate) mod dataset;
pub(crate) mod feed;
pub(crate) mod loader;
pub(crate) mod mixup;
pub(crate) mod sampling;
pub(crate) mod shrink;
pub(crate) mod statistics;
pub(crate) mod view;

//! Data loading: datasets, samplers, transforms, mixup, batches on the device.

pub(crate) mod area_resize;
pub(crate) mod augment;
pub(crate) mod dataset;
pub(crate) mod device_loader;
pub(crate) mod label_weights;
pub(crate) mod loader;
pub(crate) mod mixup;
pub(crate) mod sampler;
pub(crate) mod statistics;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod transform;

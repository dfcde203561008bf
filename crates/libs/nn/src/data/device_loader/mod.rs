//! Batches as tensors on the network's device.
//!
//! On the CPU they come from `loader.rs` as images of floats. A GPU is sent the stored bytes and
//! transforms them itself (`prefetch.rs`); the random numbers are the same, and so are the images
//! up to rounding of the last bit.

#[cfg(test)]
mod gpu_transform_tests;
#[cfg(any(test, feature = "cuda"))]
mod prefetch;
#[cfg(test)]
mod prefetch_tests;

use crate::data::area_resize::area_resize;
use crate::data::dataset::Dataset;
use crate::data::loader::{Batch, LoaderConfig, for_each_batch};
use crate::data::mixup::MixupPair;
use crate::error::NnError;
use candle_core::{Device, Tensor};
use hpa_core::Channel;

/// A batch on the network's device.
pub(crate) struct DeviceBatch {
    /// The samples, as indices into the dataset.
    pub(crate) indices: Vec<usize>,
    /// `[N · V, S, S, 4]`
    pub(crate) images: Tensor,
    /// `[N, L]`; none where the configuration has none.
    pub(crate) targets: Option<Tensor>,
}

/// Makes targets `[N][L]` of these samples, mixed by these pairs.
type MakeTargets<'a> = dyn Fn(&[usize], &[MixupPair]) -> Vec<f32> + Sync + 'a;

/// How targets are made.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) make: &'a MakeTargets<'a>,
    pub(crate) labels: usize,
}

/// What each batch holds, and where.
#[derive(Clone, Copy)]
pub(crate) struct DeviceLoaderConfig<'a> {
    pub(crate) loader: &'a LoaderConfig<'a>,
    pub(crate) targets: Option<Targets<'a>>,
    /// Images per sample.
    pub(crate) views: usize,
    /// Side of the images, at most the stored one.
    pub(crate) side_px: usize,
    pub(crate) device: &'a Device,
}

/// Loads the batches onto the device and passes them to `consume` in order.
///
/// # Errors
/// The first error of a reader, of the device or of `consume`.
pub(crate) fn for_each_device_batch<E: From<NnError>>(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    config: &DeviceLoaderConfig<'_>,
    mut consume: impl FnMut(DeviceBatch) -> Result<(), E>,
) -> Result<(), E> {
    #[cfg(feature = "cuda")]
    if !config.device.is_cpu() {
        let bytes = prefetch::max_bytes(dataset, batches, config);
        let mut uploader =
            hpa_ops::upload::Uploader::new(config.device, bytes, prefetch::DEVICE_BUFFERS)
                .map_err(NnError::from)?;
        return prefetch::prefetch(dataset, batches, config, &mut uploader, consume);
    }
    let outcome = for_each_batch::<ConsumerError<E>>(dataset, batches, config.loader, |batch| {
        let batch =
            to_tensors(batch, dataset, config).map_err(|error| ConsumerError(error.into()))?;
        consume(batch).map_err(ConsumerError)
    });
    outcome.map_err(|ConsumerError(error)| error)
}

/// An error of `consume`, in the form that the loader asks for.
struct ConsumerError<E>(E);

impl<E: From<NnError>> From<hpa_artifacts::ArtifactError> for ConsumerError<E> {
    fn from(error: hpa_artifacts::ArtifactError) -> Self {
        Self(NnError::from(error).into())
    }
}

/// A batch of the CPU loader as tensors.
fn to_tensors(
    batch: Batch,
    dataset: Dataset<'_>,
    config: &DeviceLoaderConfig<'_>,
) -> Result<DeviceBatch, NnError> {
    let Batch { indices, images, pairs } = batch;
    let stored_px = dataset.store.size_px();
    let side_px = config.side_px;
    let images =
        if side_px == stored_px { images } else { area_resize(&images, stored_px, side_px) };
    let shape = (indices.len() * config.views, side_px, side_px, Channel::COUNT);
    let images = Tensor::from_vec(images, shape, config.device)?;
    let targets = config.targets.map(|Targets { make, labels }| {
        Tensor::from_vec(make(&indices, &pairs), (indices.len(), labels), config.device)
    });
    Ok(DeviceBatch { targets: targets.transpose()?, indices, images })
}

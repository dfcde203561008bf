//! Batches where the network computes.
//!
//! The processor gets them from `loader.rs`, whole images of floats. A graphics card gets the
//! pictures' bytes and makes the images itself (`prefetch.rs`); what is drawn for each sample is the
//! same, and so are the images, but for the rounding of the last bit.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
pub(crate) mod kernel_tests;
#[cfg(any(test, feature = "cuda"))]
mod prefetch;
#[cfg(test)]
mod prefetch_order_tests;

use crate::data::area_resize::area_resize;
use crate::data::dataset::Dataset;
use crate::data::loader::{Batch, LoaderConfig, for_each_batch};
use crate::data::mixup::MixupPair;
use crate::error::NnError;
use candle_core::{Device, Tensor};
use hpa_core::Channel;

/// A batch where the network computes.
pub(crate) struct DeviceBatch {
    /// The samples, as places in the data set.
    pub(crate) indices: Vec<usize>,
    /// `[N · V, s, s, 4]`.
    pub(crate) images: Tensor,
    /// `[N, L]`; nothing where nobody asks for them.
    pub(crate) targets: Option<Tensor>,
}

/// What the network should say of the samples with these places, so mixed: `[N][L]`.
pub(crate) type Targets<'a> = &'a (dyn Fn(&[usize], &[MixupPair]) -> Vec<f32> + Sync);

/// What is to be made of each batch.
#[derive(Clone, Copy)]
pub(crate) struct DeviceLoaderConfig<'a> {
    pub(crate) preparation: &'a LoaderConfig<'a>,
    /// Targets and how many labels they have, where they are wanted.
    pub(crate) targets: Option<(Targets<'a>, usize)>,
    /// Images of each sample.
    pub(crate) views: usize,
    /// The side of the images, at most the stored one.
    pub(crate) side: usize,
    pub(crate) device: &'a Device,
}

/// Reads the samples of each batch, prepares them where the network computes and hands them to
/// `consume` in order.
///
/// # Errors
/// The first error of a reader, of the device or of `consume`.
pub(crate) fn for_each_device_batch<E: From<NnError>>(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    order: &DeviceLoaderConfig<'_>,
    mut consume: impl FnMut(DeviceBatch) -> Result<(), E>,
) -> Result<(), E> {
    #[cfg(feature = "cuda")]
    if !order.device.is_cpu() {
        let mut card = cuda::Card::new(order, dataset, batches).map_err(NnError::from)?;
        return prefetch::ship(dataset, batches, order, &mut card, |indices, (images, targets)| {
            consume(DeviceBatch { indices, images, targets })
        });
    }
    let outcome = for_each_batch::<Outcome<E>>(dataset, batches, order.preparation, |batch| {
        let ready = near(batch, dataset, order).map_err(|error| Outcome(error.into()))?;
        consume(ready).map_err(Outcome)
    });
    outcome.map_err(|Outcome(error)| error)
}

/// An error of the caller's, for the loader knows only its own.
struct Outcome<E>(E);

impl<E: From<NnError>> From<hpa_artifacts::ArtifactError> for Outcome<E> {
    fn from(error: hpa_artifacts::ArtifactError) -> Self {
        Self(NnError::from(error).into())
    }
}

/// A batch of the loader's, as tensors of the processor.
fn near(
    batch: Batch,
    dataset: Dataset<'_>,
    order: &DeviceLoaderConfig<'_>,
) -> Result<DeviceBatch, NnError> {
    let Batch { indices, images, partners } = batch;
    let (stored, side) = (dataset.store.size_px(), order.side);
    let images = if side == stored { images } else { area_resize(&images, stored, side) };
    let shape = (indices.len() * order.views, side, side, Channel::COUNT);
    let images = Tensor::from_vec(images, shape, order.device)?;
    let targets = order.targets.map(|(targets, labels)| {
        Tensor::from_vec(targets(&indices, &partners), (indices.len(), labels), order.device)
    });
    Ok(DeviceBatch { targets: targets.transpose()?, indices, images })
}

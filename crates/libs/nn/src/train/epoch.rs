//! Training data and the batches of one epoch.
//!
//! An epoch's samples, their order and their transforms follow from the seed and the epoch's
//! number alone, so training can stop between any two batches and be resumed.

use crate::config::{AugmentConfig, TrainConfig};
use crate::data::dataset::{Dataset, shuffled_batches};
use crate::data::device_loader::{DeviceBatch, DeviceLoaderConfig, Targets, for_each_device_batch};
use crate::data::loader::{LoaderConfig, targets};
use crate::data::mixup::MixupPair;
use crate::data::sampler::EpochSamples;
use crate::data::statistics::ChannelStatistics;
use crate::error::NnError;
use candle_core::Device;
use hpa_core::Seed;

/// Training and validation samples.
#[derive(Clone, Copy)]
pub struct TrainData<'a> {
    /// Training samples.
    pub train: Dataset<'a>,
    /// Samples of the held-out fold.
    pub valid: Dataset<'a>,
    /// Number of labels.
    pub labels: usize,
    /// Weight of each label in the loss; empty where all weigh 1.
    pub label_weights: &'a [f32],
    /// Normalization of the images.
    pub statistics: ChannelStatistics,
    /// Threads that load images.
    pub workers: usize,
}

/// The samples of one epoch, in batches.
pub(crate) struct Epoch<'a> {
    data: TrainData<'a>,
    seed: Seed,
    augment: AugmentConfig,
    label_smoothing: f64,
    /// From 0.
    number: u64,
    samples: EpochSamples,
    /// Indices into [`Epoch::dataset`].
    pub(crate) batches: Vec<Vec<usize>>,
}

impl<'a> Epoch<'a> {
    pub(crate) fn new(data: &TrainData<'a>, config: &TrainConfig, number: u64) -> Self {
        let seed = config.seed();
        let samples = config.sampler.draw(data.train.samples, seed, number);
        let count = samples.samples().len();
        Self {
            data: *data,
            seed,
            augment: config.augment,
            label_smoothing: config.loss.label_smoothing,
            number,
            samples,
            batches: shuffled_batches(count, config.run.batch_size, seed, number),
        }
    }

    /// The epoch's samples; an oversampled one several times.
    pub(crate) const fn dataset(&self) -> Dataset<'_> {
        self.samples.dataset(self.data.train.store)
    }

    /// Loads some of the batches in the background as images of `side_px` and passes them to
    /// `consume` in order, on the device.
    pub(crate) fn for_each_batch<E: From<NnError>>(
        &self,
        batches: &[Vec<usize>],
        side_px: usize,
        device: &Device,
        consume: impl FnMut(DeviceBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let dataset = self.dataset();
        let transform = |index: usize| {
            let id = &dataset.samples[index].id;
            vec![self.augment.draw(self.seed, self.number, id, self.samples.copy(index))]
        };
        let loader = LoaderConfig {
            transforms: &transform,
            statistics: self.data.statistics,
            workers: self.data.workers,
            mixup: self.augment.mixup(self.seed, self.number),
        };
        let labels = self.data.labels;
        let targets = |indices: &[usize], pairs: &[MixupPair]| {
            targets(dataset, indices, pairs, labels, self.label_smoothing)
        };
        let config = DeviceLoaderConfig {
            loader: &loader,
            targets: Some(Targets { make: &targets, labels }),
            views: 1,
            side_px,
            device,
        };
        for_each_device_batch(dataset, batches, &config, consume)
    }
}

//! One epoch: which samples are seen, how each is shown, and in which order.
//!
//! All of it follows from the recipe's seed and the number of the epoch, so that training can be
//! left between any two batches and taken up again.

use crate::data::dataset::{Dataset, shuffled_batches};
use crate::data::device_loader::{DeviceBatch, DeviceLoaderConfig, Targets, for_each_device_batch};
use crate::data::loader::{LoaderConfig, targets};
use crate::data::mixup::MixupPair;
use crate::data::sampler::EpochSamples;
use crate::error::NnError;
use crate::train::recipe::Recipe;
use crate::train::trainer::TrainData;
use candle_core::Device;

/// The samples of one epoch in batches.
pub(crate) struct Epoch<'a> {
    task: TrainData<'a>,
    recipe: Recipe,
    number: u64,
    drawn: EpochSamples,
    /// Places in [`Epoch::dataset`].
    pub(crate) batches: Vec<Vec<usize>>,
}

impl<'a> Epoch<'a> {
    pub(crate) fn new(task: &TrainData<'a>, recipe: &Recipe, number: u64) -> Self {
        let drawn = recipe.sampling.draw(task.train.samples, recipe.seed, number);
        let count = drawn.samples().len();
        let batches = shuffled_batches(count, recipe.batch_size, recipe.seed, number);
        Self { task: *task, recipe: *recipe, number, drawn, batches }
    }

    /// The samples that are seen, a repeated one as often as it is.
    pub(crate) const fn dataset(&self) -> Dataset<'_> {
        self.drawn.dataset(self.task.train.store)
    }

    /// Prepares some of the batches in the background, as images of this side, and hands them over
    /// in order where the network computes.
    pub(crate) fn for_each_batch<E: From<NnError>>(
        &self,
        batches: &[Vec<usize>],
        (side, device): (usize, &Device),
        consume: impl FnMut(DeviceBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let (train, Recipe { augmentation, seed, label_smoothing, .. }) =
            (self.dataset(), self.recipe);
        let view = |index: usize| {
            let (id, copy) = (&train.samples[index].id, self.drawn.copy(index));
            vec![augmentation.draw(seed, self.number, id, copy)]
        };
        let preparation = LoaderConfig {
            views: &view,
            statistics: self.task.statistics,
            workers: self.task.workers,
            mixup: augmentation.mixing(seed, self.number),
        };
        let labels = self.task.labels;
        let targets = |indices: &[usize], partners: &[MixupPair]| {
            targets(train, (indices, partners), labels, label_smoothing)
        };
        let targets: Option<(Targets<'_>, _)> = Some((&targets, labels));
        let order =
            DeviceLoaderConfig { preparation: &preparation, targets, views: 1, side, device };
        for_each_device_batch(train, batches, &order, consume)
    }
}

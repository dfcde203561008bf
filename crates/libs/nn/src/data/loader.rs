//! Batches on the CPU, read and transformed by background threads while the network computes.
//!
//! Worker `w` of `W` makes the batches `w, w + W, w + 2W, …` and passes them on through a queue of
//! its own of [`PREFETCH`] batches; the consumer takes from the queues in turn. So the order does
//! not depend on the number of workers, and memory is bounded by workers × (prefetch + 2) batches.

use crate::data::dataset::Dataset;
use crate::data::mixup::{Mixup, MixupPair, mix};
use crate::data::statistics::ChannelStatistics;
use crate::data::transform::Transform;
use hpa_artifacts::ArtifactError;
use hpa_core::Channel;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Finished batches that wait for the consumer, per worker.
const PREFETCH: usize = 2;

/// Transformed images of some samples.
#[derive(Debug)]
pub struct Batch {
    /// The samples, as indices into the dataset.
    pub indices: Vec<usize>,
    /// `[N · V, S, S, 4]`: the V views of the first sample, of the second …
    pub images: Vec<f32>,
    /// The mixup pair of each sample; empty without mixup.
    pub pairs: Vec<MixupPair>,
}

impl Batch {
    /// Targets `[N][L]`: 1 for present labels and 0 for absent ones, smoothed to 1 − s/2 and s/2,
    /// then mixed like the images. Source of the smoothing: Szegedy et al. 2016, arXiv 1512.00567,
    /// for the two classes of each label.
    #[must_use]
    pub fn targets(&self, dataset: Dataset<'_>, labels: usize, label_smoothing: f64) -> Vec<f32> {
        targets(dataset, &self.indices, &self.pairs, labels, label_smoothing)
    }
}

/// As [`Batch::targets`].
pub(crate) fn targets(
    dataset: Dataset<'_>,
    indices: &[usize],
    pairs: &[MixupPair],
    labels: usize,
    label_smoothing: f64,
) -> Vec<f32> {
    let mut targets = dataset.targets(indices, labels);
    if label_smoothing > 0.0 {
        for target in &mut targets {
            let smooth = f64::from(*target) * (1.0 - label_smoothing) + label_smoothing / 2.0;
            #[expect(clippy::cast_possible_truncation, reason = "targets are f32")]
            {
                *target = smooth as f32;
            }
        }
    }
    if pairs.is_empty() { targets } else { mix(pairs, &targets) }
}

/// How stored pixels become images.
pub struct LoaderConfig<'a> {
    /// The views of a sample, given as its index in the dataset; as many for each sample.
    pub transforms: &'a (dyn Fn(usize) -> Vec<Transform> + Sync),
    /// Normalization of the images.
    pub statistics: ChannelStatistics,
    /// Mixup of the samples of a batch; each sample then has one view.
    pub mixup: Option<Mixup>,
    /// Loader threads.
    pub workers: usize,
}

impl LoaderConfig<'_> {
    /// The mixup pair of each sample; empty without mixup.
    pub(crate) fn mixup_pairs(&self, dataset: Dataset<'_>, indices: &[usize]) -> Vec<MixupPair> {
        self.mixup.map_or_else(Vec::new, |mixup| {
            let ids: Vec<_> = indices.iter().map(|&index| &dataset.samples[index].id).collect();
            mixup.pairs(&ids)
        })
    }
}

/// Loads and transforms the batches and passes them to `consume` in order.
///
/// # Errors
/// The first error of a reader or of `consume`; the workers stop.
pub fn for_each_batch<E: From<ArtifactError>>(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    config: &LoaderConfig<'_>,
    mut consume: impl FnMut(Batch) -> Result<(), E>,
) -> Result<(), E> {
    let workers = config.workers.clamp(1, batches.len().max(1));
    std::thread::scope(|scope| {
        let mut queues: Vec<Receiver<Result<Batch, ArtifactError>>> = Vec::new();
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(PREFETCH);
            let batches = batches.iter().skip(worker).step_by(workers);
            scope.spawn(move || work(dataset, batches, config, &sender));
            queues.push(receiver);
        }
        for number in 0..batches.len() {
            // A queue closes early only when its worker panicked; the scope then panics too.
            let Ok(batch) = queues[number % workers].recv() else { break };
            consume(batch?)?;
        }
        Ok(())
    })
}

fn work<'b>(
    dataset: Dataset<'_>,
    batches: impl Iterator<Item = &'b Vec<usize>>,
    config: &LoaderConfig<'_>,
    queue: &SyncSender<Result<Batch, ArtifactError>>,
) {
    for indices in batches {
        let batch = load(dataset, indices, config);
        let failed = batch.is_err();
        // The receiver is gone when an error has ended the consumer.
        if queue.send(batch).is_err() || failed {
            return;
        }
    }
}

fn load(
    dataset: Dataset<'_>,
    indices: &[usize],
    config: &LoaderConfig<'_>,
) -> Result<Batch, ArtifactError> {
    let rows: Vec<usize> = indices.iter().map(|&index| dataset.samples[index].row).collect();
    let pixels = dataset.store.read_pixels(&rows)?;
    let size = Channel::COUNT * dataset.store.size_px().pow(2);
    let mut images = Vec::new();
    for (&index, pixels) in indices.iter().zip(pixels.chunks_exact(size)) {
        for transform in (config.transforms)(index) {
            let start = images.len();
            images.resize(start + size, 0.0);
            transform.apply(&config.statistics, pixels, &mut images[start..]);
        }
    }
    let pairs = config.mixup_pairs(dataset, indices);
    if !pairs.is_empty() {
        images = mix(&pairs, &images);
    }
    Ok(Batch { indices: indices.to_vec(), images, pairs })
}

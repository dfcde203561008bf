//! Batches, read and prepared by background threads while the network computes.
//!
//! Worker `w` of `W` makes the batches `w, w + W, w + 2W, …` and hands them over through a queue
//! of its own that holds [`AHEAD`] of them; the consumer takes from the queues in turn. So the
//! order is fixed whatever the number of workers, and memory is bounded by workers × (ahead + 2)
//! batches however large the data set is.

use crate::data::dataset::Dataset;
use crate::data::mixup::{Mixup, MixupPair, blend};
use crate::data::statistics::ChannelStatistics;
use crate::data::transform::Transform;
use hpa_artifacts::ArtifactError;
use hpa_core::Channel;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Finished batches that wait for the consumer, a worker.
const AHEAD: usize = 2;

/// Pixels of some samples, ready for the network.
#[derive(Debug)]
pub struct Batch {
    /// The samples, as places in the data set.
    pub indices: Vec<usize>,
    /// `[N · V, S, S, 4]`: the V views of the first sample, of the second …
    pub images: Vec<f32>,
    /// What each sample is mixed with; empty where nothing is.
    pub partners: Vec<MixupPair>,
}

impl Batch {
    /// What the network should say of the samples, row-major `[N][L]`: 1 and 0 for labels that are
    /// there and not, pulled towards ½ by `smoothing` (1 − s/2 and s/2), then mixed like the images.
    /// Source: Szegedy et al. 2016, arXiv 1512.00567, for the two classes of each label.
    #[must_use]
    pub fn targets(&self, dataset: Dataset<'_>, labels: usize, smoothing: f64) -> Vec<f32> {
        targets(dataset, (&self.indices, &self.partners), labels, smoothing)
    }
}

/// As [`Batch::targets`], of samples and what each is mixed with.
pub(crate) fn targets(
    dataset: Dataset<'_>,
    (indices, partners): (&[usize], &[MixupPair]),
    labels: usize,
    smoothing: f64,
) -> Vec<f32> {
    let mut targets = dataset.targets(indices, labels);
    if smoothing > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "targets are 32-bit")]
        let smooth = |target: f32| (f64::from(target) * (1.0 - smoothing) + smoothing / 2.0) as f32;
        for target in &mut targets {
            *target = smooth(*target);
        }
    }
    if partners.is_empty() { targets } else { blend(partners, &targets) }
}

/// How the pixels of a sample become images.
pub struct LoaderConfig<'a> {
    /// The views of a sample, given as its place in the data set; each has as many.
    pub views: &'a (dyn Fn(usize) -> Vec<Transform> + Sync),
    /// What images are normalised with.
    pub statistics: ChannelStatistics,
    /// How the samples of a batch are mixed, if they are; each then has one view.
    pub mixup: Option<Mixup>,
    /// Threads that prepare.
    pub workers: usize,
}

/// Reads the samples of each batch, prepares them and hands them to `consume` in order.
///
/// # Errors
/// The first error of a reader or of `consume`; the workers stop.
pub fn for_each_batch<E: From<ArtifactError>>(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    preparation: &LoaderConfig<'_>,
    mut consume: impl FnMut(Batch) -> Result<(), E>,
) -> Result<(), E> {
    let workers = preparation.workers.clamp(1, batches.len().max(1));
    std::thread::scope(|scope| {
        let mut queues: Vec<Receiver<Result<Batch, ArtifactError>>> = Vec::new();
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(AHEAD);
            let mine = batches.iter().skip(worker).step_by(workers);
            scope.spawn(move || work(dataset, mine, preparation, &sender));
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
    preparation: &LoaderConfig<'_>,
    queue: &SyncSender<Result<Batch, ArtifactError>>,
) {
    for indices in batches {
        let batch = read(dataset, indices, preparation);
        let failed = batch.is_err();
        // The consumer has gone when an error stopped it: nothing is left to do.
        if queue.send(batch).is_err() || failed {
            return;
        }
    }
}

fn read(
    dataset: Dataset<'_>,
    indices: &[usize],
    preparation: &LoaderConfig<'_>,
) -> Result<Batch, ArtifactError> {
    let rows: Vec<usize> = indices.iter().map(|&index| dataset.samples[index].row).collect();
    let pixels = dataset.store.read_pixels(&rows)?;
    let size = Channel::COUNT * dataset.store.size_px().pow(2);
    let mut images = Vec::new();
    for (&index, pixels) in indices.iter().zip(pixels.chunks_exact(size)) {
        for view in (preparation.views)(index) {
            let start = images.len();
            images.resize(start + size, 0.0);
            view.prepare(&preparation.statistics, pixels, &mut images[start..]);
        }
    }
    let partners = preparation.mixup.map_or_else(Vec::new, |mixup| {
        let ids: Vec<_> = indices.iter().map(|&index| &dataset.samples[index].id).collect();
        mixup.partners(&ids)
    });
    if !partners.is_empty() {
        images = blend(&partners, &images);
    }
    Ok(Batch { indices: indices.to_vec(), images, partners })
}

//! Prefetching for a GPU: batches are packed and copied while the GPU computes.
//!
//! Two workers take the batches in turn. Each fills its host buffers, one after the other, with
//! all threads at once, because reading and decompressing the shards is most of the work. A full
//! buffer is copied asynchronously and goes back to its worker, which waits for the copy before it
//! writes again. Copies are one batch ahead of the network: if the next batch is packed, its copy
//! starts before the present batch is computed; otherwise the present batch is computed first.
//! Memory: four batches on the host.

use super::DeviceLoaderConfig;
use crate::data::dataset::Dataset;
use crate::error::NnError;
use candle_core::Result as TensorResult;
use hpa_core::Channel;
use hpa_ops::upload::{BatchLayout, BatchRequest};
use rayon::prelude::*;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
#[cfg(feature = "cuda")]
use {super::DeviceBatch, hpa_ops::upload};

pub(super) const WORKERS: usize = 2;
/// Host buffers per worker: one is filled while the other is copied.
pub(super) const BUFFERS: usize = 2;
/// Batches in GPU memory: one is transformed, one waits, one is copied.
#[cfg(feature = "cuda")]
pub(super) const DEVICE_BUFFERS: usize = 3;
/// Samples that one thread reads at once: few, so that all threads have some.
const CHUNK: usize = 8;

/// Host memory that a batch is packed into.
pub(crate) trait HostBuffer: Send {
    /// Its bytes; waits until they are copied.
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]>;
}

/// Copies packed batches to a device.
pub(crate) trait Uploader {
    type Buffer: HostBuffer;
    /// A copy under way.
    type Transfer;
    /// A batch on the device.
    type Output;
    /// A host buffer of this many bytes.
    fn buffer(&self, bytes: usize) -> TensorResult<Self::Buffer>;
    /// Starts to copy a batch.
    fn start(
        &mut self,
        buffer: &Self::Buffer,
        request: &BatchRequest,
    ) -> TensorResult<Self::Transfer>;
    /// Enqueues the transforms of a batch after its copy.
    fn finish(
        &mut self,
        indices: Vec<usize>,
        transfer: Self::Transfer,
    ) -> TensorResult<Self::Output>;
}

#[cfg(feature = "cuda")]
impl HostBuffer for upload::PinnedBuffer {
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]> {
        Self::bytes_mut(self)
    }
}

#[cfg(feature = "cuda")]
impl Uploader for upload::Uploader {
    type Buffer = upload::PinnedBuffer;
    type Transfer = upload::Transfer;
    type Output = DeviceBatch;

    fn buffer(&self, bytes: usize) -> TensorResult<Self::Buffer> {
        self.pinned_buffer(bytes)
    }

    fn start(
        &mut self,
        buffer: &Self::Buffer,
        request: &BatchRequest,
    ) -> TensorResult<Self::Transfer> {
        Self::start(self, buffer, request)
    }

    fn finish(
        &mut self,
        indices: Vec<usize>,
        transfer: Self::Transfer,
    ) -> TensorResult<DeviceBatch> {
        let upload::DeviceBatch { images, targets } = Self::finish(self, transfer)?;
        Ok(DeviceBatch { indices, images, targets })
    }
}

/// A batch in a host buffer.
struct PackedBatch<B> {
    indices: Vec<usize>,
    request: BatchRequest,
    buffer: B,
}

/// The consumer's ends of a worker's queues.
struct WorkerQueue<B> {
    packed: Receiver<Result<PackedBatch<B>, NnError>>,
    free: Sender<B>,
}

/// A copy under way and the samples of its batch.
struct Prefetched<T> {
    indices: Vec<usize>,
    transfer: T,
}

/// The layout of a batch.
const fn layout(
    dataset: Dataset<'_>,
    samples: usize,
    config: &DeviceLoaderConfig<'_>,
) -> BatchLayout {
    let labels = match config.targets {
        Some(targets) => targets.labels,
        None => 0,
    };
    BatchLayout {
        samples,
        views: config.views,
        side: dataset.store.size_px(),
        channels: Channel::COUNT,
        labels,
    }
}

/// Bytes of the largest batch.
pub(crate) fn max_bytes(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    config: &DeviceLoaderConfig<'_>,
) -> usize {
    batches.iter().map(|batch| layout(dataset, batch.len(), config).bytes()).max().unwrap_or(0)
}

/// Packs and uploads the batches and passes them to `consume` in order.
pub(crate) fn prefetch<U: Uploader, E: From<NnError>>(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    config: &DeviceLoaderConfig<'_>,
    uploader: &mut U,
    mut consume: impl FnMut(U::Output) -> Result<(), E>,
) -> Result<(), E> {
    let bytes = max_bytes(dataset, batches, config);
    std::thread::scope(|scope| {
        let mut queues = Vec::new();
        for worker in 0..WORKERS.min(batches.len()) {
            let (packed_sender, packed) = sync_channel(BUFFERS);
            let (free, free_receiver) = channel();
            for _ in 0..BUFFERS {
                let buffer = uploader.buffer(bytes).map_err(NnError::from)?;
                free.send(buffer).expect("the receiver is alive");
            }
            let batches = batches.iter().skip(worker).step_by(WORKERS);
            scope.spawn(move || work(dataset, batches, config, &packed_sender, &free_receiver));
            queues.push(WorkerQueue { packed, free });
        }
        let mut ahead = None;
        for number in 0..batches.len() {
            let prefetched = if ahead.is_some() {
                ahead.take()
            } else {
                let queue = &queues[number % WORKERS];
                start(queue.packed.recv().ok(), queue, uploader)?
            };
            // A queue closes early only when its worker panicked; the scope then panics too.
            let Some(Prefetched { indices, transfer }) = prefetched else { break };
            if number + 1 < batches.len() {
                let queue = &queues[(number + 1) % WORKERS];
                ahead = start(queue.packed.try_recv().ok(), queue, uploader)?;
            }
            consume(uploader.finish(indices, transfer).map_err(NnError::from)?)?;
        }
        Ok(())
    })
}

/// Starts the copy of a packed batch, if there is one, and returns its buffer to the worker.
fn start<U: Uploader>(
    packed: Option<Result<PackedBatch<U::Buffer>, NnError>>,
    queue: &WorkerQueue<U::Buffer>,
    uploader: &mut U,
) -> Result<Option<Prefetched<U::Transfer>>, NnError> {
    let Some(packed) = packed.transpose()? else { return Ok(None) };
    let PackedBatch { indices, request, buffer } = packed;
    let transfer = uploader.start(&buffer, &request)?;
    // The receiver is gone when the worker has packed all of its batches.
    queue.free.send(buffer).ok();
    Ok(Some(Prefetched { indices, transfer }))
}

fn work<'b, B: HostBuffer>(
    dataset: Dataset<'_>,
    batches: impl Iterator<Item = &'b Vec<usize>>,
    config: &DeviceLoaderConfig<'_>,
    packed: &SyncSender<Result<PackedBatch<B>, NnError>>,
    free: &Receiver<B>,
) {
    for indices in batches {
        // The other ends are gone when an error has ended the consumer.
        let Ok(buffer) = free.recv() else { return };
        let batch = pack(dataset, indices, config, buffer);
        let failed = batch.is_err();
        if packed.send(batch).is_err() || failed {
            return;
        }
    }
}

fn pack<B: HostBuffer>(
    dataset: Dataset<'_>,
    indices: &[usize],
    config: &DeviceLoaderConfig<'_>,
    mut buffer: B,
) -> Result<PackedBatch<B>, NnError> {
    let layout = layout(dataset, indices.len(), config);
    let memory = buffer.bytes_mut()?;
    let sample_bytes = layout.image_bytes();
    layout
        .pixels_mut(memory)
        .par_chunks_mut(sample_bytes * CHUNK)
        .zip(indices.par_chunks(CHUNK))
        .try_for_each(|(memory, indices)| {
        let rows: Vec<usize> = indices.iter().map(|&at| dataset.samples[at].row).collect();
        memory.copy_from_slice(&dataset.store.read_pixels(&rows)?);
        Ok::<_, NnError>(())
    })?;
    for (sample, &index) in indices.iter().enumerate() {
        for (view, transform) in (config.loader.transforms)(index).iter().enumerate() {
            let tables = transform.level_tables(&config.loader.statistics).concat();
            let params = transform.gpu_params(to_u32(sample), layout.side);
            layout.put_transform(memory, sample * layout.views + view, &params, &tables);
        }
    }
    let pairs = config.loader.mixup_pairs(dataset, indices);
    let targets = config.targets.map(|targets| (targets.make)(indices, &pairs));
    let index_and_lambda: Vec<(u32, f32)> =
        pairs.iter().map(|pair| (to_u32(pair.index), pair.lambda)).collect();
    layout.put_labels(memory, &index_and_lambda, &targets.unwrap_or_default());
    let request = BatchRequest { layout, is_mixed: !pairs.is_empty(), side: config.side_px };
    Ok(PackedBatch { indices: indices.to_vec(), request, buffer })
}

/// An index in a batch.
fn to_u32(index: usize) -> u32 {
    u32::try_from(index).expect("a batch has at most some thousands of samples")
}

//! From shards to a graphics card, without the card ever waiting.
//!
//! Two packers take the batches in turn. Each fills its buffers, one after the other, with all
//! threads at once: reading and unpacking the shards is the work. A full buffer is handed to the
//! carrier, which begins to copy and returns at once; the buffer goes back to its packer, who
//! writes into it again when the copy has ended. Copies are one batch ahead of the network: where
//! the next batch is packed, its copy begins before this one is computed, and nothing of this one
//! waits for it; images are made of it when its turn has come. Where it is not packed yet, this
//! one is computed first. Memory: four packets on the host.

use super::DeviceLoaderConfig;
use crate::data::dataset::Dataset;
use crate::data::mixup::MixupPair;
use crate::error::NnError;
use candle_core::Result as TensorResult;
use hpa_core::Channel;
use hpa_ops::upload::Packet;
use rayon::prelude::*;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

const PACKERS: usize = 2;
/// Buffers of each packer: one that is filled while the other is copied.
const BUFFERS: usize = 2;
/// Samples that one thread reads at once: few, so that all threads have some.
const CHUNK: usize = 8;

/// Memory that packets are written into.
pub(crate) trait Buffer: Send {
    /// Its bytes, once nothing reads them any more.
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]>;
}

/// Takes packets to where the network computes.
pub(crate) trait Carrier {
    type Buffer: Buffer;
    /// A packet on its way.
    type Parcel;
    /// What becomes of a packet.
    type Cargo;
    /// Memory for packets of this many bytes.
    fn buffer(&self, bytes: usize) -> TensorResult<Self::Buffer>;
    /// Begins to copy a packet, whose images are mixed or not.
    fn send(
        &mut self,
        buffer: &Self::Buffer,
        packet: &Packet,
        is_mixed: bool,
    ) -> TensorResult<Self::Parcel>;
    /// Begins to make images of it, as soon as it has been copied.
    fn unpack(&mut self, parcel: Self::Parcel) -> TensorResult<Self::Cargo>;
}

/// A batch in a buffer.
struct Packed<B> {
    indices: Vec<usize>,
    packet: Packet,
    is_mixed: bool,
    buffer: B,
}

/// The way from one packer and back.
struct Line<B> {
    full: Receiver<Result<Packed<B>, NnError>>,
    empty: Sender<B>,
}

/// The layout of a batch.
pub(crate) const fn packet(
    dataset: Dataset<'_>,
    samples: usize,
    order: &DeviceLoaderConfig<'_>,
) -> Packet {
    let labels = match order.targets {
        Some((_, labels)) => labels,
        None => 0,
    };
    let (side, channels) = (dataset.store.size_px(), Channel::COUNT);
    Packet { pictures: samples, views: order.views, side, channels, labels }
}

/// Bytes of the largest batch.
pub(crate) fn largest(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    order: &DeviceLoaderConfig<'_>,
) -> usize {
    batches.iter().map(|batch| packet(dataset, batch.len(), order).bytes()).max().unwrap_or(0)
}

/// Packs, carries and hands over all batches in order.
pub(crate) fn ship<C: Carrier, E: From<NnError>>(
    dataset: Dataset<'_>,
    batches: &[Vec<usize>],
    order: &DeviceLoaderConfig<'_>,
    carrier: &mut C,
    mut consume: impl FnMut(Vec<usize>, C::Cargo) -> Result<(), E>,
) -> Result<(), E> {
    let bytes = largest(dataset, batches, order);
    std::thread::scope(|scope| {
        let mut lines = Vec::new();
        for packer in 0..PACKERS.min(batches.len()) {
            let (line, full, empty) = line();
            for _ in 0..BUFFERS {
                let buffer = carrier.buffer(bytes).map_err(NnError::from)?;
                line.empty.send(buffer).expect("its other end is held below");
            }
            let mine = batches.iter().skip(packer).step_by(PACKERS);
            scope.spawn(move || pack_all(dataset, mine, order, (&full, &empty)));
            lines.push(line);
        }
        let mut ahead = None;
        for number in 0..batches.len() {
            let line = |number: usize| &lines[number % PACKERS];
            let sent = match ahead.take() {
                Some(sent) => Some(sent),
                None => send(line(number).full.recv().ok(), line(number), carrier)?,
            };
            // A queue closes early only when its packer panicked; the scope then panics too.
            let Some((indices, parcel)) = sent else { break };
            if number + 1 < batches.len() {
                let line = line(number + 1);
                ahead = send(line.full.try_recv().ok(), line, carrier)?;
            }
            consume(indices, carrier.unpack(parcel).map_err(NnError::from)?)?;
        }
        Ok(())
    })
}

/// A batch on its way: its samples, and where it is.
type Sent<P> = Option<(Vec<usize>, P)>;

/// Sends what has come from a packer, if anything has, and gives the buffer back.
fn send<C: Carrier>(
    packed: Option<Result<Packed<C::Buffer>, NnError>>,
    line: &Line<C::Buffer>,
    carrier: &mut C,
) -> Result<Sent<C::Parcel>, NnError> {
    let Some(packed) = packed.transpose()? else { return Ok(None) };
    let Packed { indices, packet, is_mixed, buffer } = packed;
    let parcel = carrier.send(&buffer, &packet, is_mixed)?;
    // A packer that has packed all of its batches wants no buffer back.
    line.empty.send(buffer).ok();
    Ok(Some((indices, parcel)))
}

type Ends<B> = (Line<B>, SyncSender<Result<Packed<B>, NnError>>, Receiver<B>);

fn line<B>() -> Ends<B> {
    let ((full_in, full), (empty, empty_out)) = (sync_channel(BUFFERS), channel());
    (Line { full, empty }, full_in, empty_out)
}

fn pack_all<'b, B: Buffer>(
    dataset: Dataset<'_>,
    batches: impl Iterator<Item = &'b Vec<usize>>,
    order: &DeviceLoaderConfig<'_>,
    (full, empty): (&SyncSender<Result<Packed<B>, NnError>>, &Receiver<B>),
) {
    for indices in batches {
        // The consumer has gone when an error stopped it: nothing is left to do.
        let Ok(buffer) = empty.recv() else { return };
        let packed = pack(dataset, indices, order, buffer);
        let failed = packed.is_err();
        if full.send(packed).is_err() || failed {
            return;
        }
    }
}

fn pack<B: Buffer>(
    dataset: Dataset<'_>,
    indices: &[usize],
    order: &DeviceLoaderConfig<'_>,
    mut buffer: B,
) -> Result<Packed<B>, NnError> {
    let packet = packet(dataset, indices.len(), order);
    let memory = buffer.bytes_mut()?;
    let size = packet.picture_bytes();
    packet
        .pictures_mut(memory)
        .par_chunks_mut(size * CHUNK)
        .zip(indices.par_chunks(CHUNK))
        .try_for_each(|(memory, indices)| {
            let rows: Vec<usize> = indices.iter().map(|&at| dataset.samples[at].row).collect();
            memory.copy_from_slice(&dataset.store.read_pixels(&rows)?);
            Ok::<_, NnError>(())
        })?;
    put_views(memory, &packet, indices, order);
    let partners = partners(dataset, indices, order);
    let pairs: Vec<(u32, f32)> =
        partners.iter().map(|partner| (narrow(partner.index), partner.lambda)).collect();
    let targets = order.targets.map(|(targets, _)| targets(indices, &partners));
    packet.put_labels(memory, &pairs, &targets.unwrap_or_default());
    let (indices, is_mixed) = (indices.to_vec(), !partners.is_empty());
    Ok(Packed { indices, packet, is_mixed, buffer })
}

fn put_views(
    memory: &mut [u8],
    packet: &Packet,
    indices: &[usize],
    order: &DeviceLoaderConfig<'_>,
) {
    for (picture, &index) in indices.iter().enumerate() {
        for (number, view) in (order.preparation.views)(index).iter().enumerate() {
            let tables = view.tables(&order.preparation.statistics).concat();
            let shown = view.shown(narrow(picture), packet.side);
            packet.put_image(memory, picture * packet.views + number, &shown, &tables);
        }
    }
}

fn partners(
    dataset: Dataset<'_>,
    indices: &[usize],
    order: &DeviceLoaderConfig<'_>,
) -> Vec<MixupPair> {
    order.preparation.mixup.map_or_else(Vec::new, |mixup| {
        let ids: Vec<_> = indices.iter().map(|&index| &dataset.samples[index].id).collect();
        mixup.partners(&ids)
    })
}

/// Places in a batch.
fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("a batch has at most some thousands of samples")
}

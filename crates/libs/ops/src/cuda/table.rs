//! Tables of many tensors, sent to the card without waiting for it.
#![expect(unsafe_code, reason = "page-locked memory comes without contents")]

use super::card::{Card, lock, wrap};
use super::plan::table::Table;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr, PinnedHostSlice};
use candle_core::{Result, bail};

/// Tables that may be on their way at once. Before one more is sent, the copy of the first of them
/// must have happened: that is eight tables ago, two steps or more.
const SLOTS: usize = 8;

/// Page-locked memory that tables are copied from, in turn.
#[derive(Default)]
pub(super) struct Ring {
    slots: [Option<PinnedHostSlice<u8>>; SLOTS],
    next: usize,
}

/// A table on the card; it may be dropped once what reads it is launched, for memory is given back
/// in the stream's order.
pub(super) struct Sent {
    slice: CudaSlice<u8>,
}

impl Card {
    /// Copies a table to the card, behind what the stream has to do already.
    pub(super) fn send(&self, table: &Table) -> Result<Sent> {
        let (mut ring, bytes) = (lock(&self.ring), &table.bytes);
        let number = ring.next;
        ring.next = (number + 1) % SLOTS;
        let slot = &mut ring.slots[number];
        if slot.as_ref().is_none_or(|slot| slot.len() < bytes.len()) {
            let room = bytes.len().next_power_of_two().max(4096);
            // SAFETY: bytes of any contents are valid, and the first are written below.
            *slot = Some(unsafe { self.stream.context().alloc_pinned(room) }.map_err(wrap)?);
        }
        let Some(pinned) = slot else { bail!("there is no page-locked memory") };
        pinned.as_mut_slice().map_err(wrap)?[..bytes.len()].copy_from_slice(bytes);
        // SAFETY: the copy below fills it before anything reads it.
        let mut slice = unsafe { self.device.alloc::<u8>(pinned.len()) }?;
        self.stream.memcpy_htod(&*pinned, &mut slice).map_err(wrap)?;
        Ok(Sent { slice })
    }
}

impl Sent {
    pub(super) fn address(&self, card: &Card) -> u64 {
        self.slice.device_ptr(&card.stream).0
    }
}

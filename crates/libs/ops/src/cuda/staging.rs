//! Ring of page-locked buffers for asynchronous copies to the GPU.
#![expect(unsafe_code, reason = "page-locked memory is not initialised")]

use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, PinnedHostSlice,
};
use candle_core::{Error, Result};
use std::sync::Arc;

/// Copies in flight. A buffer is reused after eight tables, which is two steps or more.
const SLOTS: usize = 8;

/// Page-locked buffers, used in turn.
#[derive(Default)]
pub(super) struct StagingRing {
    slots: [Option<PinnedHostSlice<u8>>; SLOTS],
    next: usize,
}

/// A table on the GPU. It may be dropped once the kernel that reads it is launched: memory is freed
/// in stream order.
pub(super) struct StagedTable(CudaSlice<u8>);

impl StagingRing {
    /// Copies bytes to the GPU in stream order; waits only if the buffer's last copy is still
    /// running.
    pub(super) fn copy(&mut self, stream: &Arc<CudaStream>, bytes: &[u8]) -> Result<StagedTable> {
        let slot = &mut self.slots[self.next];
        self.next = (self.next + 1) % SLOTS;
        let buffer = match slot.take() {
            Some(buffer) if buffer.len() >= bytes.len() => buffer,
            _ => {
                let capacity = bytes.len().next_power_of_two().max(4096);
                // SAFETY: bytes have no invalid values; those that are copied are written below.
                unsafe { stream.context().alloc_pinned(capacity) }.map_err(Error::wrap)?
            }
        };
        let buffer = slot.insert(buffer);
        buffer.as_mut_slice().map_err(Error::wrap)?[..bytes.len()].copy_from_slice(bytes);
        // SAFETY: the copy fills it before anything reads it.
        let mut slice = unsafe { stream.alloc::<u8>(buffer.len()) }.map_err(Error::wrap)?;
        stream.memcpy_htod(&*buffer, &mut slice).map_err(Error::wrap)?;
        Ok(StagedTable(slice))
    }
}

impl StagedTable {
    pub(super) fn address(&self, stream: &CudaStream) -> u64 {
        self.0.device_ptr(stream).0
    }
}

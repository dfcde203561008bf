//! Memory of the host that a graphics card reads by itself.

use candle_core::cuda_backend::cudarc::driver::PinnedHostSlice;
use candle_core::{Device, Error, Result, bail};

/// Page-locked bytes. A copy from them goes on while the processor does something else; to write
/// into them again waits until it has ended.
pub struct Pinned(pub(super) PinnedHostSlice<u8>);

impl Pinned {
    /// So many bytes, all 0.
    ///
    /// # Errors
    /// When the device is no card, or the system has no memory that it would lock.
    #[expect(unsafe_code, reason = "cudarc hands out memory that was never written")]
    pub fn new(device: &Device, bytes: usize) -> Result<Self> {
        let Device::Cuda(device) = device else { bail!("page-locked memory is for CUDA") };
        let stream = device.cuda_stream();
        // SAFETY: the memory has never been written, so nothing may read it; the next lines fill
        // all of it through the pointer, before any slice of it exists.
        let memory = unsafe {
            let mut memory =
                stream.context().alloc_pinned_with_flags::<u8>(bytes, 0).map_err(Error::wrap)?;
            memory.as_mut_ptr().map_err(Error::wrap)?.write_bytes(0, bytes);
            memory
        };
        Ok(Self(memory))
    }

    /// The bytes, once no copy reads them any more.
    ///
    /// # Errors
    /// When the card has failed meanwhile.
    pub fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        self.0.as_mut_slice().map_err(Error::wrap)
    }
}

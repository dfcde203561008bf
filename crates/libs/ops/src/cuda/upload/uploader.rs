//! Asynchronous copies of batches, and their transformation on the GPU.
//!
//! Copies run on a stream of their own into one of a few device buffers. The compute stream waits
//! for the copy of a batch, and for no later one, before it transforms it; the next copy into that
//! buffer waits until then. The host waits for neither.
#![expect(unsafe_code, reason = "page-locked memory and reinterpreted bytes")]

use super::BatchRequest;
use super::transform::transform;
use crate::cuda::context::{CudaContext, Output};
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, PinnedHostSlice,
};
use candle_core::{CudaStorage, Device, Error, Result, Storage, Tensor, bail};
use std::collections::VecDeque;
use std::sync::Arc;

/// Page-locked memory of a batch; a copy from it runs while the CPU does other work.
pub struct PinnedBuffer(PinnedHostSlice<u8>);

impl PinnedBuffer {
    /// The bytes; waits for a running copy.
    ///
    /// # Errors
    /// When the GPU reports an error.
    pub fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        self.0.as_mut_slice().map_err(Error::wrap)
    }
}

/// Copies batches to a GPU and transforms them there.
pub struct Uploader {
    context: Arc<CudaContext>,
    copy_stream: Arc<CudaStream>,
    /// Buffers without a transfer, least recently used first.
    free: VecDeque<DeviceBuffer>,
}

struct DeviceBuffer {
    memory: CudaSlice<u8>,
    /// When its last batch has been transformed.
    consumed: Option<CudaEvent>,
}

/// A batch that is being copied, in a device buffer of its own.
pub struct Transfer {
    memory: CudaSlice<u8>,
    copied: CudaEvent,
    request: BatchRequest,
}

/// A transformed batch on the GPU.
pub struct DeviceBatch {
    /// `[images, side, side, channels]`, `f32`.
    pub images: Tensor,
    /// `[samples, labels]`, `f32`; `None` without labels.
    pub targets: Option<Tensor>,
}

impl Uploader {
    /// An uploader with this many device buffers for batches of at most `bytes`.
    ///
    /// # Errors
    /// When the device is no GPU, its memory is full or the kernels do not compile.
    pub fn new(device: &Device, bytes: usize, buffers: usize) -> Result<Self> {
        let context = CudaContext::of(device)?;
        let copy_stream = context.stream.context().new_stream().map_err(Error::wrap)?;
        let buffer = |_| {
            Ok(DeviceBuffer { memory: context.device.alloc_zeros::<u8>(bytes)?, consumed: None })
        };
        let free = (0..buffers).map(buffer).collect::<Result<_>>()?;
        // The allocations are ordered on the compute stream only.
        copy_stream.join(&context.stream).map_err(Error::wrap)?;
        Ok(Self { context, copy_stream, free })
    }

    /// A zeroed buffer of page-locked memory.
    ///
    /// # Errors
    /// When the system cannot lock that much memory.
    pub fn pinned_buffer(&self, bytes: usize) -> Result<PinnedBuffer> {
        // SAFETY: the memory is uninitialised; the next line fills all of it through the pointer,
        // before any slice of it exists.
        let memory = unsafe {
            let context = self.copy_stream.context();
            let mut memory =
                context.alloc_pinned_with_flags::<u8>(bytes, 0).map_err(Error::wrap)?;
            memory.as_mut_ptr().map_err(Error::wrap)?.write_bytes(0, bytes);
            memory
        };
        Ok(PinnedBuffer(memory))
    }

    /// Starts the copy of a batch.
    ///
    /// # Errors
    /// When the batch is too large, or every device buffer has a transfer.
    pub fn start(&mut self, buffer: &PinnedBuffer, request: &BatchRequest) -> Result<Transfer> {
        let (source, bytes) = (&buffer.0, request.layout.bytes());
        let Some(DeviceBuffer { mut memory, consumed }) = self.free.pop_front() else {
            bail!("no device buffer is free: finish a transfer first");
        };
        if bytes > source.len() || source.len() > memory.len() {
            self.free.push_front(DeviceBuffer { memory, consumed });
            bail!("a batch of {bytes} bytes is too large for its buffer");
        }
        if let Some(consumed) = consumed {
            self.copy_stream.wait(&consumed).map_err(Error::wrap)?;
        }
        self.copy_stream.memcpy_htod(source, &mut memory).map_err(Error::wrap)?;
        let copied = self.copy_stream.record_event(None).map_err(Error::wrap)?;
        Ok(Transfer { memory, copied, request: *request })
    }

    /// Transforms a batch as soon as it has been copied.
    ///
    /// # Errors
    /// When the memory of the GPU is full.
    pub fn finish(&mut self, transfer: Transfer) -> Result<DeviceBatch> {
        let Transfer { memory, copied, request } = transfer;
        let stream = &self.context.stream;
        stream.wait(&copied).map_err(Error::wrap)?;
        let batch = self.transform(&memory, &request)?;
        let consumed = Some(stream.record_event(None).map_err(Error::wrap)?);
        self.free.push_back(DeviceBuffer { memory, consumed });
        Ok(batch)
    }

    fn transform(&self, memory: &CudaSlice<u8>, request: &BatchRequest) -> Result<DeviceBatch> {
        let BatchRequest { layout, side, .. } = *request;
        let (address, guard) = memory.device_ptr(&self.context.stream);
        let images = transform(
            address,
            request,
            |count| self.context.alloc::<f32>(count),
            |images: &Output| images.address,
            |launch| self.context.launch(launch),
        )?;
        drop(guard);
        let images = images.into_tensor((layout.images(), side, side, layout.channels));
        let targets = (layout.labels > 0).then(|| self.targets(memory, request)).transpose()?;
        Ok(DeviceBatch { images, targets })
    }

    fn targets(&self, memory: &CudaSlice<u8>, request: &BatchRequest) -> Result<Tensor> {
        let layout = request.layout;
        let count = layout.samples * layout.labels;
        // SAFETY: the copy below writes all of it.
        let mut targets = unsafe { self.context.device.alloc::<f32>(count) }?;
        let bytes = memory.slice(layout.targets_at()..layout.targets_at() + 4 * count);
        // SAFETY: every pattern of 32 bits is a float, and the offset is a multiple of 16.
        let Some(values) = (unsafe { bytes.transmute::<f32>(count) }) else {
            bail!("the targets exceed the batch")
        };
        self.context.stream.memcpy_dtod(&values, &mut targets).map_err(Error::wrap)?;
        let storage = CudaStorage::wrap_cuda_slice(targets, self.context.device.clone());
        let no_history = candle_core::op::BackpropOp::none();
        let shape = (layout.samples, layout.labels);
        Ok(Tensor::from_storage(Storage::Cuda(storage), shape, no_history, false))
    }
}

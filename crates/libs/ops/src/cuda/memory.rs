//! Tensors on a card as addresses, and memory for new ones.
#![expect(unsafe_code, reason = "outputs are not zeroed before a kernel writes them")]

use super::card::{Card, wrap};
use super::plan::Real;
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceRepr, SyncOnDrop, result,
};
use candle_core::cuda_backend::{CudaDType, CudaStorageSlice};
use candle_core::op::BackpropOp;
use candle_core::{CudaStorage, DType, Result, Shape, Storage, Tensor, bail};
use half::bf16;
use std::sync::atomic::{AtomicBool, Ordering};

static POISON: AtomicBool = AtomicBool::new(false);

/// From now on, what an operation is to write holds NaN before, so that a value that it forgets is
/// seen. For tests: it costs a pass over every output.
pub fn poison_outputs(on: bool) {
    POISON.store(on, Ordering::Relaxed);
}

/// New memory for an output, with its address.
pub(super) struct Output {
    pub(super) storage: CudaStorage,
    pub(super) address: u64,
}

impl Output {
    pub(super) fn into_storage(self) -> Storage {
        Storage::Cuda(self.storage)
    }

    /// The output as a tensor that depends on nothing.
    pub(super) fn tensor(self, shape: impl Into<Shape>) -> Tensor {
        Tensor::from_storage(self.into_storage(), shape, BackpropOp::none(), false)
    }
}

impl Card {
    /// Room for so many activations.
    pub(super) fn reals(&self, real: Real, count: usize) -> Result<Output> {
        match real {
            Real::F32 => self.room::<f32>(count),
            Real::Bf16 => self.room::<bf16>(count),
        }
    }

    /// Room for so many values of one type.
    pub(super) fn room<T: CudaDType + DeviceRepr>(&self, count: usize) -> Result<Output> {
        // SAFETY: nothing reads it before a kernel has written it.
        let mut slice = unsafe { self.device.alloc::<T>(count) }?;
        let bytes = slice.num_bytes();
        let (address, guard) = slice.device_ptr_mut(&self.stream);
        if POISON.load(Ordering::Relaxed) {
            // SAFETY: the memory is that long and belongs to nobody else.
            let set =
                unsafe { result::memset_d8_async(address, 0xFF, bytes, self.stream.cu_stream()) };
            set.map_err(wrap)?;
        }
        drop(guard);
        let storage = CudaStorage::wrap_cuda_slice(slice, self.device.clone());
        Ok(Output { storage, address })
    }

    /// Runs `with` on the addresses of tensors, made contiguous first where they are not; what it
    /// launches may also write to them.
    pub(super) fn with<const N: usize, T>(
        &self,
        tensors: [&Tensor; N],
        with: impl FnOnce([u64; N]) -> Result<T>,
    ) -> Result<T> {
        let tensors = tensors.into_iter().map(Tensor::contiguous).collect::<Result<Vec<_>>>()?;
        let storages: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
        let (mut addresses, mut guards) = ([0; N], Vec::with_capacity(N));
        for (address, (storage, layout)) in addresses.iter_mut().zip(&storages) {
            let Storage::Cuda(storage) = &**storage else {
                bail!("a tensor lies in the processor's memory, others of the operation on a card");
            };
            let (start, guard) = address_of(&storage.slice, &self.stream)?;
            let size = layout_size(storage);
            *address = start + (layout.start_offset() * size) as u64;
            guards.push(guard);
        }
        let answer = with(addresses);
        drop(guards);
        answer
    }
}

fn layout_size(storage: &CudaStorage) -> usize {
    use candle_core::backend::BackendStorage;
    storage.dtype().size_in_bytes()
}

/// The address of a slice; while the guard lives, other streams are held off.
fn address_of<'a>(
    slice: &'a CudaStorageSlice,
    stream: &'a CudaStream,
) -> Result<(u64, SyncOnDrop<'a>)> {
    fn of<'a, T>(slice: &'a CudaSlice<T>, stream: &'a CudaStream) -> (u64, SyncOnDrop<'a>) {
        slice.device_ptr(stream)
    }
    Ok(match slice {
        CudaStorageSlice::F32(slice) => of(slice, stream),
        CudaStorageSlice::BF16(slice) => of(slice, stream),
        CudaStorageSlice::U8(slice) => of(slice, stream),
        CudaStorageSlice::F64(slice) => of(slice, stream),
        _ => bail!("operations on a graphics card take f32 and bf16"),
    })
}

/// What the activations are kept in.
pub(super) fn real_of(tensor: &Tensor, op: &str) -> Result<Real> {
    match tensor.dtype() {
        DType::F32 => Ok(Real::F32),
        DType::BF16 => Ok(Real::Bf16),
        other => bail!("{op} takes f32 or bf16 on a graphics card, not {other:?}"),
    }
}

/// Refuses tensors of another type than the first, or than `f32`.
pub(super) fn check_type(tensor: &Tensor, dtype: DType, what: &str) -> Result<()> {
    if tensor.dtype() == dtype {
        return Ok(());
    }
    bail!("{what} is {:?}, not {dtype:?}", tensor.dtype())
}

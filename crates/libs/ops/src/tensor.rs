//! From candle's tensors to slices and back.

use candle_core::{CpuStorage, DType, Device, Layout, Result, Storage, Tensor, bail};

/// Hands an operation over to the graphics card where its tensor lies there.
macro_rules! on_card {
    ($tensor:expr, $operation:expr) => {
        #[cfg(feature = "cuda")]
        if $tensor.device().is_cuda() {
            return $operation;
        }
    };
}
pub(crate) use on_card;

/// The values of a contiguous `f32` tensor on the CPU.
pub(crate) fn values<'a>(storage: &'a CpuStorage, layout: &Layout, op: &str) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        (CpuStorage::F32(_), None) => {
            bail!("{op} takes contiguous tensors, not {:?}: call .contiguous()", layout.shape())
        }
        (other, _) => {
            bail!("{op} takes f32, not {:?}: call .to_dtype(DType::F32)", dtype_of(other))
        }
    }
}

fn dtype_of(storage: &CpuStorage) -> DType {
    use candle_core::backend::BackendStorage;
    storage.dtype()
}

/// Runs `read` on the values of `tensor`, made contiguous first where it is not.
pub(crate) fn with_values<T>(
    tensor: &Tensor,
    op: &str,
    read: impl FnOnce(&[f32]) -> T,
) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(read(values(storage, layout, op)?)),
        _ => bail!("{op} runs on the CPU: move the tensor there with .to_device(&Device::Cpu)"),
    }
}

/// A tensor on the CPU from its values.
pub(crate) fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), &Device::Cpu)
}

/// `[N, H, W, C]` or an error that names the operation.
pub(crate) fn dims4(dims: &[usize], op: &str) -> Result<[usize; 4]> {
    match *dims {
        [n, h, w, c] if n * h * w * c > 0 => Ok([n, h, w, c]),
        _ => bail!("{op} takes [N, H, W, C] without empty sides, not {dims:?}"),
    }
}

/// Refuses a per-channel tensor that is not `[channels]`.
pub(crate) fn check_channels(tensor: &Tensor, channels: usize, what: &str) -> Result<()> {
    if tensor.dims() == [channels] {
        return Ok(());
    }
    bail!("{what} is {:?} where the activations have {channels} channels", tensor.dims())
}

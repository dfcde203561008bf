//! Tensors as slices, shape checks, and dispatch to the GPU.

use candle_core::{
    CpuStorage, DType, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor, bail,
};
use std::cell::Cell;
use std::ops::{Deref, Range};

/// Returns the GPU implementation's result if the tensor lies on a GPU.
macro_rules! dispatch_cuda {
    ($tensor:expr, $operation:expr) => {
        #[cfg(feature = "cuda")]
        if $tensor.device().is_cuda() {
            return $operation;
        }
    };
}
pub(crate) use dispatch_cuda;

/// The values of a contiguous `f32` tensor on the CPU, locked for reading.
struct CpuValues<G> {
    storage: G,
    range: Range<usize>,
}

impl<G: Deref<Target = Storage>> Deref for CpuValues<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => unreachable!("cpu_values has checked device and type"),
        }
    }
}

/// The values of a tensor, which must be contiguous `f32` on the CPU.
pub(crate) fn cpu_values<'a>(
    tensor: &'a Tensor,
    op: &str,
) -> Result<impl Deref<Target = [f32]> + use<'a>> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = match &*storage {
        Storage::Cpu(storage) => check_layout(storage, layout, op)?,
        _ => bail!("{op} runs on the CPU: move the tensor there with .to_device(&Device::Cpu)"),
    };
    Ok(CpuValues { storage, range })
}

/// A copy of a tensor's values in row-major order; the tensor need not be contiguous.
pub(crate) fn cpu_vec(tensor: &Tensor, op: &str) -> Result<Vec<f32>> {
    Ok(cpu_values(&tensor.contiguous()?, op)?.to_vec())
}

/// Changes the values of a contiguous `f32` tensor on the CPU in place.
pub(crate) fn update_values(
    tensor: &Tensor,
    op: &'static str,
    update: impl FnOnce(&mut [f32]),
) -> Result<()> {
    tensor.inplace_op1(&InPlace { op, update: Cell::new(Some(update)) })
}

struct InPlace<F> {
    op: &'static str,
    update: Cell<Option<F>>,
}

impl<F: FnOnce(&mut [f32])> InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        self.op
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let range = check_layout(storage, layout, self.op)?;
        if let (CpuStorage::F32(values), Some(update)) = (storage, self.update.take()) {
            update(&mut values[range]);
        }
        Ok(())
    }
}

/// Where the values of a contiguous `f32` tensor lie in its storage.
fn check_layout(storage: &CpuStorage, layout: &Layout, op: &str) -> Result<Range<usize>> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(_), Some((start, end))) => Ok(start..end),
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

/// A tensor on the CPU from its values.
pub(crate) fn cpu_tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// `[N, H, W, C]`, or an error that names the operation.
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

/// Refuses a residual whose shape is not that of the output.
pub(crate) fn check_residual(residual: Option<&Tensor>, shape: &[usize], op: &str) -> Result<()> {
    match residual {
        Some(residual) if residual.dims() != shape => {
            bail!("the residual of {op} is {:?}, the output {shape:?}", residual.dims())
        }
        _ => Ok(()),
    }
}

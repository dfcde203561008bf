//! CUDA context of a GPU: its stream, compiled kernels, cuDNN handle, memory and addresses.
#![expect(
    unsafe_code,
    reason = "kernels are launched with raw addresses, outputs are not zeroed first"
)]

use super::cudnn::Cudnn;
use super::launch::multi_tensor::TensorTable;
use super::launch::{ActDtype, Argument, Launch, Program};
use super::staging::{StagedTable, StagingRing};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceRepr,
    LaunchConfig, PushKernelArg, SyncOnDrop, result,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaDType, CudaDevice, CudaStorageSlice, DeviceId};
use candle_core::op::BackpropOp;
use candle_core::{CudaStorage, DType, Device, Error, Result, Shape, Storage, Tensor, bail};
use half::bf16;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Target of the compiler: PTX that every GPU from Ampere on runs.
const ARCHITECTURE: &str = "compute_80";

static NAN_FILL: AtomicBool = AtomicBool::new(false);

/// Fills outputs with NaN before kernels write them, so that a value that is not written shows. For
/// tests: it costs a pass over every output.
pub fn nan_fill_outputs(enabled: bool) {
    NAN_FILL.store(enabled, Ordering::Relaxed);
}

/// State of the operations on one GPU.
pub(super) struct CudaContext {
    pub(super) device: CudaDevice,
    pub(super) stream: Arc<CudaStream>,
    modules: HashMap<Program, Arc<CudaModule>>,
    functions: Mutex<HashMap<(Program, &'static str), CudaFunction>>,
    pub(super) cudnn: Mutex<Cudnn>,
    staging: Mutex<StagingRing>,
    /// Label weights of losses, by their bits.
    label_weights: Mutex<BTreeMap<Vec<u32>, Tensor>>,
}

/// Locks a mutex and ignores poisoning.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory of an output and its address.
pub(super) struct Output {
    pub(super) storage: CudaStorage,
    pub(super) address: u64,
}

impl Output {
    /// The output as a tensor without history.
    pub(super) fn into_tensor(self, shape: impl Into<Shape>) -> Tensor {
        Tensor::from_storage(Storage::Cuda(self.storage), shape, BackpropOp::none(), false)
    }
}

impl CudaContext {
    /// The context of a device; kernels are compiled at the first call.
    pub(super) fn of(device: &Device) -> Result<Arc<Self>> {
        static CONTEXTS: Mutex<Vec<(DeviceId, Arc<CudaContext>)>> = Mutex::new(Vec::new());
        let Device::Cuda(device) = device else {
            bail!(
                "a tensor of an operation on the GPU lies on the CPU\n  help: move it with .to_device()"
            );
        };
        let mut contexts = lock(&CONTEXTS);
        if let Some((_, context)) = contexts.iter().find(|(id, _)| *id == device.id()) {
            return Ok(Arc::clone(context));
        }
        let context = Arc::new(Self::new(device)?);
        contexts.push((device.id(), Arc::clone(&context)));
        Ok(context)
    }

    fn new(device: &CudaDevice) -> Result<Self> {
        let stream = device.cuda_stream();
        let compiled = |program| Ok((program, compile(&stream, program)?));
        Ok(Self {
            device: device.clone(),
            cudnn: Mutex::new(Cudnn::new(Arc::clone(&stream))?),
            modules: Program::ALL.into_iter().map(compiled).collect::<Result<_>>()?,
            stream,
            functions: Mutex::default(),
            staging: Mutex::default(),
            label_weights: Mutex::default(),
        })
    }

    fn function(&self, program: Program, kernel: &'static str) -> Result<CudaFunction> {
        let mut functions = lock(&self.functions);
        if let Some(function) = functions.get(&(program, kernel)) {
            return Ok(function.clone());
        }
        let function = self.modules[&program].load_function(kernel).map_err(Error::wrap)?;
        functions.insert((program, kernel), function.clone());
        Ok(function)
    }

    /// Launches a kernel on the stream.
    pub(super) fn launch(&self, launch: &Launch) -> Result<()> {
        let function = self.function(launch.program, launch.kernel)?;
        let mut builder = self.stream.launch_builder(&function);
        for argument in &launch.arguments {
            match argument {
                Argument::Pointer(value) => builder.arg(value),
                Argument::Integer(value) => builder.arg(value),
                Argument::Float(value) => builder.arg(value),
                Argument::Double(value) => builder.arg(value),
            };
        }
        let ([gx, gy], [bx, by]) = (launch.grid, launch.block);
        let (grid_dim, block_dim) = ((gx, gy, 1), (bx, by, 1));
        let config = LaunchConfig { grid_dim, block_dim, shared_mem_bytes: 0 };
        // SAFETY: `launch` gives each kernel the arguments of its signature, which the tests
        // compare one by one, and the caller keeps the memory behind the addresses alive.
        unsafe { builder.launch(config) }.map_err(Error::wrap)?;
        Ok(())
    }

    /// Memory for `count` activations.
    pub(super) fn alloc_act(&self, dtype: ActDtype, count: usize) -> Result<Output> {
        match dtype {
            ActDtype::F32 => self.alloc::<f32>(count),
            ActDtype::Bf16 => self.alloc::<bf16>(count),
        }
    }

    /// Memory for `count` values.
    pub(super) fn alloc<T: CudaDType + DeviceRepr>(&self, count: usize) -> Result<Output> {
        // SAFETY: a kernel writes it before anything reads it.
        let mut slice = unsafe { self.device.alloc::<T>(count) }?;
        let bytes = slice.num_bytes();
        let (address, guard) = slice.device_ptr_mut(&self.stream);
        if NAN_FILL.load(Ordering::Relaxed) {
            // SAFETY: the memory has that length and is not shared yet.
            unsafe { result::memset_d8_async(address, 0xFF, bytes, self.stream.cu_stream()) }
                .map_err(Error::wrap)?;
        }
        drop(guard);
        let storage = CudaStorage::wrap_cuda_slice(slice, self.device.clone());
        Ok(Output { storage, address })
    }

    /// Calls `run` with the addresses of tensors, which are made contiguous first if necessary. The
    /// kernels that it launches may also write to them.
    pub(super) fn with_addresses<const N: usize, T>(
        &self,
        tensors: [&Tensor; N],
        run: impl FnOnce([u64; N]) -> Result<T>,
    ) -> Result<T> {
        let tensors = tensors.into_iter().map(Tensor::contiguous).collect::<Result<Vec<_>>>()?;
        let storages: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
        let (mut addresses, mut guards) = ([0; N], Vec::with_capacity(N));
        for ((address, tensor), (storage, layout)) in
            addresses.iter_mut().zip(&tensors).zip(&storages)
        {
            let Storage::Cuda(storage) = &**storage else {
                bail!(
                    "the tensors of an operation lie on the CPU and on the GPU\n  help: move them to one device with .to_device()"
                );
            };
            let (start, guard) = address_of(&storage.slice, &self.stream)?;
            let offset = layout.start_offset() * tensor.dtype().size_in_bytes();
            *address = start + offset as u64;
            guards.push(guard);
        }
        let result = run(addresses);
        drop(guards);
        result
    }

    /// Copies a table of tensors to the GPU without waiting for it.
    pub(super) fn stage(&self, table: &TensorTable) -> Result<StagedTable> {
        lock(&self.staging).copy(&self.stream, &table.bytes)
    }

    /// Label weights as a tensor, `None` if there are none; they are the same at every step.
    pub(super) fn label_weights(&self, weights: &[f32]) -> Result<Option<Tensor>> {
        if weights.is_empty() {
            return Ok(None);
        }
        let bits = weights.iter().map(|weight| weight.to_bits()).collect();
        let mut cache = lock(&self.label_weights);
        if let Some(tensor) = cache.get(&bits) {
            return Ok(Some(tensor.clone()));
        }
        let device = Device::Cuda(self.device.clone());
        let tensor = Tensor::from_slice(weights, weights.len(), &device)?;
        cache.insert(bits, tensor.clone());
        Ok(Some(tensor))
    }
}

fn compile(stream: &Arc<CudaStream>, program: Program) -> Result<Arc<CudaModule>> {
    let options = CompileOptions {
        arch: Some(ARCHITECTURE),
        name: Some("hpa_ops.cu".to_owned()),
        // Network inputs have the bits that the CPU computes, without fused multiply-adds.
        fmad: (program == Program::Transform).then_some(false),
        options: program.define().map(str::to_owned).into_iter().collect(),
        ..CompileOptions::default()
    };
    let ptx = compile_ptx_with_opts(program.sources().concat(), options).map_err(Error::wrap)?;
    stream.context().load_module(ptx).map_err(Error::wrap)
}

/// The address of a slice; other streams wait until the guard is dropped.
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
        _ => bail!("operations on the GPU take f32 and bf16\n  help: convert with .to_dtype()"),
    })
}

/// The type of the activations in a tensor.
pub(super) fn act_dtype(tensor: &Tensor, op: &str) -> Result<ActDtype> {
    match tensor.dtype() {
        DType::F32 => Ok(ActDtype::F32),
        DType::BF16 => Ok(ActDtype::Bf16),
        other => {
            bail!(
                "{op} takes f32 or bf16 on the GPU, not {other:?}\n  help: convert with .to_dtype()"
            )
        }
    }
}

/// Refuses a tensor of another type than `dtype`.
pub(super) fn check_dtype(tensor: &Tensor, dtype: DType, what: &str) -> Result<()> {
    if tensor.dtype() == dtype {
        return Ok(());
    }
    bail!("{what} is {:?}, expected {dtype:?}\n  help: convert with .to_dtype()", tensor.dtype())
}

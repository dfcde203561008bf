//! One graphics card: its stream, its kernels, and cuDNN.
#![expect(unsafe_code, reason = "kernels are launched with raw addresses")]

use super::SOURCES;
use super::cudnn::Cudnn;
use super::plan::{Argument, Launch, Real};
use super::table::Ring;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaModule, CudaStream, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaDevice, DeviceId};
use candle_core::{Device, Error, Result, Tensor, bail};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The instructions that kernels are compiled to: any card from Ampere on runs them.
const ARCHITECTURE: &str = "compute_80";

/// What the operations need of a card.
pub(super) struct Card {
    pub(super) device: CudaDevice,
    pub(super) stream: Arc<CudaStream>,
    modules: [Arc<CudaModule>; 2],
    functions: Mutex<HashMap<(Real, &'static str), CudaFunction>>,
    pub(super) cudnn: Mutex<Cudnn>,
    pub(super) ring: Mutex<Ring>,
    /// Weights of labels that losses were asked for, by their bits.
    label_weights: Mutex<BTreeMap<Vec<u32>, Tensor>>,
}

/// Never mind that somebody panicked while he held it: what is inside stays whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error of CUDA's libraries as one of candle's.
pub(super) fn wrap<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::wrap(error)
}

impl Card {
    /// The card behind a device; its kernels are compiled the first time.
    pub(super) fn of(device: &Device) -> Result<Arc<Self>> {
        static CARDS: Mutex<Vec<(DeviceId, Arc<Card>)>> = Mutex::new(Vec::new());
        let Device::Cuda(device) = device else {
            bail!("an operation was sent to a graphics card with a tensor that lies elsewhere");
        };
        let mut cards = lock(&CARDS);
        if let Some((_, card)) = cards.iter().find(|(id, _)| *id == device.id()) {
            return Ok(Arc::clone(card));
        }
        let card = Arc::new(Self::new(device)?);
        cards.push((device.id(), Arc::clone(&card)));
        Ok(card)
    }

    fn new(device: &CudaDevice) -> Result<Self> {
        let stream = device.cuda_stream();
        let cudnn = Mutex::new(Cudnn::new(Arc::clone(&stream))?);
        let modules = [compiled(&stream, Real::F32)?, compiled(&stream, Real::Bf16)?];
        Ok(Self {
            device: device.clone(),
            stream,
            modules,
            functions: Mutex::default(),
            cudnn,
            ring: Mutex::default(),
            label_weights: Mutex::default(),
        })
    }

    fn function(&self, real: Real, kernel: &'static str) -> Result<CudaFunction> {
        let mut functions = lock(&self.functions);
        if let Some(function) = functions.get(&(real, kernel)) {
            return Ok(function.clone());
        }
        let function = self.modules[real as usize].load_function(kernel).map_err(wrap)?;
        functions.insert((real, kernel), function.clone());
        Ok(function)
    }

    /// Launches a kernel behind what the stream has to do already.
    pub(super) fn launch(&self, launch: &Launch) -> Result<()> {
        let function = self.function(launch.real, launch.kernel)?;
        let mut builder = self.stream.launch_builder(&function);
        for argument in &launch.arguments {
            match argument {
                Argument::Pointer(value) => builder.arg(value),
                Argument::Integer(value) => builder.arg(value),
                Argument::Single(value) => builder.arg(value),
                Argument::Double(value) => builder.arg(value),
            };
        }
        let ([gx, gy], [bx, by]) = (launch.grid, launch.block);
        let (grid_dim, block_dim) = ((gx, gy, 1), (bx, by, 1));
        let config = LaunchConfig { grid_dim, block_dim, shared_mem_bytes: 0 };
        // SAFETY: `plan` gives each kernel the arguments of its signature, which the tests compare
        // one by one, and the caller keeps alive what the addresses point to.
        unsafe { builder.launch(config) }.map_err(wrap)?;
        Ok(())
    }

    /// The weights of labels on the card; they are the same at every step.
    pub(super) fn label_weights(&self, weights: &[f32]) -> Result<Option<Tensor>> {
        if weights.is_empty() {
            return Ok(None);
        }
        let bits = weights.iter().map(|weight| weight.to_bits()).collect();
        let mut known = lock(&self.label_weights);
        if let Some(tensor) = known.get(&bits) {
            return Ok(Some(tensor.clone()));
        }
        let device = Device::Cuda(self.device.clone());
        let tensor = Tensor::from_slice(weights, weights.len(), &device)?;
        known.insert(bits, tensor.clone());
        Ok(Some(tensor))
    }
}

/// All kernels for one kind of activations.
fn compiled(stream: &Arc<CudaStream>, real: Real) -> Result<Arc<CudaModule>> {
    let options = CompileOptions {
        arch: Some(ARCHITECTURE),
        name: Some("hpa_ops.cu".to_owned()),
        options: (real == Real::Bf16).then(|| "-DREAL_IS_BF16".to_owned()).into_iter().collect(),
        ..CompileOptions::default()
    };
    let program = compile_ptx_with_opts(SOURCES.concat(), options).map_err(wrap)?;
    stream.context().load_module(program).map_err(wrap)
}

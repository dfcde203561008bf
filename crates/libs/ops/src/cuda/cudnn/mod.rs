//! Convolutions by cuDNN, with descriptors, algorithm and workspace cached by shape.
//!
//! The first algorithm of cuDNN's heuristics that is deterministic and needs at most
//! [`MAX_WORKSPACE`] is taken. Nothing is timed, so every run on one kind of GPU takes the same.
//! `f32` is computed in `f32` (no TF32); `bf16` is summed in `f32`.
#![expect(unsafe_code, reason = "cuDNN's interface")]

mod algorithm;
mod descriptors;

use super::cudnn_status::is_unsupported;
use super::launch::ActDtype;
use crate::geometry::ConvGeometry;
use algorithm::{Algorithm, Choice};
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtrMut};
use candle_core::{Error, Result, bail};
use descriptors::Descriptors;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

/// Bytes that the workspace of an algorithm may have.
const MAX_WORKSPACE: usize = 1 << 30;

/// One of a convolution's three products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    /// Of input and filter.
    Forward,
    /// Of the output's gradient and filter.
    InputGradient,
    /// Of input and the output's gradient.
    WeightGradient,
}

/// A pass on one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PassKey {
    pub(super) pass: Pass,
    pub(super) dtype: ActDtype,
    pub(super) geometry: ConvGeometry,
}

struct Plan {
    descriptors: Descriptors,
    choice: Choice,
}

/// cuDNN on one stream.
pub(super) struct Cudnn {
    handle: sys::cudnnHandle_t,
    stream: Arc<CudaStream>,
    /// `None` if cuDNN refuses the shape.
    plans: HashMap<PassKey, Option<Plan>>,
    workspace: Option<CudaSlice<u8>>,
}

// SAFETY: a handle may be used by any thread, by one at a time: it lies behind a mutex.
unsafe impl Send for Cudnn {}

impl Drop for Cudnn {
    fn drop(&mut self) {
        self.plans.clear();
        // SAFETY: this value owns the handle. An error cannot be handled here.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

impl Cudnn {
    pub(super) fn new(stream: Arc<CudaStream>) -> Result<Self> {
        stream.context().bind_to_thread().map_err(Error::wrap)?;
        let handle = result::create_handle().map_err(Error::wrap)?;
        let cudnn = Self { handle, stream, plans: HashMap::new(), workspace: None };
        // SAFETY: handle and stream are alive.
        unsafe { result::set_stream(handle, cudnn.stream.cu_stream().cast()) }
            .map_err(Error::wrap)?;
        Ok(cudnn)
    }

    /// Runs a pass on the addresses of its output and operands. False if cuDNN refuses the shape;
    /// then nothing is written.
    pub(super) fn run(&mut self, key: &PassKey, at: [u64; 3]) -> Result<bool> {
        if !self.plans.contains_key(key) {
            self.plans.insert(*key, Plan::new(self.handle, key)?);
        }
        let Some(Some(plan)) = self.plans.get(key) else { return Ok(false) };
        let bytes = plan.choice.workspace;
        if self.workspace.as_ref().map_or(0, CudaSlice::len) < bytes {
            // Freed in stream order, after the kernels that still use it.
            self.workspace = None;
            // SAFETY: an algorithm writes its workspace before it reads it.
            self.workspace = Some(unsafe { self.stream.alloc::<u8>(bytes) }.map_err(Error::wrap)?);
        }
        let workspace =
            self.workspace.as_mut().map_or(0, |slice| slice.device_ptr_mut(&self.stream).0);
        match plan.run(self.handle, at, workspace) {
            Ok(()) => Ok(true),
            Err(error) if is_unsupported(error.0 as u32) => {
                self.plans.insert(*key, None);
                Ok(false)
            }
            Err(error) => bail!("cuDNN fails in {key:?}: {error:?}"),
        }
    }
}

impl Plan {
    /// `None` if no algorithm is suitable.
    fn new(handle: sys::cudnnHandle_t, key: &PassKey) -> Result<Option<Self>> {
        let descriptors = Descriptors::new(key.dtype, &key.geometry)?;
        match Algorithm::choose(handle, key.pass, &descriptors) {
            Ok(choice) => Ok(choice.map(|choice| Self { descriptors, choice })),
            Err(error) if is_unsupported(error.0 as u32) => Ok(None),
            Err(error) => bail!("cuDNN finds no algorithm for {key:?}: {error:?}"),
        }
    }

    fn run(
        &self,
        handle: sys::cudnnHandle_t,
        [out, a, b]: [u64; 3],
        workspace: u64,
    ) -> std::result::Result<(), CudnnError> {
        let (one, zero) = (1.0_f32, 0.0_f32);
        let (alpha, beta) = ((&raw const one).cast::<c_void>(), (&raw const zero).cast::<c_void>());
        let Descriptors { x, y, filter, conv } = &self.descriptors;
        let (x, y, w, conv) = (x.0, y.0, filter.0, conv.0);
        let [a, b] = [a, b].map(|address| address as *const c_void);
        let (out, space) = (out as *mut c_void, workspace as *mut c_void);
        let bytes = self.choice.workspace;
        // SAFETY: the descriptors match the memory at the addresses, and the workspace has the size
        // that the algorithm asked for. Scales are `f32` for `bf16` too.
        unsafe {
            match self.choice.algorithm {
                Algorithm::Forward(algo) => result::convolution_forward(
                    handle, alpha, x, a, w, b, conv, algo, space, bytes, beta, y, out,
                ),
                Algorithm::InputGradient(algo) => result::convolution_backward_data(
                    handle, alpha, w, b, y, a, conv, algo, space, bytes, beta, x, out,
                ),
                Algorithm::WeightGradient(algo) => result::convolution_backward_filter(
                    handle, alpha, x, a, y, b, conv, algo, space, bytes, beta, w, out,
                ),
            }
        }
    }
}

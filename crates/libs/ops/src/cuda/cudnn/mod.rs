//! cuDNN's convolutions, with descriptors, algorithm and workspace kept by shape.
//!
//! Of the algorithms that its heuristics offer, the first is taken that sums in a fixed order and
//! needs no more workspace than [`MOST_WORKSPACE`]: nothing is timed, so that every run on one kind
//! of card takes the same. `f32` is computed in `f32` (no TF32); `bf16` is summed in `f32`.
#![expect(unsafe_code, reason = "cuDNN's own interface")]

mod choice;
mod descriptors;

use super::card::{Card, wrap};
use super::plan::{self, Real};
use crate::geometry::ConvGeometry;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtrMut};
use candle_core::{Result, bail};
use choice::Algorithm;
use descriptors::Descriptors;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

/// Bytes that an algorithm may work in.
const MOST_WORKSPACE: usize = 1 << 30;

/// Which of a convolution's three products. The operands are input and filter, gradient of the
/// output and filter, or input and gradient of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Forward,
    InputGradient,
    WeightGradient,
}

type Key = (Pass, Real, ConvGeometry);

/// How a pass on one shape is computed.
struct Plan {
    descriptors: Descriptors,
    algorithm: Algorithm,
    workspace: usize,
}

/// cuDNN on one stream.
pub(super) struct Cudnn {
    handle: sys::cudnnHandle_t,
    stream: Arc<CudaStream>,
    /// None where cuDNN refuses the shape.
    plans: HashMap<Key, Option<Plan>>,
    workspace: Option<CudaSlice<u8>>,
}

// SAFETY: a handle may be used by any thread, by one at a time: it lies behind a mutex.
unsafe impl Send for Cudnn {}

impl Drop for Cudnn {
    fn drop(&mut self) {
        self.plans.clear();
        // SAFETY: the handle is this value's own. Nothing is left to be done about an error.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

impl Cudnn {
    pub(super) fn new(stream: Arc<CudaStream>) -> Result<Self> {
        stream.context().bind_to_thread().map_err(wrap)?;
        let handle = result::create_handle().map_err(wrap)?;
        let cudnn = Self { handle, stream, plans: HashMap::new(), workspace: None };
        // SAFETY: both are alive.
        unsafe { result::set_stream(handle, cudnn.stream.cu_stream().cast()) }.map_err(wrap)?;
        Ok(cudnn)
    }

    /// Runs a pass with the addresses of its output and operands; false where cuDNN refuses the
    /// shape, and then nothing is written.
    pub(super) fn run(&mut self, card: &Card, key: Key, at: [u64; 3]) -> Result<bool> {
        if !self.plans.contains_key(&key) {
            let plan = Plan::new(self.handle, &key)?;
            self.plans.insert(key, plan);
        }
        let Some(Some(plan)) = self.plans.get(&key) else { return Ok(false) };
        if self.workspace.as_ref().map_or(0, CudaSlice::len) < plan.workspace {
            // The old one goes back in the stream's order, behind what still works in it.
            self.workspace = None;
            // SAFETY: an algorithm writes its workspace before it reads it.
            self.workspace = Some(unsafe { card.device.alloc::<u8>(plan.workspace) }?);
        }
        let workspace =
            self.workspace.as_mut().map_or(0, |slice| slice.device_ptr_mut(&self.stream).0);
        match plan.run(self.handle, at, workspace) {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(error) => {
                self.plans.insert(key, None);
                Ok(false)
            }
            Err(error) => bail!("cuDNN fails in {key:?}: {error:?}"),
        }
    }
}

/// cuDNN says in several ways that it has nothing for a shape.
const fn is_refusal(error: CudnnError) -> bool {
    plan::convolution::is_refusal(error.0 as u32)
}

impl Plan {
    /// None where no algorithm fits.
    fn new(handle: sys::cudnnHandle_t, key: &Key) -> Result<Option<Self>> {
        let (pass, real, g) = key;
        let descriptors = Descriptors::new(*real, g)?;
        let found = Algorithm::find(handle, *pass, &descriptors);
        match found {
            Ok(Some((algorithm, workspace))) => {
                Ok(Some(Self { descriptors, algorithm, workspace }))
            }
            Ok(None) => Ok(None),
            Err(error) if is_refusal(error) => Ok(None),
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
        let Descriptors { x, y, filter, convolution } = &self.descriptors;
        let [a, b] = [a, b].map(|address| address as *const c_void);
        let (out, space) = (out as *mut c_void, workspace as *mut c_void);
        let (conv, size) = (convolution.0, self.workspace);
        // SAFETY: the descriptors are of the shapes whose addresses the caller hands over, and the
        // workspace has the size that the algorithm asked for. Scales are `f32` for `bf16` too.
        unsafe {
            match self.algorithm {
                Algorithm::Forward(algorithm) => result::convolution_forward(
                    handle, alpha, x.0, a, filter.0, b, conv, algorithm, space, size, beta, y.0,
                    out,
                ),
                Algorithm::InputGradient(algorithm) => result::convolution_backward_data(
                    handle, alpha, filter.0, b, y.0, a, conv, algorithm, space, size, beta, x.0,
                    out,
                ),
                Algorithm::WeightGradient(algorithm) => result::convolution_backward_filter(
                    handle, alpha, x.0, a, y.0, b, conv, algorithm, space, size, beta, filter.0,
                    out,
                ),
            }
        }
    }
}

//! Choice of cuDNN's algorithm for a pass.

use super::descriptors::Descriptors;
use super::{MAX_WORKSPACE, Pass};
use crate::cuda::cudnn_status::is_environment_error;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use std::ffi::c_int;
use std::mem::MaybeUninit;

/// An algorithm of one of cuDNN's three lists.
#[derive(Clone, Copy, Debug)]
pub(super) enum Algorithm {
    Forward(sys::cudnnConvolutionFwdAlgo_t),
    InputGradient(sys::cudnnConvolutionBwdDataAlgo_t),
    WeightGradient(sys::cudnnConvolutionBwdFilterAlgo_t),
}

/// An algorithm and the bytes of its workspace.
pub(super) struct Choice {
    pub(super) algorithm: Algorithm,
    pub(super) workspace: usize,
}

/// Longer than any of cuDNN's lists.
const CAPACITY: c_int = 16;

/// The first algorithm of the list, which `$get` fills, best first, that is deterministic, exact
/// enough and has a workspace that fits. An algorithm and its math type belong together, for the
/// workspace too. If an environment error leaves none, that is the error.
macro_rules! first_suitable {
    ($variant:path, $perf:ty, $get:path, $workspace:path, $descriptors:ident, [$($argument:expr),*]) => {{
        let mut list =
            [const { MaybeUninit::<$perf>::zeroed() }; CAPACITY.unsigned_abs() as usize];
        let (mut count, first) = (0, list.as_mut_ptr().cast::<$perf>());
        // SAFETY: handle and descriptors are alive, and the list has room for `CAPACITY`.
        unsafe { $get($($argument,)* CAPACITY, &raw mut count, first) }?;
        let count = usize::try_from(count).unwrap_or(0).min(list.len());
        let mut none = Ok(None);
        for perf in &list[..count] {
            // SAFETY: cuDNN has written the first `count` elements.
            let perf = unsafe { perf.assume_init_ref() };
            if perf.determinism != sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC
                || !$descriptors.conv.set_math(perf.mathType)?
            {
                continue;
            }
            let status = perf.status.result();
            // SAFETY: handle and descriptors are alive.
            match status.and_then(|()| unsafe { $workspace($($argument,)* perf.algo) }) {
                Ok(workspace) if workspace <= MAX_WORKSPACE => {
                    return Ok(Some(Choice { algorithm: $variant(perf.algo), workspace }));
                }
                Err(error) if is_environment_error(error.0 as u32) => none = Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        none
    }};
}

impl Algorithm {
    /// The best suitable algorithm; `None` if there is none.
    pub(super) fn choose(
        handle: sys::cudnnHandle_t,
        pass: Pass,
        d: &Descriptors,
    ) -> Result<Option<Choice>, CudnnError> {
        let (x, w, conv, y) = (d.x.0, d.filter.0, d.conv.0, d.y.0);
        match pass {
            Pass::Forward => first_suitable!(
                Self::Forward,
                sys::cudnnConvolutionFwdAlgoPerf_t,
                result::get_convolution_forward_algorithm,
                result::get_convolution_forward_workspace_size,
                d,
                [handle, x, w, conv, y]
            ),
            Pass::InputGradient => first_suitable!(
                Self::InputGradient,
                sys::cudnnConvolutionBwdDataAlgoPerf_t,
                result::get_convolution_backward_data_algorithm,
                result::get_convolution_backward_data_workspace_size,
                d,
                [handle, w, y, conv, x]
            ),
            Pass::WeightGradient => first_suitable!(
                Self::WeightGradient,
                sys::cudnnConvolutionBwdFilterAlgoPerf_t,
                result::get_convolution_backward_filter_algorithm,
                result::get_convolution_backward_filter_workspace_size,
                d,
                [handle, x, y, conv, w]
            ),
        }
    }
}

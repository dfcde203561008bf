//! Which algorithm computes a pass.

use super::super::plan::convolution::is_lack;
use super::descriptors::Descriptors;
use super::{MOST_WORKSPACE, Pass};
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use std::ffi::c_int;

/// cuDNN has a list of its own for each pass.
#[derive(Clone, Copy, Debug)]
pub(super) enum Algorithm {
    Forward(sys::cudnnConvolutionFwdAlgo_t),
    InputGradient(sys::cudnnConvolutionBwdDataAlgo_t),
    WeightGradient(sys::cudnnConvolutionBwdFilterAlgo_t),
}

/// Longer than any of the lists.
const MOST: c_int = 16;

/// The first offer, best first, that sums in a fixed order, is exact enough and fits; an algorithm
/// and its arithmetic belong together, for the workspace too. Where none does because the
/// machine lacks something, that is the error.
macro_rules! first_that_fits {
    ($offer:ty, $descriptors:expr, $ask:expr, $algorithm:path, $size:expr) => {{
        let mut offers =
            [const { std::mem::MaybeUninit::<$offer>::zeroed() }; MOST.unsigned_abs() as usize];
        let mut count: c_int = 0;
        $ask(MOST, &raw mut count, offers.as_mut_ptr().cast::<$offer>())?;
        let count = usize::try_from(count).unwrap_or(0).min(offers.len());
        let mut none = Ok(None);
        for offer in &offers[..count] {
            // SAFETY: cuDNN has written the first `count` of them.
            let offer = unsafe { offer.assume_init_ref() };
            let is_fixed = offer.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC;
            if !is_fixed || !$descriptors.convolution.take(offer.mathType)? {
                continue;
            }
            match offer.status.result().and_then(|()| $size(offer.algo)) {
                Ok(bytes) if bytes <= MOST_WORKSPACE => {
                    return Ok(Some(($algorithm(offer.algo), bytes)));
                }
                Err(error) if is_lack(error.0 as u32) => none = Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        none
    }};
}

impl Algorithm {
    /// An algorithm and the bytes of its workspace; none where nothing fits.
    pub(super) fn find(
        handle: sys::cudnnHandle_t,
        pass: Pass,
        descriptors: &Descriptors,
    ) -> Result<Option<(Self, usize)>, CudnnError> {
        match pass {
            Pass::Forward => Self::forward(handle, descriptors),
            Pass::InputGradient => Self::input_gradient(handle, descriptors),
            Pass::WeightGradient => Self::weight_gradient(handle, descriptors),
        }
    }

    fn forward(
        handle: sys::cudnnHandle_t,
        d: &Descriptors,
    ) -> Result<Option<(Self, usize)>, CudnnError> {
        let (x, w, conv, y) = (d.x.0, d.filter.0, d.convolution.0, d.y.0);
        // SAFETY: handle and descriptors are alive, and the list has room for `most`; here and below.
        let ask = |most, count, list| unsafe {
            result::get_convolution_forward_algorithm(handle, x, w, conv, y, most, count, list)
        };
        // SAFETY: as above.
        let size = |algorithm| unsafe {
            result::get_convolution_forward_workspace_size(handle, x, w, conv, y, algorithm)
        };
        first_that_fits!(sys::cudnnConvolutionFwdAlgoPerf_t, d, ask, Self::Forward, size)
    }

    fn input_gradient(
        handle: sys::cudnnHandle_t,
        d: &Descriptors,
    ) -> Result<Option<(Self, usize)>, CudnnError> {
        let (dx, w, conv, dy) = (d.x.0, d.filter.0, d.convolution.0, d.y.0);
        // SAFETY: as above.
        let ask = |most, count, list| unsafe {
            result::get_convolution_backward_data_algorithm(
                handle, w, dy, conv, dx, most, count, list,
            )
        };
        // SAFETY: as above.
        let size = |algorithm| unsafe {
            result::get_convolution_backward_data_workspace_size(handle, w, dy, conv, dx, algorithm)
        };
        first_that_fits!(sys::cudnnConvolutionBwdDataAlgoPerf_t, d, ask, Self::InputGradient, size)
    }

    fn weight_gradient(
        handle: sys::cudnnHandle_t,
        d: &Descriptors,
    ) -> Result<Option<(Self, usize)>, CudnnError> {
        let (x, dw, conv, dy) = (d.x.0, d.filter.0, d.convolution.0, d.y.0);
        // SAFETY: as above.
        let ask = |most, count, list| unsafe {
            result::get_convolution_backward_filter_algorithm(
                handle, x, dy, conv, dw, most, count, list,
            )
        };
        // SAFETY: as above.
        let size = |algorithm| unsafe {
            result::get_convolution_backward_filter_workspace_size(
                handle, x, dy, conv, dw, algorithm,
            )
        };
        first_that_fits!(
            sys::cudnnConvolutionBwdFilterAlgoPerf_t,
            d,
            ask,
            Self::WeightGradient,
            size
        )
    }
}

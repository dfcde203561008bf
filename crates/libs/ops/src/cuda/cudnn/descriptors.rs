//! What cuDNN is told of a convolution, made once and destroyed with its plan.

use super::super::card::wrap;
use super::super::plan::Real;
use crate::geometry::ConvGeometry;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::{Error, Result};
use std::ffi::c_int;

/// Activations.
pub(super) struct Activations(pub(super) sys::cudnnTensorDescriptor_t);
/// Weights.
pub(super) struct Filter(pub(super) sys::cudnnFilterDescriptor_t);
/// Stride, padding, groups and arithmetic, which is for activations of this kind.
pub(super) struct Convolution(pub(super) sys::cudnnConvolutionDescriptor_t, Real);

impl Drop for Activations {
    fn drop(&mut self) {
        // SAFETY: it is this value's own. Nothing is left to be done about an error, here and below.
        let _ = unsafe { result::destroy_tensor_descriptor(self.0) };
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: as above.
        let _ = unsafe { result::destroy_filter_descriptor(self.0) };
    }
}

impl Drop for Convolution {
    fn drop(&mut self) {
        // SAFETY: as above.
        let _ = unsafe { result::destroy_convolution_descriptor(self.0) };
    }
}

/// All that describes one convolution.
pub(super) struct Descriptors {
    pub(super) x: Activations,
    pub(super) y: Activations,
    pub(super) filter: Filter,
    pub(super) convolution: Convolution,
}

/// cuDNN counts in 32 bits.
fn counts<const N: usize>(sizes: [usize; N]) -> Result<[c_int; N]> {
    let counts = sizes.map(|size| c_int::try_from(size).ok());
    if counts.contains(&None) {
        return Err(Error::msg(format!("a convolution with sides {sizes:?} is too large")));
    }
    Ok(counts.map(Option::unwrap_or_default))
}

const LAYOUT: sys::cudnnTensorFormat_t = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

const fn type_of(real: Real) -> sys::cudnnDataType_t {
    match real {
        Real::F32 => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        Real::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
    }
}

impl Descriptors {
    pub(super) fn new(real: Real, g: &ConvGeometry) -> Result<Self> {
        let [kh, kw] = g.kernel;
        Ok(Self {
            x: Activations::new(real, counts([g.n, g.c_in, g.h, g.w])?)?,
            y: Activations::new(real, counts([g.n, g.c_out, g.h_out, g.w_out])?)?,
            filter: Filter::new(real, counts([g.c_out, g.c_in / g.groups, kh, kw])?)?,
            convolution: Convolution::new(real, counts([g.padding, g.stride, g.groups])?)?,
        })
    }
}

impl Activations {
    /// Sides are given as N, C, H, W whatever the layout.
    fn new(real: Real, sides: [c_int; 4]) -> Result<Self> {
        let it = Self(result::create_tensor_descriptor().map_err(wrap)?);
        // SAFETY: the descriptor was just made.
        let set = unsafe { result::set_tensor4d_descriptor(it.0, LAYOUT, type_of(real), sides) };
        set.map_err(wrap)?;
        Ok(it)
    }
}

impl Filter {
    fn new(real: Real, sides: [c_int; 4]) -> Result<Self> {
        let it = Self(result::create_filter_descriptor().map_err(wrap)?);
        // SAFETY: the descriptor was just made.
        let set = unsafe { result::set_filter4d_descriptor(it.0, type_of(real), LAYOUT, sides) };
        set.map_err(wrap)?;
        Ok(it)
    }
}

impl Convolution {
    fn new(real: Real, [padding, stride, groups]: [c_int; 3]) -> Result<Self> {
        use sys::cudnnMathType_t as Math;
        let it = Self(result::create_convolution_descriptor().map_err(wrap)?, real);
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        // What is called default may round operands to TF32.
        let math = match real {
            Real::F32 => Math::CUDNN_FMA_MATH,
            Real::Bf16 => Math::CUDNN_TENSOR_OP_MATH,
        };
        // SAFETY: the descriptor was just made.
        unsafe {
            let (pad, step, sums) = (padding, stride, sys::cudnnDataType_t::CUDNN_DATA_FLOAT);
            result::set_convolution2d_descriptor(it.0, pad, pad, step, step, 1, 1, mode, sums)
                .and_then(|()| result::set_convolution_group_count(it.0, groups))
                .and_then(|()| result::set_convolution_math_type(it.0, math))
        }
        .map_err(wrap)?;
        Ok(it)
    }

    /// Goes over to an algorithm's arithmetic; false where that would round operands.
    pub(super) fn take(&self, math: sys::cudnnMathType_t) -> std::result::Result<bool, CudnnError> {
        use sys::cudnnMathType_t as Math;
        let is_exact = match self.1 {
            Real::F32 => math == Math::CUDNN_FMA_MATH,
            Real::Bf16 => math != Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION,
        };
        if is_exact {
            // SAFETY: the descriptor is alive.
            unsafe { result::set_convolution_math_type(self.0, math) }?;
        }
        Ok(is_exact)
    }
}

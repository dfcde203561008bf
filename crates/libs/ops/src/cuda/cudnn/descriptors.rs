//! cuDNN descriptors of one convolution.

use crate::cuda::launch::ActDtype;
use crate::geometry::ConvGeometry;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::{Error, Result};
use std::ffi::c_int;

/// Shape of activations.
pub(super) struct Activations(pub(super) sys::cudnnTensorDescriptor_t);
/// Shape of weights.
pub(super) struct Filter(pub(super) sys::cudnnFilterDescriptor_t);
/// Stride, padding, groups and math type, for activations of this type.
pub(super) struct Conv(pub(super) sys::cudnnConvolutionDescriptor_t, ActDtype);

macro_rules! destroy_on_drop {
    ($($descriptor:ty => $destroy:path;)*) => {$(
        impl Drop for $descriptor {
            fn drop(&mut self) {
                // SAFETY: this value owns the descriptor. An error cannot be handled here.
                let _ = unsafe { $destroy(self.0) };
            }
        }
    )*};
}

destroy_on_drop! {
    Activations => result::destroy_tensor_descriptor;
    Filter => result::destroy_filter_descriptor;
    Conv => result::destroy_convolution_descriptor;
}

/// All descriptors of one convolution.
pub(super) struct Descriptors {
    pub(super) x: Activations,
    pub(super) y: Activations,
    pub(super) filter: Filter,
    pub(super) conv: Conv,
}

/// Sizes as the 32-bit integers that cuDNN takes.
fn sizes<const N: usize>(sizes: [usize; N]) -> Result<[c_int; N]> {
    let converted = sizes.map(|size| c_int::try_from(size).ok());
    if converted.contains(&None) {
        return Err(Error::msg(format!(
            "a convolution with sizes {sizes:?} is too large for cuDNN"
        )));
    }
    Ok(converted.map(Option::unwrap_or_default))
}

const LAYOUT: sys::cudnnTensorFormat_t = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

const fn data_type(dtype: ActDtype) -> sys::cudnnDataType_t {
    match dtype {
        ActDtype::F32 => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        ActDtype::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
    }
}

impl Descriptors {
    pub(super) fn new(dtype: ActDtype, g: &ConvGeometry) -> Result<Self> {
        let [kh, kw] = g.kernel;
        Ok(Self {
            x: Activations::new(dtype, sizes([g.n, g.c_in, g.h, g.w])?)?,
            y: Activations::new(dtype, sizes([g.n, g.c_out, g.h_out, g.w_out])?)?,
            filter: Filter::new(dtype, sizes([g.c_out, g.c_in / g.groups, kh, kw])?)?,
            conv: Conv::new(dtype, sizes([g.padding, g.stride, g.groups])?)?,
        })
    }
}

impl Activations {
    /// Sizes are N, C, H, W whatever the layout.
    fn new(dtype: ActDtype, sizes: [c_int; 4]) -> Result<Self> {
        let it = Self(result::create_tensor_descriptor().map_err(Error::wrap)?);
        // SAFETY: the descriptor was just created.
        unsafe { result::set_tensor4d_descriptor(it.0, LAYOUT, data_type(dtype), sizes) }
            .map_err(Error::wrap)?;
        Ok(it)
    }
}

impl Filter {
    fn new(dtype: ActDtype, sizes: [c_int; 4]) -> Result<Self> {
        let it = Self(result::create_filter_descriptor().map_err(Error::wrap)?);
        // SAFETY: the descriptor was just created.
        unsafe { result::set_filter4d_descriptor(it.0, data_type(dtype), LAYOUT, sizes) }
            .map_err(Error::wrap)?;
        Ok(it)
    }
}

impl Conv {
    fn new(dtype: ActDtype, [padding, stride, groups]: [c_int; 3]) -> Result<Self> {
        use sys::cudnnMathType_t as Math;
        let it = Self(result::create_convolution_descriptor().map_err(Error::wrap)?, dtype);
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let sums = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
        // The default math type may round operands to TF32.
        let math = match dtype {
            ActDtype::F32 => Math::CUDNN_FMA_MATH,
            ActDtype::Bf16 => Math::CUDNN_TENSOR_OP_MATH,
        };
        // SAFETY: the descriptor was just created.
        unsafe {
            result::set_convolution2d_descriptor(
                it.0, padding, padding, stride, stride, 1, 1, mode, sums,
            )
            .and_then(|()| result::set_convolution_group_count(it.0, groups))
            .and_then(|()| result::set_convolution_math_type(it.0, math))
        }
        .map_err(Error::wrap)?;
        Ok(it)
    }

    /// Sets the math type of an algorithm; false if it would round operands.
    pub(super) fn set_math(
        &self,
        math: sys::cudnnMathType_t,
    ) -> std::result::Result<bool, CudnnError> {
        use sys::cudnnMathType_t as Math;
        let is_exact = match self.1 {
            ActDtype::F32 => math == Math::CUDNN_FMA_MATH,
            ActDtype::Bf16 => math != Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION,
        };
        if is_exact {
            // SAFETY: the descriptor is alive.
            unsafe { result::set_convolution_math_type(self.0, math) }?;
        }
        Ok(is_exact)
    }
}

//! The CPU backend: kernels over slices of `f32`, NHWC.

pub(crate) mod activation;
pub(crate) mod buffers;
pub(crate) mod conv;
mod gemm;
pub(crate) mod loss;
pub(crate) mod norm;
pub(crate) mod pad;
pub(crate) mod pool;
pub(crate) mod simd;

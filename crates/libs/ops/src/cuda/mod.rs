//! The GPU backend: availability of CUDA, operations, and upload of batches.
//!
//! The functions of `functional` come here if their tensors lie on a GPU (`dispatch_cuda!`).
//! Convolutions run in cuDNN, everything else in the kernels of `kernels/*.cu`, which NVRTC
//! compiles when the first operation runs.
//!
//! - Activations are `f32` or `bf16`, `[N, H, W, C]` as on the CPU. The output of a convolution
//!   with [`Precision::Bf16`](crate::Precision) is `bf16`, every other output has the type of its
//!   input; weights, statistics, logits, losses and optimizer state are `f32`, and sums are `f32`
//!   or wider.
//! - Only functions that return a number to the CPU wait for the GPU.
//! - Sums have a fixed order and algorithms that are not deterministic are not chosen: the same
//!   bits in every run on one kind of GPU.
//!
//! `launch` does not depend on CUDA; so the tests run the launches on the emulated GPU.

#[cfg(feature = "cuda")]
mod context;
#[cfg(feature = "cuda")]
mod cudnn;
#[cfg(any(test, feature = "cuda"))]
mod cudnn_status;
#[cfg(any(test, feature = "emulator"))]
pub mod emulator;
#[cfg(any(test, feature = "cuda", feature = "emulator"))]
#[cfg_attr(
    not(any(test, feature = "cuda")),
    expect(dead_code, reason = "the emulator alone runs the transform kernels only")
)]
pub(crate) mod launch;
#[cfg(feature = "cuda")]
mod ops;
mod probe;
#[cfg(feature = "cuda")]
mod staging;
#[cfg(test)]
mod tests;
pub mod upload;

#[cfg(feature = "cuda")]
pub use context::nan_fill_outputs;
#[cfg(feature = "cuda")]
pub(crate) use ops::{
    BatchNorm, OptimizerRow, adamw, add, add_all, batch_norm_eval, batch_norm_train, clip,
    concat_affine, conv2d, conv2d_bias_act, ema_update, global_average_pool, linear, loss,
    max_pool2d, norm, relu, scale_all, sgd, zero_pad2d,
};
#[cfg(feature = "cuda")]
pub use probe::open_cuda;
pub use probe::{CudaUnavailable, probe_cuda};

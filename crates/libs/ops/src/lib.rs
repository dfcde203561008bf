//! Convolutional training for candle, on CPU and GPU: conv2d, batch norm, pooling, losses, autograd
//! and optimizers.
//!
//! Activations are NHWC, `[N, H, W, C]`, `f32` and contiguous; weights keep torchvision's layout,
//! `[O, I / groups, kh, kw]`, so that pretrained files load as they are. Every operation has a
//! backward pass, except those for evaluation only, which record nothing.
//!
//! Guarantees:
//! - the same bits for any number of threads on a given SIMD path: work is partitioned by shape,
//!   never by the number of threads, and sums are taken in a fixed order;
//! - no gradient is computed for an input that does not require one;
//! - NaN propagates as in PyTorch and is never hidden by a comparison.
//!
//! The kernels use AVX-512, AVX2 + FMA or portable code, selected once at run time; the environment
//! variable `HPA_SIMD` (`avx512`, `avx2`, `portable`) pins the choice.
//!
//! Candle's `Tensor::backward` works on a network of these operations; [`value_and_grad`] gives the
//! same gradients with far less copying, if every operation of the loss is one of this crate's.
//!
//! [`Precision::Bf16`] rounds the operands of convolutions and linear layers to bf16 and sums their
//! products in `f32`; weights, norms, losses and optimizers stay `f32`. It needs `avx512_bf16`.
//!
//! Programs that train should install [`CachingAllocator`], which avoids the page faults of the large
//! buffers that every step allocates and frees.
//!
//! Modules, from the top: `functional` checks shapes and dispatches to a backend; `autograd` and
//! `optim` know no backend's internals; `cpu` and `cuda` are the backends; `op`, `geometry` and
//! `tensor` are shared by all.

#![expect(
    clippy::inline_always,
    reason = "generic kernels must be inlined into the function that enables their instructions"
)]
#![expect(clippy::many_single_char_names, reason = "n, h, w, c, x, y, d are the field's own words")]
#![expect(clippy::needless_range_loop, reason = "transforms index rows and columns alike")]

mod allocator;
mod autograd;
mod cpu;
mod cuda;
mod functional;
mod geometry;
mod op;
pub mod optim;
mod tensor;

pub use allocator::CachingAllocator;
pub use autograd::{Gradients, value_and_grad};
pub use cpu::simd::{SimdError, pin_simd, select_simd, simd_path};
#[cfg(any(test, feature = "emulator"))]
pub use cuda::emulator;
pub use cuda::upload;
pub use cuda::{CudaUnavailable, probe_cuda};
#[cfg(feature = "cuda")]
pub use cuda::{nan_fill_outputs, open_cuda};
pub use functional::{
    BatchNormEval, BatchStatistics, Precision, PrecisionError, Reduction, RunningStatistics,
    batch_norm_eval, batch_norm_train, bce_with_logits, conv2d, conv2d_bias_act,
    conv2d_with_precision, focal_loss, fold_batch_norm, global_average_pool, linear,
    linear_with_precision, max_pool2d, relu, relu6, weighted_focal_loss, zero_pad2d,
};
pub use geometry::{Conv2d, Padding};

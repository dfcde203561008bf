//! The operations on a graphics card.
//!
//! The public functions of this crate come here when their tensors lie on a card. Convolutions go
//! through cuDNN, all else through kernels of our own (`kernels/*.cu`), compiled by NVRTC when the
//! first operation runs on a card.
//!
//! - Activations are `f32` or `bf16`, `[N, H, W, C]` as on the processor. A convolution asked for
//!   [`Precision::Bf16`](crate::Precision) answers in `bf16`, every other operation in what it was
//!   given; weights, statistics, logits, losses and the optimiser's state are `f32`, and sums are
//!   taken in `f32` or wider.
//! - Nothing waits for the card but what returns a number to the processor.
//! - Every sum has a fixed order and algorithms that have none are not chosen: the same bits on
//!   every run on one kind of card.
//!
//! `plan` says which kernel is launched with which blocks and arguments, and knows no CUDA; so the
//! tests (`emulated`) run the very same launches of the very same sources on the processor.

#[cfg(feature = "cuda")]
mod card;
#[cfg(feature = "cuda")]
mod convolution;
#[cfg(feature = "cuda")]
mod cudnn;
#[cfg(feature = "cuda")]
mod gradients;
#[cfg(feature = "cuda")]
mod head;
#[cfg(feature = "cuda")]
mod memory;
#[cfg(feature = "cuda")]
mod norm;
#[cfg(feature = "cuda")]
mod optim;
#[cfg(any(test, feature = "cuda"))]
mod plan;
#[cfg(feature = "cuda")]
mod pointwise;
#[cfg(feature = "cuda")]
mod pool;
mod probe;
#[cfg(feature = "cuda")]
mod table;
#[cfg(test)]
mod tests;
pub mod upload;

#[cfg(feature = "cuda")]
pub use probe::open_cuda;
pub use probe::{NoCuda, find_cuda};

#[cfg(feature = "cuda")]
pub use {memory::poison_outputs, optim::follow};

#[cfg(feature = "cuda")]
pub(crate) use {
    convolution::{conv2d, conv2d_bias_act},
    gradients::{add_all, clip, norm, scale_all},
    head::{linear, loss},
    norm::{BatchNorm, batch_norm_eval, batch_norm_train},
    optim::{OptimizerRow, adamw, sgd},
    pointwise::{add, concat_affine, relu, zero_pad2d},
    pool::{global_average_pool, max_pool2d},
};

/// The sources of all kernels, in the order in which they are compiled as one program.
#[cfg(any(test, feature = "cuda"))]
const SOURCES: [&str; 8] = [
    include_str!("../../kernels/prelude.cuh"),
    include_str!("../../kernels/pointwise.cu"),
    include_str!("../../kernels/norm.cu"),
    include_str!("../../kernels/norm_backward.cu"),
    include_str!("../../kernels/pool.cu"),
    include_str!("../../kernels/head.cu"),
    include_str!("../../kernels/convolution.cu"),
    include_str!("../../kernels/table.cu"),
];

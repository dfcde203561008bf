//! Computed operations: an output, and the backward pass that autograd may record for it.
//!
//! The functions of `functional` compute the output on the CPU or the GPU first and then pass it to
//! autograd with the closure that computes the gradients of the inputs.

use candle_core::{CpuStorage, Result, Shape, Storage, Tensor};

/// The arguments of an operation's backward pass.
#[derive(Clone, Copy)]
pub(crate) struct BackwardContext<'a, const N: usize> {
    pub(crate) inputs: [&'a Tensor; N],
    pub(crate) output: &'a Tensor,
    /// Gradient of the loss with respect to the output; contiguous, of the output's shape.
    pub(crate) grad_output: &'a Tensor,
    pub(crate) needs_input_grad: [bool; N],
}

/// From the context to the gradients of the inputs; gradients that are not needed may be `None`.
pub(crate) type Backward<const N: usize> =
    dyn Fn(&BackwardContext<'_, N>) -> Result<[Option<Tensor>; N]> + Send + Sync;

/// The output of an operation on `N` tensors, with its backward pass.
pub(crate) struct Op<const N: usize> {
    pub(crate) name: &'static str,
    pub(crate) output: Storage,
    pub(crate) shape: Shape,
    pub(crate) backward: Box<Backward<N>>,
}

impl<const N: usize> Op<N> {
    pub(crate) fn new(
        name: &'static str,
        output: Storage,
        shape: impl Into<Shape>,
        backward: impl Fn(&BackwardContext<'_, N>) -> Result<[Option<Tensor>; N]>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { name, output, shape: shape.into(), backward: Box::new(backward) }
    }

    /// An operation whose output was computed on the CPU.
    pub(crate) fn on_cpu(
        name: &'static str,
        output: Vec<f32>,
        shape: impl Into<Shape>,
        backward: impl Fn(&BackwardContext<'_, N>) -> Result<[Option<Tensor>; N]>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::new(name, Storage::Cpu(CpuStorage::F32(output)), shape, backward)
    }
}

//! Reverse-mode autodiff that keeps fewer buffers than candle's.
//!
//! Candle adds every gradient to a tensor of zeros that it allocates first, on threads of its own
//! that spin while they wait, and keeps all activations until the loss is dropped. Within
//! [`value_and_grad`] the operations of this crate are recorded on a tape instead: the first
//! gradient of a tensor is kept as it is, later ones are added in place in a fixed order, and what
//! an operation has saved is freed as soon as its backward pass has run. Outside of it they join
//! candle's graph, and `Tensor::backward` works as for candle's own operations.

mod candle_op;
mod gradients;
mod tape;

pub use gradients::Gradients;
pub(crate) use tape::requires_grad;
pub use tape::value_and_grad;

use crate::op::Op;
use candle_core::{Result, Tensor};
use candle_op::{Apply, CandleOp};

/// Records an operation on the tape or, where none is recording, in candle's graph; returns its
/// output.
pub(crate) fn record<const N: usize>(inputs: [&Tensor; N], op: Op<N>) -> Result<Tensor>
where
    CandleOp<N>: Apply<N>,
{
    if tape::is_recording() { tape::push(inputs, op) } else { CandleOp::from(op).apply(inputs) }
}

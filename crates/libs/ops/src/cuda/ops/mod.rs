//! Operations on the GPU: outputs, launches and backward passes.

mod conv;
mod linear_loss;
mod multi_tensor;
mod norm;
mod pointwise;
mod pool;

pub(crate) use conv::{conv2d, conv2d_bias_act};
pub(crate) use linear_loss::{linear, loss};
pub(crate) use multi_tensor::{
    OptimizerRow, adamw, add_all, clip, ema_update, norm, scale_all, sgd,
};
pub(crate) use norm::{BatchNorm, batch_norm_eval, batch_norm_train};
pub(crate) use pointwise::{add, concat_affine, relu, zero_pad2d};
pub(crate) use pool::{global_average_pool, max_pool2d};

use super::context::Output;
use crate::op::{BackwardContext, Op};
use candle_core::{Result, Shape, Storage, Tensor};

/// An operation with this output.
fn op<const N: usize>(
    name: &'static str,
    output: Output,
    shape: impl Into<Shape>,
    backward: impl Fn(&BackwardContext<'_, N>) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static,
) -> Op<N> {
    Op::new(name, Storage::Cuda(output.storage), shape, backward)
}

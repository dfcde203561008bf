//! ReLU and ReLU6.
//!
//! Source of ReLU6: Howard et al. (2017), arXiv 1704.04861.

use crate::autograd::record;
use crate::cpu::{activation, simd};
use crate::op::Op;
use crate::tensor::{cpu_tensor, cpu_values, dispatch_cuda};
use candle_core::{Result, Tensor};

/// `max(x, 0)` of a tensor of any shape; the gradient at 0 is 0.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor, or on the GPU `f32` or `bf16`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    clamped_relu(x, None, "relu")
}

/// `min(max(x, 0), 6)` of a tensor of any shape, NaN for NaN; the gradient at 0 and at 6 is 0, both
/// as in PyTorch.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor, or on the GPU `f32` or `bf16`.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    clamped_relu(x, Some(6.0), "relu6")
}

fn clamped_relu(x: &Tensor, max: Option<f32>, name: &'static str) -> Result<Tensor> {
    dispatch_cuda!(x, record([x], crate::cuda::relu(x, max, name)?));
    let level = simd::current()?;
    let y = activation::relu_forward(level, &cpu_values(x, name)?, max);
    let op = Op::on_cpu(name, y, x.shape(), move |ctx| {
        let y = &cpu_values(ctx.output, name)?;
        let dx = activation::relu_backward(level, y, &cpu_values(ctx.grad_output, name)?, max);
        Ok([Some(cpu_tensor(dx, ctx.output.shape())?)])
    });
    record([x], op)
}

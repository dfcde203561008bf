//! Zero padding.

use crate::autograd::record;
use crate::cpu::pad;
use crate::geometry::Padding;
use crate::op::Op;
use crate::tensor::{cpu_tensor, cpu_values, dims4, dispatch_cuda};
use candle_core::{Result, Tensor};

const NAME: &str = "zero_pad2d";

/// `x [N, H, W, C]` with zeros around each image.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor `[N, H, W, C]`, or on the GPU `f32` or `bf16`.
pub fn zero_pad2d(x: &Tensor, padding: Padding) -> Result<Tensor> {
    let dims = dims4(x.dims(), NAME)?;
    dispatch_cuda!(x, record([x], crate::cuda::zero_pad2d(x, padding)?));
    let y = pad::forward(&cpu_values(x, NAME)?, padding, dims);
    let op = Op::on_cpu(NAME, y, &pad::padded_dims(padding, dims), move |ctx| {
        let dx = pad::backward(&cpu_values(ctx.grad_output, NAME)?, padding, dims);
        Ok([Some(cpu_tensor(dx, &dims)?)])
    });
    record([x], op)
}

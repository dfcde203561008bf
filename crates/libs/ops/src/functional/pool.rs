//! Max-pooling and the global average.

use crate::autograd::record;
use crate::cpu::{pool, simd};
use crate::geometry::PoolWindow;
use crate::op::Op;
use crate::tensor::{cpu_tensor, cpu_values, dims4, dispatch_cuda};
use candle_core::{Result, Tensor};

/// The maximum over `kernel x kernel` windows of `x [N, H, W, C]`; the padding never wins.
///
/// The first maximum of a window takes the gradient, in the order top to bottom, left to right; a
/// NaN counts as the greatest, and the last NaN of a window wins: both as in PyTorch.
///
/// # Errors
/// When the window does not fit, or `x` is not a contiguous `f32` tensor, or on the GPU `f32` or
/// `bf16`.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    const NAME: &str = "max_pool2d";
    let dims = dims4(x.dims(), NAME)?;
    let [n, h, w, c] = dims;
    let window = PoolWindow::new([h, w, c], kernel, stride, padding)?;
    dispatch_cuda!(x, record([x], crate::cuda::max_pool2d(x, window)?));
    let level = simd::current()?;
    let (y, indices) = pool::max_forward(level, &window, &cpu_values(x, NAME)?);
    let op = Op::on_cpu(NAME, y, (n, window.h_out, window.w_out, c), move |ctx| {
        let dx = pool::max_backward(level, &window, &cpu_values(ctx.grad_output, NAME)?, &indices);
        Ok([Some(cpu_tensor(dx, &dims)?)])
    });
    record([x], op)
}

/// The mean over the pixels of `x [N, H, W, C]`: `[N, C]`.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor `[N, H, W, C]`, or on the GPU `f32` or `bf16`.
pub fn global_average_pool(x: &Tensor) -> Result<Tensor> {
    const NAME: &str = "global_average_pool";
    let dims = dims4(x.dims(), NAME)?;
    let [n, h, w, c] = dims;
    dispatch_cuda!(x, record([x], crate::cuda::global_average_pool(x)?));
    let y = pool::average_forward(simd::current()?, &cpu_values(x, NAME)?, h * w, c);
    let op = Op::on_cpu(NAME, y, (n, c), move |ctx| {
        let dx = pool::average_backward(&cpu_values(ctx.grad_output, NAME)?, h * w, c);
        Ok([Some(cpu_tensor(dx, &dims)?)])
    });
    record([x], op)
}

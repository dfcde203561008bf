//! Two-dimensional convolution, with gradients and as a fused evaluation-time block.

use super::Precision;
use crate::autograd::record;
use crate::cpu::conv::{self, Epilogue};
use crate::cpu::simd::{self, GemmDtype};
use crate::geometry::{Conv2d, ConvGeometry};
use crate::op::Op;
use crate::tensor::{check_channels, check_residual, cpu_tensor, cpu_values, dispatch_cuda};
use candle_core::{Result, Tensor};

const NAME: &str = "conv2d";

/// Convolves `x [N, H, W, C]` with `weight [O, C / groups, kh, kw]` to `[N, H', W', O]`.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not a contiguous `f32` on the CPU.
pub fn conv2d(x: &Tensor, weight: &Tensor, spec: &Conv2d) -> Result<Tensor> {
    conv2d_with_precision(x, weight, spec, Precision::F32)
}

/// [`conv2d`] whose operands, and those of its gradients, are rounded to `precision`; products are
/// summed in `f32` and tensors stay `f32`. On the GPU the output of `bf16` is a `bf16` tensor, and
/// an input of `bf16` selects it as well.
///
/// # Errors
/// As [`conv2d`], and when this CPU or the pinned SIMD path lacks the precision.
pub fn conv2d_with_precision(
    x: &Tensor,
    weight: &Tensor,
    spec: &Conv2d,
    precision: Precision,
) -> Result<Tensor> {
    let g = ConvGeometry::new(x.dims(), weight.dims(), spec)?;
    dispatch_cuda!(
        x,
        record([x, weight], crate::cuda::conv2d(x, weight, g, precision == Precision::Bf16)?)
    );
    let dtype = precision.gemm_dtype()?;
    let y = conv::forward(
        dtype,
        &g,
        &cpu_values(x, NAME)?,
        &cpu_values(weight, NAME)?,
        &Epilogue::NONE,
    );
    let op = Op::on_cpu(NAME, y, &g.shape_out(), move |ctx| {
        conv2d_backward(dtype, &g, ctx.inputs, ctx.grad_output, ctx.needs_input_grad)
    });
    record([x, weight], op)
}

/// The gradients of the activations and the weights, as far as they are needed.
pub(super) fn conv2d_backward(
    dtype: GemmDtype,
    g: &ConvGeometry,
    [x, weight]: [&Tensor; 2],
    dy: &Tensor,
    [needs_x, needs_weight]: [bool; 2],
) -> Result<[Option<Tensor>; 2]> {
    let dy: &[f32] = &cpu_values(dy, NAME)?;
    let mut gradients = [None, None];
    if needs_x {
        let dx = conv::input_gradient(dtype, g, dy, &cpu_values(weight, NAME)?);
        gradients[0] = Some(cpu_tensor(dx, x.shape())?);
    }
    if needs_weight {
        let dw = conv::weight_gradient(dtype, g, &cpu_values(x, NAME)?, dy);
        gradients[1] = Some(cpu_tensor(dw, weight.shape())?);
    }
    Ok(gradients)
}

/// `relu?(conv(x, weight) + bias + residual?)`, for evaluation: nothing is recorded.
///
/// # Errors
/// As [`conv2d`], and when the bias is not `[O]` or the residual not of the output's shape.
pub fn conv2d_bias_act(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    spec: &Conv2d,
    residual: Option<&Tensor>,
    relu: bool,
) -> Result<Tensor> {
    let g = ConvGeometry::new(x.dims(), weight.dims(), spec)?;
    check_channels(bias, g.c_out, "the bias of conv2d_bias_act")?;
    check_residual(residual, &g.shape_out(), "conv2d_bias_act")?;
    dispatch_cuda!(x, crate::cuda::conv2d_bias_act(x, (weight, bias), g, residual, relu));
    let dtype = GemmDtype::f32(simd::current()?);
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    let residual = residual.map(Tensor::contiguous).transpose()?;
    let residual = residual.as_ref().map(|residual| cpu_values(residual, NAME)).transpose()?;
    let bias = cpu_values(&bias, NAME)?;
    let epilogue = Epilogue { bias: Some(&bias), residual: residual.as_deref(), relu };
    let (x, weight) = (cpu_values(&x, NAME)?, cpu_values(&weight, NAME)?);
    cpu_tensor(conv::forward(dtype, &g, &x, &weight, &epilogue), &g.shape_out())
}

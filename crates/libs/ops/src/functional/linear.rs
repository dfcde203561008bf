//! The linear layer.

use super::Precision;
use super::conv2d::conv2d_backward;
use crate::autograd::record;
use crate::cpu::conv::{self, Epilogue};
use crate::geometry::{Conv2d, ConvGeometry};
use crate::op::Op;
use crate::tensor::{cpu_tensor, cpu_values, dispatch_cuda};
use candle_core::{Result, Tensor, bail};

const NAME: &str = "linear";

/// `x w^T + b` for `x [N, in]`, `weight [out, in]`, `bias [out]`.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not a contiguous `f32` on the CPU.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear_with_precision(x, weight, bias, Precision::F32)
}

/// [`linear`] whose products take operands rounded to `precision` and are summed in `f32`.
///
/// # Errors
/// As [`linear`], and when this CPU or the pinned SIMD path lacks the precision.
pub fn linear_with_precision(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    precision: Precision,
) -> Result<Tensor> {
    let g = geometry(x.dims(), weight.dims(), bias.dims())?;
    let inputs = [x, weight, bias];
    dispatch_cuda!(x, record(inputs, crate::cuda::linear(inputs, precision == Precision::Bf16)?));
    let dtype = precision.gemm_dtype()?;
    let bias_values: &[f32] = &cpu_values(bias, NAME)?;
    let epilogue = Epilogue { bias: Some(bias_values), ..Epilogue::NONE };
    let y = conv::forward(dtype, &g, &cpu_values(x, NAME)?, &cpu_values(weight, NAME)?, &epilogue);
    let op = Op::on_cpu(NAME, y, (g.n, g.c_out), move |ctx| {
        let ([x, weight, bias], dy) = (ctx.inputs, ctx.grad_output);
        let [needs_x, needs_weight, needs_bias] = ctx.needs_input_grad;
        let [dx, dw] = conv2d_backward(dtype, &g, [x, weight], dy, [needs_x, needs_weight])?;
        let mut db = None;
        if needs_bias {
            db = Some(cpu_tensor(column_sums(&cpu_values(dy, NAME)?, g.c_out), bias.shape())?);
        }
        Ok([dx, dw, db])
    });
    record(inputs, op)
}

/// The layer as a 1x1 convolution of one pixel a row.
fn geometry(x: &[usize], weight: &[usize], bias: &[usize]) -> Result<ConvGeometry> {
    match (x, weight, bias) {
        (&[rows, c_in], &[c_out, w_in], &[b_out])
            if c_in == w_in && c_out == b_out && rows * c_in * c_out > 0 =>
        {
            ConvGeometry::new(&[rows, 1, 1, c_in], &[c_out, c_in, 1, 1], &Conv2d::default())
        }
        _ => bail!("linear takes [N, in], [out, in] and [out], not {x:?}, {weight:?} and {bias:?}"),
    }
}

fn column_sums(rows: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; columns];
    for row in rows.chunks_exact(columns) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums
}

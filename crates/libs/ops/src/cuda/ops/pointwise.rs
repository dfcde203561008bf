//! Elementwise operations on the GPU: ReLU, zero padding, addition, casts, concatenation.

use super::op;
use crate::cuda::context::{CudaContext, act_dtype, check_dtype};
use crate::cuda::launch::{ActDtype, layers};
use crate::geometry::Padding;
use crate::op::Op;
use crate::tensor::dims4;
use candle_core::{DType, Result, Tensor, bail};

/// `min(max(x, 0), limit)`.
pub(crate) fn relu(x: &Tensor, limit: Option<f32>, name: &'static str) -> Result<Op<1>> {
    let (context, dtype) = (CudaContext::of(x.device())?, act_dtype(x, name)?);
    let (count, limit) = (x.elem_count(), limit.unwrap_or(layers::NO_LIMIT));
    let y = context.alloc_act(dtype, count)?;
    context.with_addresses([x], |[x]| {
        context.launch(&layers::relu(dtype, [y.address, x], limit, count))
    })?;
    Ok(op(name, y, x.shape(), move |ctx| {
        let dx = context.alloc_act(dtype, count)?;
        context.with_addresses([ctx.output, ctx.grad_output], |[y, dy]| {
            context.launch(&layers::relu_backward(dtype, [dx.address, y, dy], limit, count))
        })?;
        Ok([Some(dx.into_tensor(ctx.output.shape()))])
    }))
}

/// `[N, H, W, C]` with zeros around each image.
pub(crate) fn zero_pad2d(x: &Tensor, padding: Padding) -> Result<Op<1>> {
    const NAME: &str = "zero_pad2d";
    let (context, dtype) = (CudaContext::of(x.device())?, act_dtype(x, NAME)?);
    let dims = dims4(x.dims(), NAME)?;
    let padded = layers::padded(padding, dims);
    let y = context.alloc_act(dtype, padded.iter().product())?;
    context.with_addresses([x], |[x]| {
        context.launch(&layers::pad(dtype, [y.address, x], padding, dims))
    })?;
    Ok(op(NAME, y, &padded, move |ctx| {
        let dx = context.alloc_act(dtype, dims.iter().product())?;
        context.with_addresses([ctx.grad_output], |[dy]| {
            context.launch(&layers::pad_backward(dtype, [dx.address, dy], padding, dims))
        })?;
        Ok([Some(dx.into_tensor(&dims))])
    }))
}

/// `sum += term`.
pub(crate) fn add(sum: &Tensor, term: &Tensor) -> Result<()> {
    let (context, dtype) = (CudaContext::of(sum.device())?, act_dtype(sum, "a sum of gradients")?);
    check_dtype(term, sum.dtype(), "a term of a sum of gradients")?;
    if !sum.is_contiguous() || sum.dims() != term.dims() {
        bail!("gradients {:?} and {:?} do not add", sum.dims(), term.dims());
    }
    let count = sum.elem_count();
    context.with_addresses([sum, term], |at| context.launch(&layers::add(dtype, at, count)))
}

/// `x` as contiguous activations of a type; not a copy if it is that already.
pub(super) fn cast(context: &CudaContext, x: &Tensor, to: ActDtype) -> Result<Tensor> {
    let (from, count) = (act_dtype(x, "a cast")?, x.elem_count());
    if from == to {
        return x.detach().contiguous();
    }
    let y = context.alloc_act(to, count)?;
    context.with_addresses([x], |[x]| match to {
        ActDtype::Bf16 => context.launch(&layers::cast_from_f32(to, [y.address, x], count)),
        ActDtype::F32 => context.launch(&layers::cast_to_f32(from, [y.address, x], count)),
    })?;
    Ok(y.into_tensor(x.shape()))
}

/// Gamma and beta, `[C]` each, as one tensor `[2 C]`.
pub(crate) fn concat_affine(weight: &Tensor, bias: &Tensor) -> Result<Op<2>> {
    let (context, half) = (CudaContext::of(weight.device())?, weight.elem_count());
    check_dtype(weight, DType::F32, "the weight of batch_norm")?;
    check_dtype(bias, DType::F32, "the bias of batch_norm")?;
    let y = context.alloc::<f32>(2 * half)?;
    context.with_addresses([weight, bias], |[a, b]| {
        context.launch(&layers::concat_halves([y.address, a, b], half))
    })?;
    Ok(op("concat_affine", y, 2 * half, move |ctx| {
        let dy = ctx.grad_output;
        Ok([Some(dy.narrow(0, 0, half)?), Some(dy.narrow(0, half, half)?)])
    }))
}

//! Batch normalisation on the GPU, fused with the residual and the ReLU that follow it.

use super::op;
use crate::cuda::context::{CudaContext, Output, act_dtype, check_dtype};
use crate::cuda::launch::norm::{Norm, STATISTICS};
use crate::op::{BackwardContext, Op};
use candle_core::{DType, Result, Tensor, bail};
use std::sync::Arc;

const NAME: &str = "batch_norm";

/// What is fused with the normalisation, and what is added to the variance.
#[derive(Clone, Copy)]
pub(crate) struct BatchNorm {
    pub(crate) has_residual: bool,
    pub(crate) relu: bool,
    pub(crate) eps: f64,
}

/// With the statistics of the batch: the operation, and mean and unbiased variance, `[C]` each.
/// Inputs are `x`, gamma and beta `[2 C]`, and the residual or any tensor in its place.
pub(crate) fn batch_norm_train(
    inputs: [&Tensor; 3],
    fused: BatchNorm,
) -> Result<(Op<3>, [Tensor; 2])> {
    let (op, statistics) = normalize(inputs, fused, None)?;
    let channels = statistics.elem_count() / STATISTICS;
    let row = |k: usize| statistics.narrow(0, k * channels, channels);
    Ok((op, [row(0)?, row(2)?]))
}

/// With the given mean and variance, `[C]` each.
pub(crate) fn batch_norm_eval(
    inputs: [&Tensor; 3],
    fused: BatchNorm,
    mean_variance: [&Tensor; 2],
) -> Result<Op<3>> {
    Ok(normalize(inputs, fused, Some(mean_variance))?.0)
}

fn normalize(
    inputs: [&Tensor; 3],
    fused: BatchNorm,
    mean_variance: Option<[&Tensor; 2]>,
) -> Result<(Op<3>, Tensor)> {
    let [x, _, residual] = inputs;
    let context = CudaContext::of(x.device())?;
    if fused.has_residual {
        check_dtype(residual, x.dtype(), "the residual of batch_norm")?;
    }
    let (y, statistics) = forward(&context, inputs, fused, mean_variance)?;
    let (saved, is_training) = (statistics.clone(), mean_variance.is_none());
    let op = op(NAME, y, x.shape(), move |ctx| backward(&context, ctx, &saved, fused, is_training));
    Ok((op, statistics))
}

/// The output, and the saved statistics `[STATISTICS * C]`.
fn forward(
    context: &Arc<CudaContext>,
    inputs: [&Tensor; 3],
    fused: BatchNorm,
    mean_variance: Option<[&Tensor; 2]>,
) -> Result<(Output, Tensor)> {
    let dtype = act_dtype(inputs[0], NAME)?;
    let (count, channels) = (inputs[0].elem_count(), inputs[1].elem_count() / 2);
    let y = context.alloc_act(dtype, count)?;
    let statistics = context.alloc::<f32>(STATISTICS * channels)?;
    context.with_addresses(inputs, |[x, affine, residual]| {
        let at = [y.address, x, if fused.has_residual { residual } else { 0 }];
        let norm = Norm::new(dtype, count / channels, channels, &at);
        if let Some([mean, variance]) = mean_variance {
            check_dtype(mean, DType::F32, "the running mean of batch_norm")?;
            check_dtype(variance, DType::F32, "the running variance of batch_norm")?;
            context.with_addresses([mean, variance], |[mean, variance]| {
                let at = [statistics.address, mean, variance, affine];
                context.launch(&norm.fixed_statistics(at, fused.eps))
            })?;
        } else {
            let partials = context.alloc::<f32>(norm.partials())?;
            context.launch(&norm.moments(x, partials.address))?;
            let at = [statistics.address, partials.address, affine];
            context.launch(&norm.statistics(at, fused.eps))?;
        }
        context.launch(&norm.apply(at, statistics.address, fused.relu))
    })?;
    Ok((y, statistics.into_tensor(STATISTICS * channels)))
}

fn backward(
    context: &CudaContext,
    ctx: &BackwardContext<'_, 3>,
    statistics: &Tensor,
    fused: BatchNorm,
    is_training: bool,
) -> Result<[Option<Tensor>; 3]> {
    let ([x, affine, _], dy) = (ctx.inputs, ctx.grad_output);
    let dtype = act_dtype(x, NAME)?;
    if dy.dtype() != x.dtype() {
        bail!(
            "the gradient of the output of batch_norm is {:?}, its input {:?}",
            dy.dtype(),
            x.dtype()
        );
    }
    let (count, channels) = (x.elem_count(), affine.elem_count() / 2);
    let dx = context.alloc_act(dtype, count)?;
    let needs_residual = fused.has_residual && ctx.needs_input_grad[2];
    let dr = needs_residual.then(|| context.alloc_act(dtype, count)).transpose()?;
    let to = [dx.address, dr.as_ref().map_or(0, |dr| dr.address)];
    let coefficients = context.alloc::<f32>(3 * channels)?;
    let daffine = context.alloc::<f32>(2 * channels)?;
    context.with_addresses(
        [x, ctx.output, dy, affine, statistics],
        |[x, y, dy, affine, saved]| {
            let norm = Norm::new(dtype, count / channels, channels, &[x, y, dy, to[0], to[1]]);
            let partials = context.alloc::<f32>(norm.partials())?;
            context.launch(&norm.grad_sums([x, y, dy], [saved, partials.address], fused.relu))?;
            let at = [coefficients.address, daffine.address, partials.address, saved, affine];
            context.launch(&norm.grad_coefficients(at, is_training))?;
            context.launch(&norm.input_grad(to, [x, y, dy], coefficients.address, fused.relu))
        },
    )?;
    let dr = dr.map(|dr| dr.into_tensor(x.shape()));
    Ok([Some(dx.into_tensor(x.shape())), Some(daffine.into_tensor(2 * channels)), dr])
}

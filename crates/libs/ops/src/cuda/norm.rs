//! Batch normalisation, fused with the residual and the rectifier behind it.

use super::card::Card;
use super::memory::{Output, check_type, real_of};
use super::plan::Real;
use super::plan::norm::{Norm, SAVED};
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

/// Normalises `[x, affine, residual]` with the batch's own statistics; the mean and the unbiased
/// variance are returned as well. Shapes are checked already.
pub(crate) fn batch_norm_train(
    inputs: [&Tensor; 3],
    fused: BatchNorm,
) -> Result<(Op<3>, [Tensor; 2])> {
    let (op, saved) = normalized(inputs, fused, None)?;
    let channels = saved.elem_count() / SAVED;
    let nth = |k: usize| saved.narrow(0, k * channels, channels);
    Ok((op, [nth(0)?, nth(2)?]))
}

/// Normalises `[x, affine, residual]` with the given mean and variance.
pub(crate) fn batch_norm_eval(
    inputs: [&Tensor; 3],
    fused: BatchNorm,
    statistics: [&Tensor; 2],
) -> Result<Op<3>> {
    Ok(normalized(inputs, fused, Some(statistics))?.0)
}

fn normalized(
    inputs: [&Tensor; 3],
    fused: BatchNorm,
    fixed: Option<[&Tensor; 2]>,
) -> Result<(Op<3>, Tensor)> {
    let [x, _, residual] = inputs;
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    if fused.has_residual {
        check_type(residual, x.dtype(), "the residual of batch_norm")?;
    }
    let (y, saved) = forward(&card, real, inputs, fused, fixed)?;
    let (kept, is_training) = (saved.clone(), fixed.is_none());
    let op = Op::new(NAME, y.into_storage(), x.shape(), move |ctx| {
        backward(&card, real, ctx, &kept, fused, is_training)
    });
    Ok((op, saved))
}

/// The output, and the statistics with the map that was applied, `[SAVED * C]`.
fn forward(
    card: &Arc<Card>,
    real: Real,
    inputs: [&Tensor; 3],
    fused: BatchNorm,
    fixed: Option<[&Tensor; 2]>,
) -> Result<(Output, Tensor)> {
    let (count, channels) = (inputs[0].elem_count(), inputs[1].elem_count() / 2);
    let (y, saved) = (card.reals(real, count)?, card.room::<f32>(SAVED * channels)?);
    card.with(inputs, |[x, affine, residual]| {
        let residual = if fused.has_residual { residual } else { 0 };
        let at = [y.address, x, residual];
        let norm = Norm::new(real, count / channels, channels, &at);
        if let Some([mean, variance]) = fixed {
            check_type(mean, DType::F32, "the running mean of batch_norm")?;
            check_type(variance, DType::F32, "the running variance of batch_norm")?;
            card.with([mean, variance], |[mean, variance]| {
                card.launch(&norm.fixed([saved.address, mean, variance, affine], fused.eps))
            })?;
        } else {
            let parts = card.room::<f32>(norm.parts() * 2 * channels)?;
            card.launch(&norm.moments(x, parts.address))?;
            let at = [saved.address, parts.address, affine];
            card.launch(&norm.statistics(at, fused.eps))?;
        }
        card.launch(&norm.apply(at, saved.address, fused.relu))
    })?;
    Ok((y, saved.tensor(SAVED * channels)))
}

fn backward(
    card: &Arc<Card>,
    real: Real,
    ctx: &BackwardContext<'_, 3>,
    saved: &Tensor,
    fused: BatchNorm,
    is_training: bool,
) -> Result<[Option<Tensor>; 3]> {
    let [x, affine, _] = ctx.inputs;
    let (y, dy) = (ctx.output, ctx.grad_output);
    if dy.dtype() != x.dtype() {
        bail!("the gradient behind batch_norm is {:?}, its input {:?}", dy.dtype(), x.dtype());
    }
    let (count, channels) = (x.elem_count(), affine.elem_count() / 2);
    let dx = card.reals(real, count)?;
    let wanted = fused.has_residual && ctx.needs_input_grad[2];
    let dr = wanted.then(|| card.reals(real, count)).transpose()?;
    let to = [dx.address, dr.as_ref().map_or(0, |dr| dr.address)];
    let [slopes, daffine] = [card.room::<f32>(3 * channels)?, card.room::<f32>(2 * channels)?];
    card.with([x, y, dy, affine, saved], |[x, y, dy, affine, saved]| {
        let norm = Norm::new(real, count / channels, channels, &[x, y, dy, to[0], to[1]]);
        let parts = card.room::<f32>(norm.parts() * 2 * channels)?;
        card.launch(&norm.sums([x, y, dy], [saved, parts.address], fused.relu))?;
        let at = [slopes.address, daffine.address, parts.address, saved, affine];
        card.launch(&norm.slopes(at, is_training))?;
        card.launch(&norm.gradients(to, [x, y, dy], slopes.address, fused.relu))
    })?;
    let dr = dr.map(|dr| dr.tensor(x.shape()));
    Ok([Some(dx.tensor(x.shape())), Some(daffine.tensor(2 * channels)), dr])
}

//! Batch normalisation, fused with the residual and the rectifier behind it.

use super::card::Card;
use super::memory::{Output, check_type, real_of};
use super::plan::Real;
use super::plan::norm::{Norm, SAVED};
use super::pointwise::join;
use super::recorded::Recorded;
use crate::norm::BatchStatistics;
use crate::tape::wants_gradient;
use candle_core::{DType, Result, Tensor, bail};
use std::sync::Arc;

const NAME: &str = "batch_norm";

/// Mean and variance from elsewhere, `[C]` each.
#[derive(Clone, Copy)]
pub(crate) struct Fixed<'a> {
    pub(crate) mean: &'a Tensor,
    pub(crate) variance: &'a Tensor,
}

/// What follows the normalisation, and what is added to the variance.
#[derive(Clone, Copy)]
struct After {
    residual: bool,
    relu: bool,
    eps: f64,
    /// With the batch's own statistics.
    own: bool,
}

/// With the batch's own statistics, which come back as well. Shapes are checked already.
pub(crate) fn batch_norm_train(
    x: &Tensor,
    affine: [&Tensor; 2],
    residual: Option<&Tensor>,
    (relu, eps): (bool, f64),
) -> Result<(Tensor, BatchStatistics)> {
    let (y, saved) = normalised(x, affine, residual, (relu, eps), None)?;
    let channels = saved.elem_count() / SAVED;
    let nth = |k: usize| saved.narrow(0, k * channels, channels);
    Ok((y, BatchStatistics { mean: nth(0)?, variance_unbiased: nth(2)? }))
}

/// With statistics from elsewhere.
pub(crate) fn batch_norm(
    x: &Tensor,
    affine: [&Tensor; 2],
    residual: Option<&Tensor>,
    after: (bool, f64),
    fixed: Fixed,
) -> Result<Tensor> {
    Ok(normalised(x, affine, residual, after, Some(fixed))?.0)
}

fn normalised(
    x: &Tensor,
    [weight, bias]: [&Tensor; 2],
    residual: Option<&Tensor>,
    (relu, eps): (bool, f64),
    fixed: Option<Fixed>,
) -> Result<(Tensor, Tensor)> {
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    if let Some(residual) = residual {
        check_type(residual, x.dtype(), "the residual of batch_norm")?;
    }
    let after = After { residual: residual.is_some(), relu, eps, own: fixed.is_none() };
    let affine = join(weight, bias)?;
    // An operation has three inputs; the second stands in for a residual that is not there.
    let third = residual.unwrap_or(&affine);
    let (y, saved) = forward(&card, real, [x, &affine, third], after, fixed)?;
    let kept = saved.clone();
    let back = move |inputs: [&Tensor; 3], outputs: [&Tensor; 2]| {
        backward(&card, real, inputs, outputs, (&kept, after))
    };
    let y = Recorded::new(NAME, y, x.shape(), back).on([x, &affine, third])?;
    Ok((y, saved))
}

/// The output, and the statistics with the map that was applied, `[SAVED * C]`.
fn forward(
    card: &Arc<Card>,
    real: Real,
    inputs: [&Tensor; 3],
    after: After,
    fixed: Option<Fixed>,
) -> Result<(Output, Tensor)> {
    let (count, channels) = (inputs[0].elem_count(), inputs[1].elem_count() / 2);
    let (y, saved) = (card.reals(real, count)?, card.room::<f32>(SAVED * channels)?);
    card.with(inputs, |[x, affine, residual]| {
        let residual = if after.residual { residual } else { 0 };
        let at = [y.address, x, residual];
        let norm = Norm::new(real, count / channels, channels, &at);
        if let Some(Fixed { mean, variance }) = fixed {
            check_type(mean, DType::F32, "the running mean of batch_norm")?;
            check_type(variance, DType::F32, "the running variance of batch_norm")?;
            card.with([mean, variance], |[mean, variance]| {
                card.launch(&norm.fixed([saved.address, mean, variance, affine], after.eps))
            })?;
        } else {
            let parts = card.room::<f32>(norm.parts() * 2 * channels)?;
            card.launch(&norm.moments(x, parts.address))?;
            let at = [saved.address, parts.address, affine];
            card.launch(&norm.statistics(at, after.eps))?;
        }
        card.launch(&norm.apply(at, saved.address, after.relu))
    })?;
    Ok((y, saved.tensor(SAVED * channels)))
}

fn backward(
    card: &Arc<Card>,
    real: Real,
    [x, affine, residual]: [&Tensor; 3],
    [y, dy]: [&Tensor; 2],
    (saved, after): (&Tensor, After),
) -> Result<[Option<Tensor>; 3]> {
    if dy.dtype() != x.dtype() {
        bail!("the gradient behind batch_norm is {:?}, its input {:?}", dy.dtype(), x.dtype());
    }
    let (count, channels) = (x.elem_count(), affine.elem_count() / 2);
    let dx = card.reals(real, count)?;
    let wanted = after.residual && wants_gradient(residual);
    let dr = wanted.then(|| card.reals(real, count)).transpose()?;
    let to = [dx.address, dr.as_ref().map_or(0, |dr| dr.address)];
    let [slopes, daffine] = [card.room::<f32>(3 * channels)?, card.room::<f32>(2 * channels)?];
    card.with([x, y, dy, affine, saved], |[x, y, dy, affine, saved]| {
        let norm = Norm::new(real, count / channels, channels, &[x, y, dy, to[0], to[1]]);
        let parts = card.room::<f32>(norm.parts() * 2 * channels)?;
        card.launch(&norm.sums([x, y, dy], [saved, parts.address], after.relu))?;
        let at = [slopes.address, daffine.address, parts.address, saved, affine];
        card.launch(&norm.slopes(at, after.own))?;
        card.launch(&norm.gradients(to, [x, y, dy], slopes.address, after.relu))
    })?;
    let dr = dr.map(|dr| dr.tensor(x.shape()));
    Ok([Some(dx.tensor(x.shape())), Some(daffine.tensor(2 * channels)), dr])
}

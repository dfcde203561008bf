//! Rectifiers, padding, sums and conversions.

use super::card::Card;
use super::memory::{check_type, real_of};
use super::plan::{Real, pointwise as plan};
use crate::geometry::Padding;
use crate::op::Op;
use crate::tensor::dims4;
use candle_core::{DType, Result, Tensor, bail};

/// `min(max(x, 0), most)`; no limit where there is none.
pub(crate) fn relu(x: &Tensor, most: Option<f32>, name: &'static str) -> Result<Op<1>> {
    let (card, real, count) = (Card::of(x.device())?, real_of(x, name)?, x.elem_count());
    let most = most.unwrap_or(plan::NO_LIMIT);
    let y = card.reals(real, count)?;
    card.with([x], |[x]| card.launch(&plan::rectify_forward(real, [y.address, x], most, count)))?;
    Ok(Op::new(name, y.into_storage(), x.shape(), move |ctx| {
        let dx = card.reals(real, count)?;
        card.with([ctx.output, ctx.grad_output], |[y, dy]| {
            card.launch(&plan::rectify_backward(real, [dx.address, y, dy], most, count))
        })?;
        Ok([Some(dx.tensor(ctx.output.shape()))])
    }))
}

/// Zeros around an image.
pub(crate) fn zero_pad2d(x: &Tensor, padding: Padding) -> Result<Op<1>> {
    const NAME: &str = "zero_pad2d";
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    let dims = dims4(x.dims(), NAME)?;
    let ([n, _, _, c], [tall, broad]) = (dims, plan::outer(padding, dims));
    let y = card.reals(real, n * tall * broad * c)?;
    card.with([x], |[x]| card.launch(&plan::pad_forward(real, [y.address, x], padding, dims)))?;
    Ok(Op::new(NAME, y.into_storage(), (n, tall, broad, c), move |ctx| {
        let [x] = ctx.inputs;
        let dx = card.reals(real, x.elem_count())?;
        card.with([ctx.grad_output], |[dy]| {
            card.launch(&plan::pad_backward(real, [dx.address, dy], padding, dims))
        })?;
        Ok([Some(dx.tensor(x.shape()))])
    }))
}

/// `sum += term`.
pub(crate) fn add(sum: &Tensor, term: &Tensor) -> Result<()> {
    const NAME: &str = "sum of gradients";
    let (card, real) = (Card::of(sum.device())?, real_of(sum, NAME)?);
    check_type(term, sum.dtype(), "a term of a sum of gradients")?;
    if !sum.is_contiguous() || sum.dims() != term.dims() {
        bail!("gradients {:?} and {:?} do not add", sum.dims(), term.dims());
    }
    let count = sum.elem_count();
    card.with([sum, term], |at| card.launch(&plan::add(real, at, count)))
}

/// `x` as activations of the kind asked for: itself where it is one.
pub(super) fn converted(card: &Card, x: &Tensor, to: Real) -> Result<Tensor> {
    let (from, count) = (real_of(x, "a conversion")?, x.elem_count());
    if from == to {
        return x.detach().contiguous();
    }
    let y = card.reals(to, count)?;
    card.with([x], |[x]| match to {
        Real::Bf16 => card.launch(&plan::from_float(to, [y.address, x], count)),
        Real::F32 => card.launch(&plan::to_float(from, [y.address, x], count)),
    })?;
    Ok(y.tensor(x.shape()))
}

/// Two vectors `[C]` of `f32` as one, `[2 C]`.
pub(crate) fn concat_affine(a: &Tensor, b: &Tensor) -> Result<Op<2>> {
    let (card, half) = (Card::of(a.device())?, a.elem_count());
    check_type(a, DType::F32, "a weight of batch_norm")?;
    check_type(b, DType::F32, "a bias of batch_norm")?;
    let y = card.reals(Real::F32, 2 * half)?;
    card.with([a, b], |[a, b]| card.launch(&plan::join([y.address, a, b], half)))?;
    Ok(Op::new("concat_affine", y.into_storage(), 2 * half, move |ctx| {
        let dy = ctx.grad_output;
        Ok([Some(dy.narrow(0, 0, half)?), Some(dy.narrow(0, half, half)?)])
    }))
}

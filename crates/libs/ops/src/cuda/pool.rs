//! Max-pooling with saved indices, and the global average.

use super::card::Card;
use super::memory::real_of;
use super::plan::pool as plan;
use crate::geometry::PoolWindow;
use crate::op::Op;
use crate::tensor::dims4;
use candle_core::{Result, Tensor};

/// The maximum over windows.
pub(crate) fn max_pool2d(x: &Tensor, window: PoolWindow) -> Result<Op<1>> {
    const NAME: &str = "max_pool2d";
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    let [n, _, _, c] = dims4(x.dims(), NAME)?;
    let shape = (n, window.h_out, window.w_out, c);
    let len = n * window.h_out * window.w_out * c;
    let (y, indices) = (card.reals(real, len)?, card.room::<u8>(len)?);
    card.with([x], |[x]| {
        card.launch(&plan::max_forward(real, [y.address, indices.address, x], &window, n))
    })?;
    let indices = indices.tensor(shape);
    Ok(Op::new(NAME, y.into_storage(), shape, move |ctx| {
        let [x] = ctx.inputs;
        let dx = card.reals(real, x.elem_count())?;
        card.with([&indices, ctx.grad_output], |[indices, dy]| {
            card.launch(&plan::max_backward(real, [dx.address, indices, dy], &window, n))
        })?;
        Ok([Some(dx.tensor(x.shape()))])
    }))
}

/// The mean over the pixels.
pub(crate) fn global_average_pool(x: &Tensor) -> Result<Op<1>> {
    const NAME: &str = "global_average_pool";
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    let [n, h, w, c] = dims4(x.dims(), NAME)?;
    let sizes = [n, h * w, c];
    let y = card.reals(real, n * c)?;
    card.with([x], |[x]| card.launch(&plan::average_forward(real, [y.address, x], sizes)))?;
    Ok(Op::new(NAME, y.into_storage(), (n, c), move |ctx| {
        let [x] = ctx.inputs;
        let dx = card.reals(real, x.elem_count())?;
        card.with([ctx.grad_output], |[dy]| {
            card.launch(&plan::average_backward(real, [dx.address, dy], sizes))
        })?;
        Ok([Some(dx.tensor(x.shape()))])
    }))
}

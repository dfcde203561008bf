//! Max-pooling with saved indices, and the global average.

use super::card::Card;
use super::memory::real_of;
use super::plan::pool as plan;
use super::recorded::Recorded;
use crate::pool::Window;
use crate::tensor::dims4;
use candle_core::{Result, Tensor};

/// The maximum over windows.
pub(crate) fn max_pool2d(
    x: &Tensor,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    const NAME: &str = "max_pool2d";
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    let [n, h, w, c] = dims4(x.dims(), NAME)?;
    let window = Window::new([h, w, c], kernel, stride, padding)?;
    let shape = (n, window.h_out, window.w_out, c);
    let len = n * window.h_out * window.w_out * c;
    let (y, indices) = (card.reals(real, len)?, card.room::<u8>(len)?);
    card.with([x], |[x]| {
        card.launch(&plan::max_forward(real, [y.address, indices.address, x], &window, n))
    })?;
    let indices = indices.tensor(shape);
    let back = move |[x]: [&Tensor; 1], [_, dy]: [&Tensor; 2]| {
        let dx = card.reals(real, x.elem_count())?;
        card.with([&indices, dy], |[indices, dy]| {
            card.launch(&plan::max_backward(real, [dx.address, indices, dy], &window, n))
        })?;
        Ok([Some(dx.tensor(x.shape()))])
    };
    Recorded::new(NAME, y, shape, back).on(x)
}

/// The mean over the pixels.
pub(crate) fn global_average_pool(x: &Tensor) -> Result<Tensor> {
    const NAME: &str = "global_average_pool";
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    let [n, h, w, c] = dims4(x.dims(), NAME)?;
    let sizes = [n, h * w, c];
    let y = card.reals(real, n * c)?;
    card.with([x], |[x]| card.launch(&plan::average_forward(real, [y.address, x], sizes)))?;
    let back = move |[x]: [&Tensor; 1], [_, dy]: [&Tensor; 2]| {
        let dx = card.reals(real, x.elem_count())?;
        card.with([dy], |[dy]| {
            card.launch(&plan::average_backward(real, [dx.address, dy], sizes))
        })?;
        Ok([Some(dx.tensor(x.shape()))])
    };
    Recorded::new(NAME, y, (n, c), back).on(x)
}

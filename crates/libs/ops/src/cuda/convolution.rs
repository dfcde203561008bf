//! Convolutions: through cuDNN, and by definition where it refuses a shape.
//!
//! Weights are `f32` in torchvision's layout. Each pass takes them in the layout beside NHWC and in
//! the precision of its products; the way back takes the very same copy.

use super::card::{Card, lock};
use super::cudnn::Pass;
use super::memory::{check_type, real_of};
use super::plan::norm::Norm;
use super::plan::pointwise::Sides;
use super::plan::{Real, convolution as direct, pointwise};
use super::pointwise::converted;
use crate::geometry::ConvGeometry;
use crate::op::Op;
use candle_core::{DType, Result, Tensor};
use std::sync::Arc;

/// A convolution that is to be computed on a card.
struct Convolution {
    card: Arc<Card>,
    real: Real,
    g: ConvGeometry,
}

/// `bf16` if it is asked for, or the input is `bf16` already.
pub(crate) fn conv2d(x: &Tensor, weight: &Tensor, g: ConvGeometry, is_bf16: bool) -> Result<Op<2>> {
    let it = Convolution::new(x, weight, g, is_bf16)?;
    let (input, filter) = (converted(&it.card, x, it.real)?, it.filter(weight)?);
    let y = it.forward(&input, &filter)?;
    Ok(Op::new("conv2d", y.into_storage(), &g.shape_out(), move |ctx| {
        let ([x, weight], dy) = (ctx.inputs, ctx.grad_output);
        let [needs_x, needs_weight] = ctx.needs_input_grad;
        let dx = needs_x.then(|| it.input_gradient(x, &filter, dy)).transpose()?;
        let dw = needs_weight.then(|| it.weight_gradient(weight, &input, dy)).transpose()?;
        Ok([dx, dw])
    }))
}

/// `relu?(conv(x, weight) + bias + residual?)`; nothing is recorded.
pub(crate) fn conv2d_bias_act(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    g: ConvGeometry,
    residual: Option<&Tensor>,
    relu: bool,
) -> Result<Tensor> {
    let it = Convolution::new(x, weight, g, false)?;
    check_type(bias, DType::F32, "the bias of conv2d_bias_act")?;
    let y = it.forward(&converted(&it.card, x, it.real)?, &it.filter(weight)?)?;
    let residual = residual.map(|residual| converted(&it.card, residual, it.real)).transpose()?;
    it.card.with([bias, residual.as_ref().unwrap_or(bias)], |[bias, other]| {
        let at = [y.address, y.address, residual.as_ref().map_or(0, |_| other)];
        let norm = Norm::new(it.real, it.g.rows_out(), it.g.c_out, &at);
        it.card.launch(&norm.shift(at, bias, relu))
    })?;
    Ok(y.tensor(&g.shape_out()))
}

impl Convolution {
    fn new(x: &Tensor, weight: &Tensor, g: ConvGeometry, is_bf16: bool) -> Result<Self> {
        check_type(weight, DType::F32, "the weight of conv2d")?;
        let real = if is_bf16 { Real::Bf16 } else { real_of(x, "conv2d")? };
        Ok(Self { card: Card::of(x.device())?, real, g })
    }

    fn sides(&self) -> Sides {
        [self.g.c_out, self.g.c_in / self.g.groups, self.g.kernel[0] * self.g.kernel[1]]
    }

    /// The weights as cuDNN takes them.
    fn filter(&self, weight: &Tensor) -> Result<Tensor> {
        let to = self.card.reals(self.real, self.g.len_weight())?;
        self.card.with([weight], |[from]| {
            self.card.launch(&pointwise::weights_in(self.real, [to.address, from], self.sides()))
        })?;
        Ok(to.tensor(self.g.len_weight()))
    }

    /// Runs a pass by cuDNN, else by definition; `at` are the output and both operands.
    fn run(&self, pass: Pass, at: [u64; 3]) -> Result<bool> {
        lock(&self.card.cudnn).run(&self.card, (pass, self.real, self.g), at)
    }

    fn forward(&self, x: &Tensor, filter: &Tensor) -> Result<super::memory::Output> {
        let y = self.card.reals(self.real, self.g.len_out())?;
        self.card.with([x, filter], |[x, filter]| {
            let at = [y.address, x, filter];
            if self.run(Pass::Forward, at)? {
                return Ok(());
            }
            self.card.launch(&direct::forward(self.real, at, &self.g))
        })?;
        Ok(y)
    }

    fn input_gradient(&self, x: &Tensor, filter: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let dy = converted(&self.card, dy, self.real)?;
        let dx = self.card.reals(self.real, self.g.len_in())?;
        self.card.with([&dy, filter], |[dy, filter]| {
            let at = [dx.address, dy, filter];
            if self.run(Pass::InputGradient, at)? {
                return Ok(());
            }
            self.card.launch(&direct::input_gradient(self.real, at, &self.g))
        })?;
        converted(&self.card, &dx.tensor(x.shape()), real_of(x, "conv2d")?)
    }

    fn weight_gradient(&self, weight: &Tensor, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let dy = converted(&self.card, dy, self.real)?;
        let turned = self.card.reals(self.real, self.g.len_weight())?;
        let dw = self.card.room::<f32>(self.g.len_weight())?;
        self.card.with([x, &dy], |[x, dy]| {
            let launch = if self.run(Pass::WeightGradient, [turned.address, x, dy])? {
                let at = [dw.address, turned.address];
                pointwise::weights_out(self.real, at, self.sides())
            } else {
                direct::weight_gradient(self.real, [dw.address, x, dy], &self.g)
            };
            self.card.launch(&launch)
        })?;
        Ok(dw.tensor(weight.shape()))
    }
}

//! The linear layer and the losses.

use super::card::Card;
use super::memory::{check_type, real_of};
use super::plan::head::{Linear, Loss};
use crate::op::{BackwardContext, Op};
use candle_core::{DType, Device, Result, Tensor, bail};
use std::sync::Arc;

/// `x w^T + bias`, `f32` whatever `x` is. Shapes are checked already.
pub(crate) fn linear(inputs: [&Tensor; 3], rounds: bool) -> Result<Op<3>> {
    const NAME: &str = "linear";
    let [x, weight, bias] = inputs;
    let (card, real) = (Card::of(x.device())?, real_of(x, NAME)?);
    check_type(weight, DType::F32, "the weight of linear")?;
    check_type(bias, DType::F32, "the bias of linear")?;
    let (&[rows, inputs_], &[outputs, _]) = (x.dims(), weight.dims()) else {
        bail!("linear takes [N, in] and [out, in], not {:?} and {:?}", x.dims(), weight.dims());
    };
    let layer = Linear { real, rows, inputs: inputs_, outputs, rounds };
    let y = card.room::<f32>(rows * outputs)?;
    card.with(inputs, |[x, w, b]| card.launch(&layer.forward([y.address, x, w, b])))?;
    Ok(Op::new(NAME, y.into_storage(), (rows, outputs), move |ctx| {
        linear_gradients(&card, &layer, ctx)
    }))
}

fn linear_gradients(
    card: &Arc<Card>,
    layer: &Linear,
    ctx: &BackwardContext<'_, 3>,
) -> Result<[Option<Tensor>; 3]> {
    let ([x, weight, bias], dy) = (ctx.inputs, ctx.grad_output);
    let [needs_x, needs_weight, needs_bias] = ctx.needs_input_grad;
    check_type(dy, DType::F32, "the gradient behind linear")?;
    card.with([x, weight, dy], |[x_at, w_at, dy_at]| {
        let (mut dx, mut dw, mut db) = (None, None, None);
        if needs_x {
            let to = card.reals(layer.real, x.elem_count())?;
            card.launch(&layer.input_gradient([to.address, dy_at, w_at]))?;
            dx = Some(to.tensor(x.shape()));
        }
        if needs_weight {
            let to = card.room::<f32>(weight.elem_count())?;
            card.launch(&layer.weight_gradient([to.address, x_at, dy_at]))?;
            dw = Some(to.tensor(weight.shape()));
        }
        if needs_bias {
            let to = card.room::<f32>(bias.elem_count())?;
            card.launch(&layer.bias_gradient([to.address, dy_at]))?;
            db = Some(to.tensor(bias.shape()));
        }
        Ok([dx, dw, db])
    })
}

/// The focal loss, a scalar. Shapes and numbers are checked already.
pub(crate) fn loss(
    logits: &Tensor,
    targets: &Tensor,
    weights: &[f32],
    (gamma, scale): (f64, f64),
) -> Result<Op<1>> {
    let card = Card::of(logits.device())?;
    check_type(logits, DType::F32, "the logits of a loss")?;
    check_type(targets, DType::F32, "the targets of a loss")?;
    let targets = targets.to_device(&Device::Cuda(card.device.clone()))?;
    let labels = logits.dims().last().copied().unwrap_or(1);
    let plan = Loss { labels, count: logits.elem_count(), gamma, scale };
    let weights = card.label_weights(weights)?;
    let loss = card.room::<f32>(1)?;
    // Without weights any tensor stands in for them.
    let third = weights.clone().unwrap_or_else(|| targets.clone());
    let is_weighted = weights.is_some();
    let weight_at = move |at: u64| if is_weighted { at } else { 0 };
    card.with([logits, &targets, &third], |[logits, targets, weights]| {
        card.launch(&plan.forward([loss.address, logits, targets, weight_at(weights)]))
    })?;
    Ok(Op::new("loss", loss.into_storage(), (), move |ctx| {
        let ([logits], gradient) = (ctx.inputs, ctx.grad_output);
        let dx = card.room::<f32>(plan.count)?;
        card.with([logits, &targets, &third, gradient], |[from, targets, weights, gradient]| {
            card.launch(&plan.backward([dx.address, from, targets, weight_at(weights), gradient]))
        })?;
        Ok([Some(dx.tensor(logits.shape()))])
    }))
}

//! Linear layer and losses on the GPU.

use super::op;
use crate::cuda::context::{CudaContext, act_dtype, check_dtype};
use crate::cuda::launch::layers::{Linear, Loss};
use crate::op::{BackwardContext, Op};
use candle_core::{DType, Device, Result, Tensor, bail};

/// `x w^T + bias` in `f32`, whatever the type of `x`.
pub(crate) fn linear(inputs: [&Tensor; 3], round_to_bf16: bool) -> Result<Op<3>> {
    const NAME: &str = "linear";
    let [x, weight, bias] = inputs;
    let (context, dtype) = (CudaContext::of(x.device())?, act_dtype(x, NAME)?);
    check_dtype(weight, DType::F32, "the weight of linear")?;
    check_dtype(bias, DType::F32, "the bias of linear")?;
    let (&[rows, inputs_], &[outputs, _]) = (x.dims(), weight.dims()) else {
        bail!("linear takes [N, in] and [out, in], not {:?} and {:?}", x.dims(), weight.dims());
    };
    let layer = Linear { dtype, rows, inputs: inputs_, outputs, round_to_bf16 };
    let y = context.alloc::<f32>(rows * outputs)?;
    context.with_addresses(inputs, |[x, w, bias]| {
        context.launch(&layer.forward([y.address, x, w, bias]))
    })?;
    Ok(op(NAME, y, (rows, outputs), move |ctx| linear_backward(&context, &layer, ctx)))
}

fn linear_backward(
    context: &CudaContext,
    layer: &Linear,
    ctx: &BackwardContext<'_, 3>,
) -> Result<[Option<Tensor>; 3]> {
    let [x, weight, bias] = ctx.inputs;
    let [needs_x, needs_weight, needs_bias] = ctx.needs_input_grad;
    check_dtype(ctx.grad_output, DType::F32, "the gradient of the output of linear")?;
    context.with_addresses([x, weight, ctx.grad_output], |[x_at, w_at, dy_at]| {
        let mut gradients = [None, None, None];
        if needs_x {
            let dx = context.alloc_act(layer.dtype, x.elem_count())?;
            context.launch(&layer.input_gradient([dx.address, dy_at, w_at]))?;
            gradients[0] = Some(dx.into_tensor(x.shape()));
        }
        if needs_weight {
            let dw = context.alloc::<f32>(weight.elem_count())?;
            context.launch(&layer.weight_gradient([dw.address, x_at, dy_at]))?;
            gradients[1] = Some(dw.into_tensor(weight.shape()));
        }
        if needs_bias {
            let db = context.alloc::<f32>(bias.elem_count())?;
            context.launch(&layer.bias_gradient([db.address, dy_at]))?;
            gradients[2] = Some(db.into_tensor(bias.shape()));
        }
        Ok(gradients)
    })
}

/// The focal loss, a scalar.
pub(crate) fn loss(
    logits: &Tensor,
    targets: &Tensor,
    weights: &[f32],
    (gamma, scale): (f64, f64),
) -> Result<Op<1>> {
    let context = CudaContext::of(logits.device())?;
    check_dtype(logits, DType::F32, "the logits of a loss")?;
    check_dtype(targets, DType::F32, "the targets of a loss")?;
    let targets = targets.to_device(&Device::Cuda(context.device.clone()))?;
    let labels = logits.dims().last().copied().unwrap_or(1);
    let focal = Loss { labels, count: logits.elem_count(), gamma, scale };
    let weights = context.label_weights(weights)?;
    let is_weighted = weights.is_some();
    // The targets stand in for missing weights.
    let weights = weights.unwrap_or_else(|| targets.clone());
    let weights_at = move |address: u64| if is_weighted { address } else { 0 };
    let loss = context.alloc::<f32>(1)?;
    context.with_addresses([logits, &targets, &weights], |[logits, targets, weights]| {
        context.launch(&focal.forward([loss.address, logits, targets, weights_at(weights)]))
    })?;
    Ok(op("loss", loss, (), move |ctx| {
        let [logits] = ctx.inputs;
        let dx = context.alloc::<f32>(focal.count)?;
        context.with_addresses(
            [logits, &targets, &weights, ctx.grad_output],
            |[logits, targets, weights, dloss]| {
                let at = [dx.address, logits, targets, weights_at(weights), dloss];
                context.launch(&focal.backward(at))
            },
        )?;
        Ok([Some(dx.into_tensor(logits.shape()))])
    }))
}

//! Convolution on the GPU: cuDNN, or the direct kernels for shapes that cuDNN refuses.
//!
//! Weights are `f32` in torchvision's layout. Each pass takes them converted to the NHWC filter
//! layout and to the type of the activations; the backward pass reuses the converted copy of the
//! forward pass.

use super::op;
use super::pointwise::cast;
use crate::cuda::context::{CudaContext, Output, act_dtype, check_dtype, lock};
use crate::cuda::cudnn::{Pass, PassKey};
use crate::cuda::launch::norm::Norm;
use crate::cuda::launch::{ActDtype, layers};
use crate::geometry::ConvGeometry;
use crate::op::Op;
use candle_core::{DType, Result, Tensor};
use std::sync::Arc;

const NAME: &str = "conv2d";

struct Conv {
    context: Arc<CudaContext>,
    dtype: ActDtype,
    g: ConvGeometry,
}

/// The output is `bf16` if `bf16` is set or the input is `bf16`.
pub(crate) fn conv2d(x: &Tensor, weight: &Tensor, g: ConvGeometry, bf16: bool) -> Result<Op<2>> {
    let conv = Conv::new(x, weight, g, bf16)?;
    let (input, filter) = (cast(&conv.context, x, conv.dtype)?, conv.filter(weight)?);
    let y = conv.forward(&input, &filter)?;
    Ok(op(NAME, y, &g.shape_out(), move |ctx| {
        let [x, weight] = ctx.inputs;
        let [needs_x, needs_weight] = ctx.needs_input_grad;
        let dy = &cast(&conv.context, ctx.grad_output, conv.dtype)?;
        let dx = needs_x.then(|| conv.input_gradient(x, &filter, dy)).transpose()?;
        let dw = needs_weight.then(|| conv.weight_gradient(weight, &input, dy)).transpose()?;
        Ok([dx, dw])
    }))
}

/// `relu?(conv(x, weight) + bias + residual?)`, without a backward pass.
pub(crate) fn conv2d_bias_act(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    g: ConvGeometry,
    residual: Option<&Tensor>,
    relu: bool,
) -> Result<Tensor> {
    let conv = Conv::new(x, weight, g, false)?;
    let context = &conv.context;
    check_dtype(bias, DType::F32, "the bias of conv2d_bias_act")?;
    let y = conv.forward(&cast(context, x, conv.dtype)?, &conv.filter(weight)?)?;
    let residual = residual.map(|residual| cast(context, residual, conv.dtype)).transpose()?;
    // The bias stands in for a missing residual.
    context.with_addresses([bias, residual.as_ref().unwrap_or(bias)], |[bias, other]| {
        let at = [y.address, y.address, if residual.is_some() { other } else { 0 }];
        let norm = Norm::new(conv.dtype, g.rows_out(), g.c_out, &at);
        context.launch(&norm.add_bias(at, bias, relu))
    })?;
    Ok(y.into_tensor(&g.shape_out()))
}

impl Conv {
    fn new(x: &Tensor, weight: &Tensor, g: ConvGeometry, bf16: bool) -> Result<Self> {
        check_dtype(weight, DType::F32, "the weight of conv2d")?;
        let dtype = if bf16 { ActDtype::Bf16 } else { act_dtype(x, NAME)? };
        Ok(Self { context: CudaContext::of(x.device())?, dtype, g })
    }

    /// The weights `[O, taps, I / groups]` as activations.
    fn filter(&self, weight: &Tensor) -> Result<Tensor> {
        let to = self.context.alloc_act(self.dtype, self.g.len_weight())?;
        self.context.with_addresses([weight], |[from]| {
            self.context.launch(&layers::filter_from_oihw(self.dtype, [to.address, from], &self.g))
        })?;
        Ok(to.into_tensor(self.g.len_weight()))
    }

    /// Runs a pass by cuDNN on the addresses of the output and both operands; false if cuDNN
    /// refuses the shape.
    fn run_cudnn(&self, pass: Pass, at: [u64; 3]) -> Result<bool> {
        lock(&self.context.cudnn).run(&PassKey { pass, dtype: self.dtype, geometry: self.g }, at)
    }

    fn forward(&self, x: &Tensor, filter: &Tensor) -> Result<Output> {
        let y = self.context.alloc_act(self.dtype, self.g.len_out())?;
        self.context.with_addresses([x, filter], |[x, filter]| {
            let at = [y.address, x, filter];
            if self.run_cudnn(Pass::Forward, at)? {
                return Ok(());
            }
            self.context.launch(&layers::direct_conv(self.dtype, at, &self.g))
        })?;
        Ok(y)
    }

    fn input_gradient(&self, x: &Tensor, filter: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let dx = self.context.alloc_act(self.dtype, self.g.len_in())?;
        self.context.with_addresses([dy, filter], |[dy, filter]| {
            let at = [dx.address, dy, filter];
            if self.run_cudnn(Pass::InputGradient, at)? {
                return Ok(());
            }
            self.context.launch(&layers::direct_conv_input_gradient(self.dtype, at, &self.g))
        })?;
        cast(&self.context, &dx.into_tensor(x.shape()), act_dtype(x, NAME)?)
    }

    fn weight_gradient(&self, weight: &Tensor, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let filter_gradient = self.context.alloc_act(self.dtype, self.g.len_weight())?;
        let dw = self.context.alloc::<f32>(self.g.len_weight())?;
        self.context.with_addresses([x, dy], |[x, dy]| {
            let at = [filter_gradient.address, x, dy];
            let launch = if self.run_cudnn(Pass::WeightGradient, at)? {
                let at = [dw.address, filter_gradient.address];
                layers::filter_to_oihw(self.dtype, at, &self.g)
            } else {
                layers::direct_conv_weight_gradient(self.dtype, [dw.address, x, dy], &self.g)
            };
            self.context.launch(&launch)
        })?;
        Ok(dw.into_tensor(weight.shape()))
    }
}

//! The convolution as a candle operation.

use super::{After, Geometry, forward, input_gradient, weight_gradient};
use crate::precision::Precision;
use crate::simd::{self, Words};
use crate::tape::wants_gradient;
use crate::tensor::{check_channels, on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};

/// How a kernel moves over the image; dilation is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Pixels from one output to the next, along both axes.
    pub stride: usize,
    /// Zeros around the image, on all four sides.
    pub padding: usize,
    /// Channel groups that do not see each other; as many as channels is depthwise.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: 1, padding: 0, groups: 1 }
    }
}

const NAME: &str = "conv2d";

/// Convolves `x [N, H, W, C]` with `weight [O, C / groups, kh, kw]` to `[N, H', W', O]`.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not a contiguous `f32` on the CPU.
pub fn conv2d(x: &Tensor, weight: &Tensor, spec: &Conv2d) -> Result<Tensor> {
    conv2d_in(x, weight, spec, Precision::F32)
}

/// [`conv2d`] whose operands, and those of its gradients, are rounded to `precision`; products are
/// summed in `f32` and tensors stay `f32`. On a graphics card the output of `bf16` is a `bf16`
/// tensor, and an input of `bf16` is enough to ask for it.
///
/// # Errors
/// As [`conv2d`], and when this processor or the pinned path lacks the precision.
pub fn conv2d_in(
    x: &Tensor,
    weight: &Tensor,
    spec: &Conv2d,
    precision: Precision,
) -> Result<Tensor> {
    on_card!(x, crate::cuda::conv2d(x, weight, spec, precision));
    crate::tape::apply2(x, weight, Convolution { spec: *spec, precision })
}

struct Convolution {
    spec: Conv2d,
    precision: Precision,
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = Geometry::new(x_layout.dims(), weight_layout.dims(), &self.spec)?;
        let (x, weight) = (values(x, x_layout, NAME)?, values(weight, weight_layout, NAME)?);
        let y = forward(self.precision.words()?, &g, [x, weight], &After::default());
        Ok((CpuStorage::F32(y), (g.n, g.h_out, g.w_out, g.c_out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = Geometry::new(x.dims(), weight.dims(), &self.spec)?;
        gradients(self.precision, &g, [x, weight, dy])
    }
}

/// The gradients of the activations and the weights, as far as somebody wants them.
pub(crate) fn gradients(
    precision: Precision,
    g: &Geometry,
    [x, weight, dy]: [&Tensor; 3],
) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let words = precision.words()?;
    let wanted = |of: &Tensor, compute: &dyn Fn() -> Result<Vec<f32>>| {
        wants_gradient(of).then(|| tensor(compute()?, of)).transpose()
    };
    with_values(dy, NAME, |dy| {
        let dx = wanted(x, &|| with_values(weight, NAME, |w| input_gradient(words, g, dy, w)))?;
        let dw = wanted(weight, &|| with_values(x, NAME, |x| weight_gradient(words, g, x, dy)))?;
        Ok((dx, dw))
    })?
}

/// `relu?(conv(x, weight) + bias + residual?)`, for evaluation: nothing is recorded.
///
/// # Errors
/// As [`conv2d`], and when the bias is not `[O]` or the residual not of the output's shape.
pub fn conv2d_bias_act(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    spec: &Conv2d,
    residual: Option<&Tensor>,
    relu: bool,
) -> Result<Tensor> {
    let g = Geometry::new(x.dims(), weight.dims(), spec)?;
    check_channels(bias, g.c_out, "the bias of conv2d_bias_act")?;
    let shape = (g.n, g.h_out, g.w_out, g.c_out);
    if let Some(residual) = residual
        && residual.dims() != [g.n, g.h_out, g.w_out, g.c_out]
    {
        bail!("the residual of conv2d_bias_act is {:?}, the output {shape:?}", residual.dims());
    }
    on_card!(x, crate::cuda::conv2d_bias_act(x, (weight, bias), spec, residual, relu));
    let words = Words::single(simd::current()?);
    let run = |residual: Option<&[f32]>| {
        with_values(bias, NAME, |bias| {
            let after = After { bias: Some(bias), residual, relu };
            with_values(x, NAME, |x| {
                with_values(weight, NAME, |w| forward(words, &g, [x, w], &after))
            })?
        })?
    };
    let y = match residual {
        Some(residual) => with_values(residual, NAME, |values| run(Some(values)))??,
        None => run(None)?,
    };
    Tensor::from_vec(y, shape, &Device::Cpu)
}

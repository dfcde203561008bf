//! The convolution as a candle operation.

use super::{Geometry, forward, input_gradient, weight_gradient};
use crate::simd;
use crate::tape::wants_gradient;
use crate::tensor::{check_channels, tensor, values, with_values};
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
    crate::tape::apply2(x, weight, *spec)
}

impl CustomOp2 for Conv2d {
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
        let g = Geometry::new(x_layout.dims(), weight_layout.dims(), self)?;
        let (x, weight) = (values(x, x_layout, NAME)?, values(weight, weight_layout, NAME)?);
        let y = forward(simd::current()?, &g, x, weight);
        Ok((CpuStorage::F32(y), (g.n, g.h_out, g.w_out, g.c_out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = Geometry::new(x.dims(), weight.dims(), self)?;
        let level = simd::current()?;
        with_values(dy, NAME, |dy| {
            let dx = if wants_gradient(x) {
                let dx = with_values(weight, NAME, |w| input_gradient(level, &g, dy, w))?;
                Some(tensor(dx, x)?)
            } else {
                None
            };
            let dw = if wants_gradient(weight) {
                let dw = with_values(x, NAME, |x| weight_gradient(level, &g, x, dy))?;
                Some(tensor(dw, weight)?)
            } else {
                None
            };
            Ok((dx, dw))
        })?
    }
}

/// What follows a folded convolution in evaluation mode.
struct Epilogue<'a> {
    bias: &'a [f32],
    residual: Option<&'a [f32]>,
    relu: bool,
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
    let level = simd::current()?;
    let mut y = with_values(x, NAME, |x| {
        with_values(weight, NAME, |weight| forward(level, &g, x, weight))
    })??;
    let mut finish = |residual: Option<&[f32]>| {
        with_values(bias, NAME, |bias| apply(level, &mut y, &Epilogue { bias, residual, relu }))
    };
    match residual {
        Some(residual) => with_values(residual, NAME, |values| finish(Some(values)))??,
        None => finish(None)?,
    }
    Tensor::from_vec(y, shape, &Device::Cpu)
}

fn apply(level: simd::Level, y: &mut [f32], epilogue: &Epilogue) {
    use rayon::prelude::*;
    let chunk = crate::norm::rows_per_chunk(epilogue.bias.len()) * epilogue.bias.len();
    y.par_chunks_mut(chunk).enumerate().for_each(|(i, y)| {
        let residual = epilogue.residual.map(|r| &r[i * chunk..][..y.len()]);
        add_bias(level, y, epilogue.bias, residual, epilogue.relu);
    });
}

simd::vectorized_loops! {
    fn add_bias(y: &mut [f32], bias: &[f32], residual: Option<&[f32]>, relu: bool) {
        for (row, y) in y.chunks_exact_mut(bias.len()).enumerate() {
            for (y, bias) in y.iter_mut().zip(bias) {
                *y += bias;
            }
            if let Some(residual) = residual {
                for (y, r) in y.iter_mut().zip(&residual[row * bias.len()..]) {
                    *y += r;
                }
            }
            if relu {
                for y in y.iter_mut() {
                    *y = crate::activation::rectify(*y);
                }
            }
        }
    }
}

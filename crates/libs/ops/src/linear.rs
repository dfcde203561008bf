//! The linear layer.

use crate::conv::{After, Conv2d, Geometry, forward, gradients};
use crate::precision::Precision;
use crate::tape::wants_gradient;
use crate::tensor::{on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

const NAME: &str = "linear";

struct Linear {
    precision: Precision,
}

/// `x w^T + b` for `x [N, in]`, `weight [out, in]`, `bias [out]`.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not a contiguous `f32` on the CPU.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear_in(x, weight, bias, Precision::F32)
}

/// [`linear`] whose products take operands rounded to `precision` and are summed in `f32`.
///
/// # Errors
/// As [`linear`], and when this processor or the pinned path lacks the precision.
pub fn linear_in(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    precision: Precision,
) -> Result<Tensor> {
    on_card!(x, {
        geometry(x.dims(), weight.dims(), bias.dims())?;
        crate::cuda::linear([x, weight, bias], precision == Precision::Bf16)
    });
    crate::tape::apply3([x, weight, bias], Linear { precision })
}

/// The layer as a 1x1 convolution of one pixel a row.
fn geometry(x: &[usize], weight: &[usize], bias: &[usize]) -> Result<Geometry> {
    match (x, weight, bias) {
        (&[rows, c_in], &[c_out, w_in], &[b_out])
            if c_in == w_in && c_out == b_out && rows * c_in * c_out > 0 =>
        {
            Geometry::new(&[rows, 1, 1, c_in], &[c_out, c_in, 1, 1], &Conv2d::default())
        }
        _ => bail!("linear takes [N, in], [out, in] and [out], not {x:?}, {weight:?} and {bias:?}"),
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = geometry(x_layout.dims(), weight_layout.dims(), bias_layout.dims())?;
        let (x, weight) = (values(x, x_layout, NAME)?, values(weight, weight_layout, NAME)?);
        let bias = values(bias, bias_layout, NAME)?;
        let after = After { bias: Some(bias), ..After::default() };
        let y = forward(self.precision.words()?, &g, [x, weight], &after);
        Ok((CpuStorage::F32(y), (g.n, g.c_out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = geometry(x.dims(), weight.dims(), bias.dims())?;
        let (dx, dw) = gradients(self.precision, &g, [x, weight, dy])?;
        let db = wants_gradient(bias)
            .then(|| tensor(with_values(dy, NAME, |dy| column_sums(dy, g.c_out))?, bias))
            .transpose()?;
        Ok((dx, dw, db))
    }
}

fn column_sums(rows: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; columns];
    for row in rows.chunks_exact(columns) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums
}

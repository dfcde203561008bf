//! The linear layer.

use crate::conv::{product, product_input_gradient, product_weight_gradient};
use crate::simd;
use crate::tape::wants_gradient;
use crate::tensor::{tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

const NAME: &str = "linear";

struct Linear;

/// `x w^T + b` for `x [N, in]`, `weight [out, in]`, `bias [out]`.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not a contiguous `f32` on the CPU.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    crate::tape::apply3([x, weight, bias], Linear)
}

/// `[rows, inputs, outputs]`.
fn sizes(x: &[usize], weight: &[usize], bias: &[usize]) -> Result<[usize; 3]> {
    match (x, weight, bias) {
        (&[rows, c_in], &[c_out, w_in], &[b_out])
            if c_in == w_in && c_out == b_out && rows * c_in * c_out > 0 =>
        {
            Ok([rows, c_in, c_out])
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
        let size = sizes(x_layout.dims(), weight_layout.dims(), bias_layout.dims())?;
        let (x, weight) = (values(x, x_layout, NAME)?, values(weight, weight_layout, NAME)?);
        let bias = values(bias, bias_layout, NAME)?;
        let mut y = product(simd::current()?, size, x, weight);
        for row in y.chunks_exact_mut(bias.len()) {
            for (y, bias) in row.iter_mut().zip(bias) {
                *y += bias;
            }
        }
        Ok((CpuStorage::F32(y), (size[0], size[2]).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let size = sizes(x.dims(), weight.dims(), bias.dims())?;
        let level = simd::current()?;
        let wanted = |of: &Tensor, compute: &dyn Fn() -> Result<Vec<f32>>| {
            wants_gradient(of).then(|| tensor(compute()?, of)).transpose()
        };
        with_values(dy, NAME, |dy| {
            let dx = wanted(x, &|| {
                with_values(weight, NAME, |w| product_input_gradient(level, size, dy, w))
            })?;
            let dw = wanted(weight, &|| {
                with_values(x, NAME, |x| product_weight_gradient(level, size, x, dy))
            })?;
            let db = wanted(bias, &|| Ok(column_sums(dy, size[2])))?;
            Ok((dx, dw, db))
        })?
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

//! The fused normalisation as a candle operation.

use super::backward::{Saved, Slopes, input_gradients, sums};
use super::forward::{Affine, moments, normalise};
use super::join::Join;
use crate::simd;
use crate::tape::{apply2, apply3, wants_gradient};
use crate::tensor::{check_channels, dims4, on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};
use std::sync::{Arc, OnceLock};

/// Mean and unbiased variance of one batch, `[C]` each, for PyTorch's running statistics:
/// `running = (1 - momentum) running + momentum batch`. They carry no gradient.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// Mean over samples and pixels.
    pub mean: Tensor,
    /// Variance with `rows - 1` in the denominator (of the single row itself: NaN, as in PyTorch).
    pub variance_unbiased: Tensor,
}

/// What follows the normalisation.
#[derive(Clone, Copy)]
pub(super) struct After<'a> {
    pub(super) residual: Option<&'a Tensor>,
    pub(super) relu: bool,
}

/// Per-channel values that the backward pass needs.
struct Channels {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    variance_unbiased: Vec<f32>,
}

pub(super) struct BatchNorm {
    relu: bool,
    residual: bool,
    eps: f64,
    /// Mean and variance from elsewhere, in evaluation mode.
    fixed: Option<[Vec<f32>; 2]>,
    saved: Arc<OnceLock<Channels>>,
}

const NAME: &str = "batch_norm";

/// `relu?(batch_norm(x) + residual?)` with the batch's own statistics, which come back as well.
///
/// `x` and `residual` are `[N, H, W, C]`, `weight` (gamma) and `bias` (beta) `[C]`.
///
/// # Errors
/// When the shapes do not fit each other, a batch has fewer than two rows per channel, or a tensor
/// is not `f32` on the CPU.
pub fn batch_norm_train(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    residual: Option<&Tensor>,
    relu: bool,
    eps: f64,
) -> Result<(Tensor, BatchStatistics)> {
    let [n, h, w, channels] = dims4(x.dims(), NAME)?;
    if n * h * w < 2 {
        bail!("batch_norm_train needs two values per channel to train on, not {:?}", x.dims());
    }
    on_card!(x, {
        check(x, [weight, bias], residual)?;
        crate::cuda::batch_norm_train(x, [weight, bias], residual, (relu, eps))
    });
    let op = BatchNorm::new(eps, After { residual, relu }, None);
    let saved = Arc::clone(&op.saved);
    let y = apply(op, x, [weight, bias], residual)?;
    let Some(saved) = saved.get() else { bail!("batch_norm has saved no statistics") };
    let vector = |values: &[f32]| Tensor::from_slice(values, channels, &Device::Cpu);
    let statistics = BatchStatistics {
        mean: vector(&saved.mean)?,
        variance_unbiased: vector(&saved.variance_unbiased)?,
    };
    Ok((y, statistics))
}

/// Checks the shapes.
pub(super) fn check(
    x: &Tensor,
    [weight, bias]: [&Tensor; 2],
    residual: Option<&Tensor>,
) -> Result<()> {
    let [.., channels] = dims4(x.dims(), NAME)?;
    check_channels(weight, channels, "the weight of batch_norm")?;
    check_channels(bias, channels, "the bias of batch_norm")?;
    if let Some(residual) = residual
        && residual.dims() != x.dims()
    {
        bail!("the residual of batch_norm is {:?}, its input {:?}", residual.dims(), x.dims());
    }
    Ok(())
}

/// Checks the shapes and records the operation.
pub(super) fn apply(
    op: BatchNorm,
    x: &Tensor,
    [weight, bias]: [&Tensor; 2],
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    check(x, [weight, bias], residual)?;
    let affine = apply2(weight, bias, Join)?; // [2 C]
    let nothing = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?;
    apply3([x, &affine, residual.unwrap_or(&nothing)], op)
}

#[expect(clippy::cast_possible_truncation, reason = "statistics are f32 tensors")]
fn rounded(values: impl Iterator<Item = f64>) -> Vec<f32> {
    values.map(|value| value as f32).collect()
}

impl Channels {
    /// Gradients of the weights, then of the biases.
    fn affine_gradient(&self, sums: &(Vec<f64>, Vec<f64>)) -> Vec<f32> {
        let pairs = sums.1.iter().zip(&self.inverse_deviation);
        let scaled = pairs.map(|(q, r)| q * f64::from(*r));
        rounded(scaled.chain(sums.0.iter().copied()))
    }
}

impl BatchNorm {
    pub(super) fn new(eps: f64, after: After, fixed: Option<[Vec<f32>; 2]>) -> Self {
        let (relu, residual) = (after.relu, after.residual.is_some());
        Self { relu, residual, eps, fixed, saved: Arc::default() }
    }

    fn channels(&self, level: simd::Level, x: &[f32], channels: usize) -> Channels {
        let eps = self.eps;
        if let Some([mean, variance]) = &self.fixed {
            let inverse = variance.iter().map(|v| 1.0 / (f64::from(*v) + eps).sqrt());
            return Channels {
                mean: mean.clone(),
                inverse_deviation: rounded(inverse),
                variance_unbiased: variance.clone(),
            };
        }
        let batch = moments(level, x, channels);
        let rows = (x.len() / channels) as f64;
        Channels {
            mean: rounded(batch.mean.iter().copied()),
            inverse_deviation: rounded(batch.variance.iter().map(|v| 1.0 / (v + eps).sqrt())),
            variance_unbiased: rounded(batch.variance.iter().map(|v| v * rows / (rows - 1.0))),
        }
    }

    /// `dx` as an affine map of the gradient and `x`.
    fn slopes(
        &self,
        saved: &Channels,
        gamma: &[f32],
        rows: f64,
        sums: &(Vec<f64>, Vec<f64>),
    ) -> Slopes {
        let deviation = || saved.inverse_deviation.iter().map(|v| f64::from(*v));
        let a: Vec<f64> = gamma.iter().zip(deviation()).map(|(g, r)| f64::from(*g) * r).collect();
        let train = if self.fixed.is_none() { 1.0 / rows } else { 0.0 };
        let k1: Vec<f64> = a
            .iter()
            .zip(deviation())
            .zip(&sums.1)
            .map(|((a, r), q)| -a * r * r * q * train)
            .collect();
        let offsets = a.iter().zip(&sums.0).zip(&k1).zip(&saved.mean);
        let k0 = rounded(offsets.map(|(((a, s), k1), m)| -a * s * train - k1 * f64::from(*m)));
        Slopes { a: rounded(a.into_iter()), k1: rounded(k1.into_iter()), k0 }
    }
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        affine: &CpuStorage,
        affine_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, affine) = (values(x, x_layout, NAME)?, values(affine, affine_layout, NAME)?);
        let residual =
            if self.residual { Some(values(residual, residual_layout, NAME)?) } else { None };
        let level = simd::current()?;
        let (gamma, beta) = affine.split_at(affine.len() / 2);
        let channels = self.channels(level, x, gamma.len());
        let a: Vec<f32> =
            gamma.iter().zip(&channels.inverse_deviation).map(|(g, r)| g * r).collect();
        let b: Vec<f32> =
            beta.iter().zip(&a).zip(&channels.mean).map(|((b, a), m)| b - a * m).collect();
        let y = normalise(level, x, &Affine { a: &a, b: &b, residual, relu: self.relu });
        // A second forward of the same recorded operation would save the same values.
        self.saved.get_or_init(|| channels);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        affine: &Tensor,
        residual: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let level = simd::current()?;
        let Some(channels) = self.saved.get() else {
            bail!("batch_norm goes backward after forward")
        };
        let gamma: Vec<f32> = with_values(affine, NAME, |v| v[..v.len() / 2].to_vec())?;
        let (wants_x, wants_affine) = (wants_gradient(x), wants_gradient(affine));
        let wants_residual = self.residual && wants_gradient(residual);
        with_values(x, NAME, |xs| {
            with_values(y, NAME, |y| {
                with_values(dy, NAME, |dy| {
                    let saved = Saved { x: xs, y, dy, relu: self.relu, mean: &channels.mean };
                    // The batch's own statistics move with x; fixed ones do not.
                    let sums = if wants_affine || (wants_x && self.fixed.is_none()) {
                        sums(level, saved)
                    } else {
                        (vec![0.0; gamma.len()], vec![0.0; gamma.len()])
                    };
                    let rows = (xs.len() / gamma.len()) as f64;
                    let slopes = self.slopes(channels, &gamma, rows, &sums);
                    let (dx, dr) = if wants_x || wants_residual {
                        let (dx, dr) = input_gradients(level, saved, &slopes, wants_residual);
                        (wants_x.then_some(dx), dr)
                    } else {
                        (None, None)
                    };
                    let daffine = wants_affine.then(|| channels.affine_gradient(&sums));
                    let daffine = daffine.map(|values| tensor(values, affine)).transpose()?;
                    let dx = dx.map(|dx| tensor(dx, x)).transpose()?;
                    let dr = dr.map(|dr| tensor(dr, residual)).transpose()?;
                    Ok((dx, daffine, dr))
                })
            })
        })???
    }
}

//! Batch normalisation with running statistics, and its folding into the convolution before it.

#[cfg(feature = "cuda")]
use super::op::check;
use super::op::{After, BatchNorm, apply};
use crate::tensor::{check_channels, on_card, with_values};
use candle_core::{Device, Result, Tensor, bail};

/// Running mean and variance, `[C]` each.
#[derive(Clone, Copy, Debug)]
pub struct RunningStatistics<'a> {
    /// Running mean.
    pub mean: &'a Tensor,
    /// Running variance, as PyTorch keeps it (unbiased).
    pub variance: &'a Tensor,
}

/// What [`batch_norm_eval`] takes beside its input.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormEval<'a> {
    /// Gamma, `[C]`.
    pub weight: &'a Tensor,
    /// Beta, `[C]`.
    pub bias: &'a Tensor,
    /// The statistics to normalise with.
    pub statistics: RunningStatistics<'a>,
    /// Added before the rectifier, of the shape of the input.
    pub residual: Option<&'a Tensor>,
    /// Rectify the result.
    pub relu: bool,
    /// Added to the variance.
    pub eps: f64,
}

const NAME: &str = "batch_norm_eval";

/// `relu?(batch_norm(x) + residual?)` with running statistics; gradients flow to everything else.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not `f32` on the CPU.
pub fn batch_norm_eval(x: &Tensor, arguments: &BatchNormEval) -> Result<Tensor> {
    let BatchNormEval { weight, bias, statistics, residual, relu, eps } = *arguments;
    let channels = x.dims().last().copied().unwrap_or(0);
    check_channels(statistics.mean, channels, "the running mean of batch_norm_eval")?;
    check_channels(statistics.variance, channels, "the running variance of batch_norm_eval")?;
    on_card!(x, {
        check(x, [weight, bias], residual)?;
        let fixed = crate::cuda::Fixed { mean: statistics.mean, variance: statistics.variance };
        crate::cuda::batch_norm(x, [weight, bias], residual, (relu, eps), fixed)
    });
    let vector = |tensor: &Tensor| with_values(tensor, NAME, <[f32]>::to_vec);
    let fixed = Some([vector(statistics.mean)?, vector(statistics.variance)?]);
    apply(BatchNorm::new(eps, After { residual, relu }, fixed), x, [weight, bias], residual)
}

/// Folds a normalisation into the convolution before it: the weights `[O, I, kh, kw]` and the bias
/// `[O]` for [`conv2d_bias_act`](crate::conv2d_bias_act), in f64, rounded once. It is done on the
/// processor; the result lies where the weights do.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not `f32` on the CPU.
pub fn fold_batch_norm(
    conv_weight: &Tensor,
    (gamma, beta): (&Tensor, &Tensor),
    statistics: RunningStatistics,
    eps: f64,
) -> Result<(Tensor, Tensor)> {
    let &[c_out, ..] = conv_weight.dims() else {
        bail!("fold_batch_norm takes weights [O, I, kh, kw]")
    };
    for tensor in [gamma, beta, statistics.mean, statistics.variance] {
        check_channels(tensor, c_out, "a tensor of fold_batch_norm")?;
    }
    let vector =
        |tensor: &Tensor| with_values(&tensor.to_device(&Device::Cpu)?, NAME, <[f32]>::to_vec);
    let (mean, variance) = (vector(statistics.mean)?, vector(statistics.variance)?);
    let (gamma, beta) = (vector(gamma)?, vector(beta)?);
    let scale: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(g, v)| f64::from(*g) / (f64::from(*v) + eps).sqrt())
        .collect();
    let mut weight = vector(conv_weight)?;
    let kernel = weight.len() / c_out.max(1);
    for (o, values) in weight.chunks_exact_mut(kernel.max(1)).enumerate() {
        for value in values {
            *value = rounded(f64::from(*value) * scale[o]);
        }
    }
    let shifts = beta.iter().zip(&mean).zip(&scale);
    let bias = shifts.map(|((b, m), s)| rounded(f64::from(*b) - f64::from(*m) * s)).collect();
    let device = conv_weight.device();
    Ok((
        Tensor::from_vec(weight, conv_weight.shape(), device)?,
        Tensor::from_vec::<_, f32>(bias, c_out, device)?,
    ))
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32 tensors")]
fn rounded(value: f64) -> f32 {
    value as f32
}

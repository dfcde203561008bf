//! Batch normalisation, fused with what follows it:
//! `relu?(gamma (x - mean) / sqrt(variance + eps) + beta + residual?)`.
//!
//! Shapes: activations and residual `[N, H, W, C]`, everything per channel `[C]`.

use crate::autograd::record;
use crate::cpu::norm::{self, BatchNormInputs, ChannelStatistics, NeededGradients};
use crate::cpu::simd;
use crate::op::{BackwardContext, Op};
use crate::tensor::{
    check_channels, check_residual, cpu_tensor, cpu_values, cpu_vec, dims4, dispatch_cuda,
};
use candle_core::{Device, Result, Tensor, bail};

const NAME: &str = "batch_norm";

/// Mean and unbiased variance of one batch, `[C]` each, for PyTorch's running statistics:
/// `running = (1 - momentum) running + momentum batch`. They carry no gradient.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// Mean over samples and pixels.
    pub mean: Tensor,
    /// Variance with `rows - 1` in the denominator (of the single row itself: NaN, as in PyTorch).
    pub variance_unbiased: Tensor,
}

/// Running mean and variance, `[C]` each.
#[derive(Clone, Copy, Debug)]
pub struct RunningStatistics<'a> {
    /// Running mean.
    pub mean: &'a Tensor,
    /// Running variance, as PyTorch keeps it (unbiased).
    pub variance: &'a Tensor,
}

/// The arguments of [`batch_norm_eval`] beside its input.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormEval<'a> {
    /// Gamma, `[C]`.
    pub weight: &'a Tensor,
    /// Beta, `[C]`.
    pub bias: &'a Tensor,
    /// The statistics to normalise with.
    pub statistics: RunningStatistics<'a>,
    /// Added before ReLU, of the shape of the input.
    pub residual: Option<&'a Tensor>,
    /// Apply ReLU to the result.
    pub relu: bool,
    /// Added to the variance.
    pub eps: f64,
}

/// `relu?(batch_norm(x) + residual?)` with the batch's own statistics, which are returned as well.
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
    check_shapes(x, [weight, bias], residual)?;
    let affine = concat_affine(weight, bias)?; // [2 C]
    let inputs = [x, &affine, residual.unwrap_or(&affine)];
    dispatch_cuda!(x, {
        let fused = crate::cuda::BatchNorm { has_residual: residual.is_some(), relu, eps };
        let (op, [mean, variance_unbiased]) = crate::cuda::batch_norm_train(inputs, fused)?;
        Ok((record(inputs, op)?, BatchStatistics { mean, variance_unbiased }))
    });
    let channel_statistics =
        ChannelStatistics::of_batch(simd::current()?, &cpu_values(x, NAME)?, channels, eps);
    let statistics = BatchStatistics {
        mean: cpu_tensor(channel_statistics.mean.clone(), channels)?,
        variance_unbiased: cpu_tensor(channel_statistics.variance_unbiased.clone(), channels)?,
    };
    let fused = FusedNorm { has_residual: residual.is_some(), relu, is_training: true };
    Ok((normalize(inputs, channel_statistics, fused)?, statistics))
}

/// `relu?(batch_norm(x) + residual?)` with running statistics; gradients flow to everything else.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not `f32` on the CPU.
pub fn batch_norm_eval(x: &Tensor, arguments: &BatchNormEval) -> Result<Tensor> {
    let BatchNormEval { weight, bias, statistics, residual, relu, eps } = *arguments;
    let RunningStatistics { mean, variance } = statistics;
    let channels = x.dims().last().copied().unwrap_or(0);
    check_channels(mean, channels, "the running mean of batch_norm_eval")?;
    check_channels(variance, channels, "the running variance of batch_norm_eval")?;
    check_shapes(x, [weight, bias], residual)?;
    let affine = concat_affine(weight, bias)?; // [2 C]
    let inputs = [x, &affine, residual.unwrap_or(&affine)];
    dispatch_cuda!(x, {
        let fused = crate::cuda::BatchNorm { has_residual: residual.is_some(), relu, eps };
        record(inputs, crate::cuda::batch_norm_eval(inputs, fused, [mean, variance])?)
    });
    let mean = cpu_vec(mean, "batch_norm_eval")?;
    let variance = cpu_vec(variance, "batch_norm_eval")?;
    let fused = FusedNorm { has_residual: residual.is_some(), relu, is_training: false };
    normalize(inputs, ChannelStatistics::fixed(mean, variance, eps), fused)
}

fn check_shapes(x: &Tensor, [weight, bias]: [&Tensor; 2], residual: Option<&Tensor>) -> Result<()> {
    let [.., channels] = dims4(x.dims(), NAME)?;
    check_channels(weight, channels, "the weight of batch_norm")?;
    check_channels(bias, channels, "the bias of batch_norm")?;
    check_residual(residual, x.dims(), NAME)
}

/// Gamma and beta as one tensor `[2 C]`, because a custom operation of candle takes three at most.
fn concat_affine(weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    const NAME: &str = "concat_affine";
    dispatch_cuda!(weight, record([weight, bias], crate::cuda::concat_affine(weight, bias)?));
    let affine = [cpu_vec(weight, NAME)?, cpu_vec(bias, NAME)?].concat();
    let len = affine.len();
    let op = Op::on_cpu(NAME, affine, len, |ctx| {
        let [weight, bias] = ctx.inputs;
        let affine = cpu_values(ctx.grad_output, NAME)?;
        let (dweight, dbias) = affine.split_at(weight.elem_count());
        let dweight = cpu_tensor(dweight.to_vec(), weight.shape())?;
        Ok([Some(dweight), Some(cpu_tensor(dbias.to_vec(), bias.shape())?)])
    });
    record([weight, bias], op)
}

/// The operations fused with the normalisation, and the source of its statistics.
#[derive(Clone, Copy)]
struct FusedNorm {
    has_residual: bool,
    relu: bool,
    /// The statistics are the batch's own and depend on `x`.
    is_training: bool,
}

/// Normalises `inputs`: `x`, gamma and beta `[2 C]`, and the residual or any tensor in its place.
fn normalize(
    inputs: [&Tensor; 3],
    statistics: ChannelStatistics,
    fused: FusedNorm,
) -> Result<Tensor> {
    let [x, affine, residual] = inputs;
    let residual = fused.has_residual.then(|| cpu_values(residual, NAME)).transpose()?;
    let y = norm::forward(
        simd::current()?,
        &cpu_values(x, NAME)?,
        &cpu_values(affine, NAME)?,
        &statistics,
        residual.as_deref(),
        fused.relu,
    );
    drop(residual);
    let op = Op::on_cpu(NAME, y, x.shape(), move |ctx| backward(ctx, &statistics, fused));
    record(inputs, op)
}

fn backward(
    ctx: &BackwardContext<'_, 3>,
    statistics: &ChannelStatistics,
    fused: FusedNorm,
) -> Result<[Option<Tensor>; 3]> {
    let [x, affine, residual] = ctx.inputs;
    let [x_needed, affine_needed, residual_needed] = ctx.needs_input_grad;
    let needed = NeededGradients {
        x: x_needed,
        affine: affine_needed,
        residual: fused.has_residual && residual_needed,
    };
    let inputs = BatchNormInputs {
        x: &cpu_values(x, NAME)?,
        y: &cpu_values(ctx.output, NAME)?,
        dy: &cpu_values(ctx.grad_output, NAME)?,
        relu: fused.relu,
        mean: &statistics.mean,
    };
    let affine_values: &[f32] = &cpu_values(affine, NAME)?;
    let gamma = &affine_values[..affine_values.len() / 2];
    let gradients =
        norm::backward(simd::current()?, inputs, gamma, statistics, fused.is_training, needed);
    let tensor = |values: Option<Vec<f32>>, like: &Tensor| {
        values.map(|values| cpu_tensor(values, like.shape())).transpose()
    };
    Ok([
        tensor(gradients.x, x)?,
        tensor(gradients.affine, affine)?,
        tensor(gradients.residual, residual)?,
    ])
}

/// Folds a normalisation into the convolution before it: the weights `[O, I, kh, kw]` and the bias
/// `[O]` for [`conv2d_bias_act`](crate::conv2d_bias_act), in f64, rounded once. Computed on the
/// CPU; the result lies on the device of the weights.
///
/// # Errors
/// When the shapes do not fit each other, or a tensor is not `f32`.
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
    let vector = |tensor: &Tensor| cpu_vec(&tensor.to_device(&Device::Cpu)?, "fold_batch_norm");
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

//! Losses of multi-label classification, from logits.
//!
//! Binary cross-entropy: `max(x, 0) - x z + ln(1 + e^-|x|)`, which neither overflows nor takes the
//! log of a rounded sigmoid. Focal loss: `sigmoid(-x (2 t - 1))^gamma * BCE(x, t)`, the power taken
//! as `exp(gamma * log sigmoid)`. Source: Lin et al., *Focal Loss for Dense Object Detection* (2017).
//!
//! Shapes: logits and targets `[N, L]`, the loss a scalar. Computed in f64, rounded once.

use crate::tape::{apply1, wants_gradient};
use crate::tensor::{on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// How the `N x L` losses become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Mean over samples and labels.
    Mean,
    /// Sum over labels, mean over samples: `L` times the mean.
    SumOverLabelsMeanOverBatch,
}

/// Binary cross-entropy of `logits` against `targets`, both `[N, L]`.
///
/// # Errors
/// When the shapes differ or are empty, a tensor is not `f32` on the CPU, or the targets ask for a
/// gradient, which nobody defines here.
pub fn bce_with_logits(logits: &Tensor, targets: &Tensor, reduction: Reduction) -> Result<Tensor> {
    focal_loss(logits, targets, 0.0, reduction)
}

/// Focal loss of `logits` against `targets`, both `[N, L]`; `gamma` 0 is binary cross-entropy.
///
/// # Errors
/// As [`bce_with_logits`], and when `gamma` is negative or not finite.
pub fn focal_loss(
    logits: &Tensor,
    targets: &Tensor,
    gamma: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    weighted_focal_loss(logits, targets, &[], gamma, reduction)
}

/// Focal loss whose labels count differently: the loss of label `l` is multiplied by `weights[l]`.
/// The mean still divides by `N x L`, as PyTorch's `BCEWithLogitsLoss(weight=…)` does. Without
/// weights every label counts 1.
///
/// # Errors
/// As [`focal_loss`], and when there is not one finite weight of at least 0 a label.
pub fn weighted_focal_loss(
    logits: &Tensor,
    targets: &Tensor,
    weights: &[f32],
    gamma: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    let &[n, labels] = logits.dims() else {
        bail!("a loss takes logits [N, L], not {:?}", logits.dims());
    };
    if targets.dims() != [n, labels] || n * labels == 0 {
        bail!("the logits are {:?}, the targets {:?}", logits.dims(), targets.dims());
    }
    if !(gamma >= 0.0 && gamma.is_finite()) {
        bail!("the focal loss takes a finite gamma of at least 0, not {gamma}");
    }
    if !(weights.is_empty() || weights.len() == labels) {
        bail!("{} weights do not fit {labels} labels", weights.len());
    }
    if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        bail!("the weight of a label is a finite number of at least 0, not {weight}");
    }
    if wants_gradient(targets) {
        bail!("a loss gives no gradient to its targets: detach them");
    }
    let terms = match reduction {
        Reduction::Mean => n * labels,
        Reduction::SumOverLabelsMeanOverBatch => n,
    };
    let scale = 1.0 / terms as f64;
    on_card!(logits, crate::cuda::loss(&logits.contiguous()?, targets, weights, (gamma, scale)));
    let targets = with_values(targets, NAME, <[f32]>::to_vec)?;
    let weights = weights.to_vec();
    apply1(&logits.contiguous()?, Loss { targets, weights, gamma, scale })
}

const NAME: &str = "loss";

struct Loss {
    targets: Vec<f32>,
    /// One a label, or none where all count 1.
    weights: Vec<f32>,
    gamma: f64,
    scale: f64,
}

/// `ln(1 + e^x)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }
}

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

impl Loss {
    /// The weight and the cross-entropy of one logit.
    fn parts(&self, x: f64, target: f64) -> (f64, f64) {
        let weight = if self.gamma == 0.0 {
            1.0
        } else {
            (-self.gamma * softplus(x * (2.0 * target - 1.0))).exp()
        };
        (weight, softplus(x) - x * target)
    }

    /// How much the label of the logit at `place` counts; 1 changes no bit.
    fn weight(&self, place: usize) -> f64 {
        match self.weights.len() {
            0 => 1.0,
            labels => f64::from(self.weights[place % labels]),
        }
    }

    fn value(&self, x: f64, target: f64) -> f64 {
        let (weight, entropy) = self.parts(x, target);
        weight * entropy
    }

    fn slope(&self, x: f64, target: f64) -> f64 {
        let (weight, entropy) = self.parts(x, target);
        let sign = 2.0 * target - 1.0;
        let weight_slope = -self.gamma * sign * sigmoid(x * sign) * weight;
        weight_slope * entropy + weight * (sigmoid(x) - target)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "losses and gradients are f32 tensors")]
fn rounded(value: f64) -> f32 {
    value as f32
}

impl CustomOp1 for Loss {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = values(logits, layout, NAME)?;
        let pairs = logits.iter().zip(&self.targets).enumerate();
        let sum: f64 = pairs
            .map(|(place, (x, t))| self.weight(place) * self.value(f64::from(*x), f64::from(*t)))
            .sum();
        Ok((CpuStorage::F32(vec![rounded(sum * self.scale)]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let scale = self.scale * f64::from(gradient.to_scalar::<f32>()?);
        let slopes = with_values(logits, NAME, |logits| {
            let pairs = logits.iter().zip(&self.targets).enumerate();
            let slope = |(place, (x, t)): (usize, (&f32, &f32))| {
                scale * self.weight(place) * self.slope(f64::from(*x), f64::from(*t))
            };
            pairs.map(|pair| rounded(slope(pair))).collect()
        })?;
        Ok(Some(tensor(slopes, logits)?))
    }
}

//! Losses of multi-label classification, from logits.
//!
//! Binary cross-entropy: `max(x, 0) - x z + ln(1 + e^-|x|)`, which neither overflows nor takes the
//! log of a rounded sigmoid. Focal loss: `sigmoid(-x (2 t - 1))^gamma * BCE(x, t)`, the power taken
//! as `exp(gamma * log sigmoid)`. Source: Lin et al., *Focal Loss for Dense Object Detection* (2017).
//!
//! Shapes: logits and targets `[N, L]`, the loss a scalar. Computed in f64, rounded once.

use crate::autograd::{record, requires_grad};
use crate::cpu::loss::FocalLoss;
use crate::op::Op;
use crate::tensor::{cpu_tensor, cpu_values, cpu_vec, dispatch_cuda};
use candle_core::{Result, Tensor, bail};

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
/// gradient, which is not implemented.
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
    if requires_grad(targets) {
        bail!("a loss gives no gradient to its targets: detach them");
    }
    let terms = match reduction {
        Reduction::Mean => n * labels,
        Reduction::SumOverLabelsMeanOverBatch => n,
    };
    let scale = 1.0 / terms as f64;
    let logits = &logits.contiguous()?;
    dispatch_cuda!(
        logits,
        record([logits], crate::cuda::loss(logits, targets, weights, (gamma, scale))?)
    );
    let loss =
        FocalLoss { targets: cpu_vec(targets, NAME)?, weights: weights.to_vec(), gamma, scale };
    let value = loss.forward(&cpu_values(logits, NAME)?);
    let op = Op::on_cpu(NAME, vec![value], (), move |ctx| {
        let [logits] = ctx.inputs;
        let grad_output = ctx.grad_output.to_scalar::<f32>()?;
        let dlogits = loss.backward(&cpu_values(logits, NAME)?, grad_output);
        Ok([Some(cpu_tensor(dlogits, logits.shape())?)])
    });
    record([logits], op)
}

const NAME: &str = "loss";

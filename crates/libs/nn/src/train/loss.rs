//! How wrong the logits are.
//!
//! Summed over the labels and averaged over the batch, or averaged over both; the mean is as
//! many times smaller as there are labels, so learning rates do not carry over. Focal loss
//! weighs the cross-entropy of each label by σ(−x(2t − 1))^γ: what is already right counts
//! little. Source: Lin et al. 2017, arXiv 1708.02002, without α. Labels may count differently
//! (`balance.rs`). For a target between 0 and 1 (smoothed or mixed) the same formula holds, with the
//! exponent's 2t − 1 between −1 and 1.

use candle_core::{Result, Tensor};
use hpa_ops::Reduction;
use serde::{Deserialize, Serialize};

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// Binary cross-entropy.
    Bce,
    /// Focal loss.
    Focal,
}

/// How the losses of labels and samples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossReduction {
    /// Sum over labels, mean over samples.
    Sum,
    /// Mean over both.
    Mean,
}

/// The loss that training minimises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// Which.
    pub kind: LossKind,
    /// γ of focal loss, at least 0.
    pub gamma: f64,
    /// Its scale.
    pub reduction: LossReduction,
}

impl Loss {
    /// The loss of logits against targets, both `[N, L]`; a scalar. Label `l` counts `weights[l]`
    /// times; without weights all count once.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn of(&self, logits: &Tensor, targets: &Tensor, weights: &[f32]) -> Result<Tensor> {
        let reduction = match self.reduction {
            LossReduction::Sum => Reduction::SumOverLabelsMeanOverBatch,
            LossReduction::Mean => Reduction::Mean,
        };
        let gamma = match self.kind {
            LossKind::Bce => 0.0,
            LossKind::Focal => self.gamma,
        };
        hpa_ops::weighted_focal_loss(logits, targets, weights, gamma, reduction)
    }

    /// What a network that has learnt nothing loses at most: every logit 0.
    #[must_use]
    pub fn chance_level(&self, labels: usize) -> f64 {
        match self.reduction {
            LossReduction::Sum => labels as f64 * std::f64::consts::LN_2,
            LossReduction::Mean => std::f64::consts::LN_2,
        }
    }
}

impl std::str::FromStr for LossKind {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "bce" => Ok(Self::Bce),
            "focal" => Ok(Self::Focal),
            _ => Err(format!("{text:?} is not a loss: expected bce or focal")),
        }
    }
}

impl std::str::FromStr for LossReduction {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "sum" => Ok(Self::Sum),
            "mean" => Ok(Self::Mean),
            _ => Err(format!("{text:?} is not a reduction over labels: expected sum or mean")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn loss(kind: LossKind, reduction: LossReduction, logits: &[f32], targets: &[f32]) -> f32 {
        let tensor = |values: &[f32]| Tensor::from_slice(values, (1, 2), &Device::Cpu).unwrap();
        let loss = Loss { kind, gamma: 2.0, reduction };
        loss.of(&tensor(logits), &tensor(targets), &[]).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn losses_worked_on_paper() {
        let (kind, sum) = (LossKind::Bce, LossReduction::Sum);
        let ln2 = std::f32::consts::LN_2;
        assert!((loss(kind, sum, &[0.0, 0.0], &[1.0, 0.0]) - 2.0 * ln2).abs() < 1e-6);
        assert!((loss(kind, LossReduction::Mean, &[0.0, 0.0], &[1.0, 0.0]) - ln2).abs() < 1e-6);
        // σ(0)² = 1/4 of the cross-entropy.
        assert!((loss(LossKind::Focal, sum, &[0.0, 0.0], &[1.0, 0.0]) - ln2 / 2.0).abs() < 1e-6);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for kind in [LossKind::Bce, LossKind::Focal] {
            let right = loss(kind, LossReduction::Sum, &[90.0, -90.0], &[1.0, 0.0]);
            assert!((0.0..1e-6).contains(&right), "{right}");
            let wrong = loss(kind, LossReduction::Sum, &[-90.0, 90.0], &[1.0, 0.0]);
            assert!((wrong - 180.0).abs() < 1e-3, "{wrong}");
        }
    }
}

//! Multi-label losses: BCE and focal.
//!
//! Summed or averaged over the labels, averaged over the batch. The focal loss weighs the
//! cross-entropy of each label by σ(−x(2t − 1))^γ. Source: Lin et al. 2017, arXiv 1708.02002,
//! without α. For a target between 0 and 1 (smoothed or mixed) the same formula holds, with
//! 2t − 1 between −1 and 1.

use crate::config::{LossConfig, LossKind, LossReduction};
use candle_core::{Result, Tensor};
use hpa_ops::Reduction;

impl LossConfig {
    /// The loss of logits against targets, both `[N, L]`: a scalar. Label `l` is weighted by
    /// `label_weights[l]`; empty weighs all 1.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn loss(&self, logits: &Tensor, targets: &Tensor, label_weights: &[f32]) -> Result<Tensor> {
        let reduction = match self.reduction {
            LossReduction::Sum => Reduction::SumOverLabelsMeanOverBatch,
            LossReduction::Mean => Reduction::Mean,
        };
        let gamma = match self.kind {
            LossKind::Bce => 0.0,
            LossKind::Focal => self.gamma,
        };
        hpa_ops::weighted_focal_loss(logits, targets, label_weights, gamma, reduction)
    }

    /// Loss at all-zero logits, an upper bound for a network that has learnt anything.
    #[must_use]
    pub fn chance_level(&self, labels: usize) -> f64 {
        match self.reduction {
            LossReduction::Sum => labels as f64 * std::f64::consts::LN_2,
            LossReduction::Mean => std::f64::consts::LN_2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn loss(kind: LossKind, reduction: LossReduction, logits: &[f32], targets: &[f32]) -> f32 {
        let tensor = |values: &[f32]| Tensor::from_slice(values, (1, 2), &Device::Cpu).unwrap();
        let config = LossConfig { kind, reduction, ..LossConfig::default() };
        config.loss(&tensor(logits), &tensor(targets), &[]).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn losses_worked_by_hand() {
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

//! Focal loss and binary cross-entropy of logits, computed in f64 and rounded once.

/// Focal loss over logits `[N, L]` with its targets; a `gamma` of 0 is binary cross-entropy.
pub(crate) struct FocalLoss {
    pub(crate) targets: Vec<f32>,
    /// One per label, or none where all are 1.
    pub(crate) weights: Vec<f32>,
    pub(crate) gamma: f64,
    /// 1 over the number of terms that are averaged.
    pub(crate) scale: f64,
}

/// The modulating factor and the cross-entropy of one logit.
struct Terms {
    factor: f64,
    entropy: f64,
}

impl FocalLoss {
    pub(crate) fn forward(&self, logits: &[f32]) -> f32 {
        let terms = logits.iter().zip(&self.targets).enumerate();
        let sum: f64 = terms
            .map(|(i, (x, t))| self.label_weight(i) * self.value(f64::from(*x), f64::from(*t)))
            .sum();
        rounded(sum * self.scale)
    }

    /// The gradient of the logits.
    pub(crate) fn backward(&self, logits: &[f32], grad_output: f32) -> Vec<f32> {
        let scale = self.scale * f64::from(grad_output);
        let terms = logits.iter().zip(&self.targets).enumerate();
        terms
            .map(|(i, (x, t))| {
                rounded(
                    scale * self.label_weight(i) * self.derivative(f64::from(*x), f64::from(*t)),
                )
            })
            .collect()
    }

    /// The weight of the label of logit `i`; multiplying by 1 changes no bit.
    fn label_weight(&self, i: usize) -> f64 {
        match self.weights.len() {
            0 => 1.0,
            labels => f64::from(self.weights[i % labels]),
        }
    }

    fn terms(&self, x: f64, target: f64) -> Terms {
        let factor = if self.gamma == 0.0 {
            1.0
        } else {
            (-self.gamma * softplus(x * (2.0 * target - 1.0))).exp()
        };
        Terms { factor, entropy: softplus(x) - x * target }
    }

    fn value(&self, x: f64, target: f64) -> f64 {
        let Terms { factor, entropy } = self.terms(x, target);
        factor * entropy
    }

    fn derivative(&self, x: f64, target: f64) -> f64 {
        let Terms { factor, entropy } = self.terms(x, target);
        let sign = 2.0 * target - 1.0;
        let factor_derivative = -self.gamma * sign * sigmoid(x * sign) * factor;
        factor_derivative * entropy + factor * (sigmoid(x) - target)
    }
}

/// `ln(1 + e^x)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }
}

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

#[expect(clippy::cast_possible_truncation, reason = "losses and gradients are f32 tensors")]
fn rounded(value: f64) -> f32 {
    value as f32
}

//! The walk through a network that records gradients and batch statistics.

use crate::config::BatchNormMode;
use crate::network::held::Held;
use crate::network::layers::{Activation, Classifier, Unit, Walk};
use candle_core::{Result, Tensor, Var};
use hpa_ops::{BatchNormEval, Precision, RunningStatistics};
use std::collections::BTreeMap;

/// Share of the newest batch in running statistics: PyTorch's default.
const NEWEST: f32 = 0.1;

/// What the walk needs of a network.
pub(crate) struct Training<'a> {
    pub(crate) precision: Precision,
    pub(crate) parameters: &'a BTreeMap<String, Var>,
    pub(crate) buffers: &'a mut BTreeMap<String, Held>,
    pub(crate) frozen: Option<BatchNormMode>,
    /// Added to a variance before its root.
    pub(crate) epsilon: f64,
}

impl Training<'_> {
    fn parameter(&self, prefix: &str, kind: &str) -> &Tensor {
        self.parameters[&format!("{prefix}.{kind}")].as_tensor()
    }

    /// Batch norm with the running statistics, which stay, as do its weights.
    fn fixed_norm(
        &self,
        prefix: &str,
        y: &Tensor,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> Result<Tensor> {
        let buffer = |kind| self.buffers[&format!("{prefix}.{kind}")].tensor();
        let (mean, variance) = (buffer("running_mean")?, buffer("running_var")?);
        let norm = BatchNormEval {
            weight: &self.parameter(prefix, "weight").detach(),
            bias: &self.parameter(prefix, "bias").detach(),
            statistics: RunningStatistics { mean: &mean, variance: &variance },
            residual,
            relu,
            eps: self.epsilon,
        };
        hpa_ops::batch_norm_eval(y, &norm)
    }

    /// `running = 0.9 running + 0.1 batch`.
    fn keep(&mut self, name: &str, batch: &Tensor) -> Result<()> {
        self.buffers.get_mut(name).expect("every norm has its buffers").blend(batch, NEWEST)
    }
}

impl Walk for Training<'_> {
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let weight = self.parameter(&unit.convolution, "weight");
        let (x, spec) = unit.pad(x)?;
        let frozen = self.frozen.map(|_| weight.detach());
        let weight = frozen.as_ref().unwrap_or(weight);
        let y = hpa_ops::conv2d_with_precision(&x, weight, &spec, self.precision)?;
        let relu = activation == Activation::Relu;
        if self.frozen == Some(BatchNormMode::Fixed) {
            return activation.finish(self.fixed_norm(&unit.norm, &y, residual, relu)?);
        }
        let norm = (self.parameter(&unit.norm, "weight"), self.parameter(&unit.norm, "bias"));
        let (y, batch) = hpa_ops::batch_norm_train(&y, norm, residual, relu, self.epsilon)?;
        self.keep(&format!("{}.running_mean", unit.norm), &batch.mean)?;
        self.keep(&format!("{}.running_var", unit.norm), &batch.variance_unbiased)?;
        activation.finish(y)
    }

    fn classifier(&mut self, layer: &Classifier, x: &Tensor) -> Result<Tensor> {
        let weight = self.parameter(&layer.name, "weight");
        let bias = self.parameter(&layer.name, "bias");
        hpa_ops::linear_with_precision(x, weight, bias, self.precision)
    }
}

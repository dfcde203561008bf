//! Forward pass that records gradients: training, and evaluation for [`candle_nn::ModuleT`].

use crate::config::BatchNormMode;
use crate::models::Network;
use crate::models::layers::{Activation, ConvBnAct, ForwardPass, Linear};
use candle_core::{Result, Tensor, Var};
use hpa_ops::{BatchNormEval, RunningStatistics};

/// Share of the newest batch in the running statistics: PyTorch's default.
const MOMENTUM: f32 = 0.1;

/// The layers of a network over its own parameters.
pub(crate) struct TrainForward<'a> {
    pub(crate) network: &'a Network,
    /// Whether batch norm takes the statistics of the batch and updates the running ones.
    pub(crate) train: bool,
}

impl ForwardPass for TrainForward<'_> {
    fn conv(&mut self, layer: &ConvBnAct, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let Network { params, buffers, frozen, precision, .. } = self.network;
        let param = |prefix: &str, kind: &str, is_frozen: bool| {
            let var = &params[&format!("{prefix}.{kind}")];
            if is_frozen { var.as_detached_tensor() } else { var.as_tensor().clone() }
        };
        let buffer = |kind: &str| &buffers[&format!("{}.{kind}", layer.bn)];
        let has_fixed_norm = *frozen == Some(BatchNormMode::Fixed);

        let weight = param(&layer.conv, "weight", frozen.is_some());
        let (x, geometry) = layer.pad(x)?;
        let y = hpa_ops::conv2d_with_precision(&x, &weight, &geometry, *precision)?;

        let weight = param(&layer.bn, "weight", has_fixed_norm);
        let bias = param(&layer.bn, "bias", has_fixed_norm);
        let (mean, variance) = (buffer("running_mean"), buffer("running_var"));
        let relu = layer.activation == Activation::Relu;
        let eps = self.network.layers.eps;
        let y = if self.train && !has_fixed_norm {
            let (y, batch) = hpa_ops::batch_norm_train(&y, (&weight, &bias), residual, relu, eps)?;
            update_running_statistic(mean, &batch.mean)?;
            update_running_statistic(variance, &batch.variance_unbiased)?;
            y
        } else {
            let (mean, variance) = (mean.as_detached_tensor(), variance.as_detached_tensor());
            let statistics = RunningStatistics { mean: &mean, variance: &variance };
            let (weight, bias) = (&weight, &bias);
            let norm = BatchNormEval { weight, bias, statistics, residual, relu, eps };
            hpa_ops::batch_norm_eval(&y, &norm)?
        };
        layer.activation.after_relu(y)
    }

    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        let param = |kind| self.network.params[&format!("{}.{kind}", layer.name)].as_tensor();
        hpa_ops::linear_with_precision(x, param("weight"), param("bias"), self.network.precision)
    }
}

/// `running = 0.9 running + 0.1 batch`.
fn update_running_statistic(running: &Var, batch: &Tensor) -> Result<()> {
    let kept = running.as_detached_tensor().affine(f64::from(1.0 - MOMENTUM), 0.0)?;
    running.set(&(kept + batch.detach().affine(f64::from(MOMENTUM), 0.0)?)?)
}

//! Inference model: batch norm folded into the convolutions, nothing recorded.

use crate::models::Network;
use crate::models::layers::{Activation, ConvBnAct, ForwardPass, Layers, Linear};
use candle_core::{Device, Result, Tensor};
use hpa_ops::RunningStatistics;
use std::collections::BTreeMap;

/// A snapshot of a network for inference.
pub struct InferenceModel {
    layers: Layers,
    pub(crate) device: Device,
    /// Folded convolutions, by the prefix of their weight.
    convolutions: BTreeMap<String, WeightAndBias>,
    classifier: WeightAndBias,
}

struct WeightAndBias {
    weight: Tensor,
    bias: Tensor,
}

impl Network {
    /// The network as it is now, for inference.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn inference_model(&self) -> Result<InferenceModel> {
        let layers = self.layers().clone();
        let convolutions = layers
            .convolutions()
            .map(|layer| Ok((layer.conv.clone(), self.fold(layer)?)))
            .collect::<Result<_>>()?;
        // Copies, for the next optimizer step overwrites the parameters in place.
        let copy = |kind: &str| {
            self.var(&format!("{}.{kind}", layers.classifier.name)).as_detached_tensor().copy()
        };
        let classifier = WeightAndBias { weight: copy("weight")?, bias: copy("bias")? };
        Ok(InferenceModel {
            layers,
            device: self.candle_device().clone(),
            convolutions,
            classifier,
        })
    }

    /// Folds the batch norm of a layer into its convolution, on the CPU whatever the device.
    fn fold(&self, layer: &ConvBnAct) -> Result<WeightAndBias> {
        let tensor = |prefix: &str, kind: &str| {
            self.var(&format!("{prefix}.{kind}")).as_detached_tensor().to_device(&Device::Cpu)
        };
        let (gamma, beta) = (tensor(&layer.bn, "weight")?, tensor(&layer.bn, "bias")?);
        let statistics = RunningStatistics {
            mean: &tensor(&layer.bn, "running_mean")?,
            variance: &tensor(&layer.bn, "running_var")?,
        };
        let weight = tensor(&layer.conv, "weight")?;
        let eps = self.layers().eps;
        let (weight, bias) = hpa_ops::fold_batch_norm(&weight, (&gamma, &beta), statistics, eps)?;
        let device = self.candle_device();
        Ok(WeightAndBias { weight: weight.to_device(device)?, bias: bias.to_device(device)? })
    }
}

impl InferenceModel {
    /// Number of labels, L.
    #[must_use]
    pub const fn num_labels(&self) -> usize {
        self.layers.classifier.out_features
    }

    /// Logits, row-major `[N][L]`, of images `[N, S, S, C]` of `size_px`; C is 4, or 3 for a network
    /// of [`Network::from_imagenet`].
    ///
    /// # Errors
    /// When the images do not fit the network.
    pub fn logits(&self, images: Vec<f32>, size_px: usize) -> Result<Vec<f32>> {
        let channels = self.layers.stem.in_channels;
        let count = images.len() / (size_px * size_px * channels);
        let shape = (count, size_px, size_px, channels);
        self.forward(&Tensor::from_vec(images, shape, &self.device)?)
    }

    /// Logits, row-major `[N][L]`, of images `[N, S, S, C]` on the model's device.
    pub(crate) fn forward(&self, images: &Tensor) -> Result<Vec<f32>> {
        self.layers.forward(images, &mut InferenceForward(self))?.flatten_all()?.to_vec1()
    }
}

/// Forward pass over the folded weights.
struct InferenceForward<'a>(&'a InferenceModel);

impl ForwardPass for InferenceForward<'_> {
    fn conv(&mut self, layer: &ConvBnAct, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let WeightAndBias { weight, bias } = &self.0.convolutions[&layer.conv];
        let (x, geometry) = layer.pad(x)?;
        let relu = layer.activation == Activation::Relu;
        let y = hpa_ops::conv2d_bias_act(&x, (weight, bias), &geometry, residual, relu)?;
        layer.activation.after_relu(y)
    }

    fn linear(&mut self, _: &Linear, x: &Tensor) -> Result<Tensor> {
        hpa_ops::linear(x, &self.0.classifier.weight, &self.0.classifier.bias)
    }
}

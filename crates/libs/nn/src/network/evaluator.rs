//! A network that only answers: batch norm is multiplied into the weights, nothing is recorded.

use crate::network::layers::{Activation, Classifier, Unit, Walk};
use crate::network::plan::Plan;
use candle_core::{Device, Result, Tensor};
use std::collections::BTreeMap;

/// A network as it was at one moment.
pub struct Evaluator {
    pub(crate) plan: Plan,
    pub(crate) device: Device,
    /// Weight and bias of each convolution, by its prefix.
    pub(crate) units: BTreeMap<String, (Tensor, Tensor)>,
    pub(crate) classifier: (Tensor, Tensor),
}

impl Evaluator {
    /// How many labels it answers about.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.plan.classifier().labels
    }

    /// Logits, row-major `[N][L]`, of images `[N, S, S, C]` of `size_px`; C is 4, and 3 for a network
    /// that looks at photographs.
    ///
    /// # Errors
    /// When the images do not fit the network.
    pub fn logits(&self, images: Vec<f32>, size_px: usize) -> Result<Vec<f32>> {
        let channels = self.plan.stem().inputs;
        let count = images.len() / (size_px * size_px * channels);
        let shape = (count, size_px, size_px, channels);
        self.answer(&Tensor::from_vec(images, shape, &self.device)?)
    }

    /// Logits of images that are already where the network computes.
    pub(crate) fn answer(&self, images: &Tensor) -> Result<Vec<f32>> {
        self.plan.forward(images, &mut Folded(self))?.flatten_all()?.to_vec1()
    }
}

/// The walk through folded weights.
struct Folded<'a>(&'a Evaluator);

impl Walk for Folded<'_> {
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let (weight, bias) = &self.0.units[&unit.convolution];
        let (x, spec) = unit.pad(x)?;
        let relu = activation == Activation::Relu;
        activation.finish(hpa_ops::conv2d_bias_act(&x, (weight, bias), &spec, residual, relu)?)
    }

    fn classifier(&mut self, _: &Classifier, x: &Tensor) -> Result<Tensor> {
        hpa_ops::linear(x, &self.0.classifier.0, &self.0.classifier.1)
    }
}

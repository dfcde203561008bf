//! What a training step must at least do: multiplications and traffic with memory.
//!
//! Counted by a walk through the layers that computes nothing. Forward, and backward twice as much,
//! a convolution multiplies each of its outputs with a kernel. Traffic is that of one pass a
//! tensor and operation, as the kernels of this project make them: per unit of convolution, norm
//! and activation the output of the convolution is written once and read twice forward (statistics,
//! normalisation), read twice and its gradient written once and read twice backward; the result is
//! written once and its gradient read twice; the input is read once forward and once for the
//! weights' gradient, and its own gradient written once; a residual is read once and its gradient
//! written once. Weights are left out: they are small beside a batch.

use crate::network::Network;
use crate::network::layers::{Activation, Classifier, Unit, Walk};
use candle_core::{DType, Device, Result, Tensor};
use hpa_core::Channel;

/// Of one image in one training step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Multiplications and additions, each counted: forward and backward.
    pub operations: u64,
    /// Values of activations and their gradients that are read or written.
    pub values: u64,
}

impl Network {
    /// The cost of an image of this side.
    ///
    /// # Errors
    /// When the images are too small for the network.
    pub fn cost(&self, side: usize) -> Result<Cost> {
        let mut count = Count(Cost::default());
        let image = Tensor::zeros((1, side, side, Channel::COUNT), DType::F32, &Device::Cpu)?;
        self.plan().forward(&image, &mut count)?;
        Ok(count.0)
    }
}

struct Count(Cost);

impl Walk for Count {
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        _: Activation,
    ) -> Result<Tensor> {
        let Unit { inputs, outputs, kernel, stride, groups, .. } = *unit;
        let (n, height, width, _) = x.dims4()?;
        // Half a kernel of zeros all around, or TensorFlow's "same": either way the side is divided.
        let y = (n, height.div_ceil(stride), width.div_ceil(stride), outputs);
        let size = (y.0 * y.1 * y.2 * y.3) as u64;
        let products = size * (inputs / groups * kernel * kernel) as u64;
        // The input of the first layer wants no gradient.
        let is_image = inputs == Channel::COUNT;
        self.0.operations += 2 * products * if is_image { 2 } else { 3 };
        self.0.values += 11 * size + x.elem_count() as u64 * if is_image { 2 } else { 3 };
        self.0.values += if residual.is_some() { 2 * size } else { 0 };
        Tensor::zeros(y, DType::F32, &Device::Cpu)
    }

    fn classifier(&mut self, layer: &Classifier, x: &Tensor) -> Result<Tensor> {
        self.0.operations += 6 * (layer.features * layer.labels) as u64;
        self.0.values += 3 * x.elem_count() as u64;
        Tensor::zeros((1, layer.labels), DType::F32, &Device::Cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use hpa_core::Seed;

    /// torchvision's tables: 1.81 and 4.09 billion products forward for three channels and a
    /// thousand labels.
    #[test]
    fn the_products_are_those_of_torchvisions_tables() {
        for (architecture, forward) in
            [(Architecture::ResNet18, 1.81e9), (Architecture::ResNet50, 4.09e9)]
        {
            let network = Network::new(architecture, 1000, Seed::new(1)).unwrap();
            let cost = network.cost(224).unwrap();
            let stem = f64::from(112 * 112 * 64 * 49);
            // A fourth channel more, and no gradient of the image.
            let expected = 6.0 * (forward + stem) - 2.0 * 4.0 * stem;
            let found = cost.operations as f64;
            assert!((found / expected - 1.0).abs() < 0.01, "{found} for {expected}");
            assert!(cost.values > 20_000_000, "{cost:?}");
        }
    }
}

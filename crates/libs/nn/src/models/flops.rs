//! Lower bound of the work of a training step: FLOPs and memory traffic.
//!
//! Counted by a forward pass that computes no values. A convolution multiplies each of its outputs
//! with a kernel, forward, and twice as much backward. Traffic counts one pass over each tensor per
//! operation, as the kernels of this project make them: per convolution, norm and activation, the
//! convolution's output is written once and read twice forward (statistics, normalisation), read
//! twice and its gradient written once and read twice backward; the result is written once and its
//! gradient read twice; the input is read once forward and once for the weight gradient, and its own
//! gradient written once; a residual is read once and its gradient written once. Weights are left
//! out: they are small beside a batch.

use crate::models::Network;
use crate::models::layers::{ConvBnAct, ForwardPass, Linear};
use candle_core::{DType, Device, Result, Tensor};
use hpa_core::Channel;

/// Work of one training step for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StepCost {
    /// Multiplications and additions, counted separately: forward and backward.
    pub flops: u64,
    /// Values of activations and their gradients that are read or written.
    pub activations: u64,
}

impl Network {
    /// The work of a training step for an image of `size_px`.
    ///
    /// # Errors
    /// When the images are too small for the network.
    pub fn step_cost(&self, size_px: usize) -> Result<StepCost> {
        let mut counter = FlopCounter(StepCost::default());
        let image = Tensor::zeros((1, size_px, size_px, Channel::COUNT), DType::F32, &Device::Cpu)?;
        self.layers().forward(&image, &mut counter)?;
        Ok(counter.0)
    }
}

struct FlopCounter(StepCost);

impl ForwardPass for FlopCounter {
    fn conv(&mut self, layer: &ConvBnAct, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let ConvBnAct { in_channels, out_channels, kernel, stride, groups, .. } = *layer;
        let (n, height, width, _) = x.dims4()?;
        // The side is divided by the stride and rounded up, with either padding mode.
        let shape = (n, height.div_ceil(stride), width.div_ceil(stride), out_channels);
        let y = Tensor::zeros(shape, DType::F32, &Device::Cpu)?;
        let size = y.elem_count() as u64;
        let products = size * (in_channels / groups * kernel * kernel) as u64;
        // The first layer computes no input gradient.
        let passes = if in_channels == Channel::COUNT { 2 } else { 3 };
        self.0.flops += 2 * products * passes;
        self.0.activations += 11 * size + x.elem_count() as u64 * passes;
        self.0.activations += if residual.is_some() { 2 * size } else { 0 };
        Ok(y)
    }

    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        self.0.flops += 6 * (layer.in_features * layer.out_features) as u64;
        self.0.activations += 3 * x.elem_count() as u64;
        Tensor::zeros((1, layer.out_features), DType::F32, &Device::Cpu)
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
    fn flops_are_those_of_torchvisions_tables() {
        for (architecture, forward) in
            [(Architecture::ResNet18, 1.81e9), (Architecture::ResNet50, 4.09e9)]
        {
            let network = Network::new(architecture, 1000, Seed::new(1)).unwrap();
            let cost = network.step_cost(224).unwrap();
            let stem = f64::from(112 * 112 * 64 * 49);
            // A fourth channel more, and no gradient of the image.
            let expected = 6.0 * (forward + stem) - 2.0 * 4.0 * stem;
            let found = cost.flops as f64;
            assert!((found / expected - 1.0).abs() < 0.01, "{found} for {expected}");
            assert!(cost.activations > 20_000_000, "{cost:?}");
        }
    }
}

//! Training steps on one random batch in memory, for benchmarks and memory trials.

use crate::config::{LossConfig, LossKind, LossReduction};
use crate::error::NnError;
use crate::models::Network;
use crate::train::oom;
use candle_core::{DType, Tensor};
use hpa_core::{Channel, Seed};
use hpa_ops::optim::{ParamGroup, Parameter, Sgd, SgdConfig};

/// Fraction of targets that are 1.
const POSITIVE_RATE: f64 = 0.1;

/// A network, SGD with momentum, and one batch.
pub struct SyntheticStep {
    network: Network,
    sgd: Sgd,
    /// `[N, S, S, 4]`
    images: Tensor,
    /// `[N, L]`
    targets: Tensor,
    loss: LossConfig,
}

impl SyntheticStep {
    /// A batch of random images of side `side_px` on the network's device.
    ///
    /// # Errors
    /// When the GPU's memory is too small; the error names the largest batch that fits.
    pub fn new(
        mut network: Network,
        batch_size: usize,
        side_px: usize,
        seed: Seed,
    ) -> Result<Self, NnError> {
        let sgd = sgd(&network);
        let batch = random_batch(&network, batch_size, side_px, seed);
        match sgd.and_then(|sgd| Ok((sgd, batch?))) {
            Ok((sgd, (images, targets))) => {
                let loss = LossConfig {
                    kind: LossKind::Bce,
                    reduction: LossReduction::Mean,
                    ..LossConfig::default()
                };
                Ok(Self { network, sgd, images, targets, loss })
            }
            Err(error) => Err(oom::explain(&mut network, error.into(), batch_size, side_px)),
        }
    }

    /// Takes `count` steps and waits for the device; the loss of the last step.
    ///
    /// # Errors
    /// When the GPU's memory is too small; the error names the largest batch that fits.
    pub fn steps(&mut self, count: usize) -> Result<f64, NnError> {
        let mut loss = Tensor::zeros((), DType::F32, self.images.device())?;
        for _ in 0..count {
            let step = self.step();
            loss = match step {
                Ok(loss) => loss,
                Err(error) => {
                    let (batch_size, side_px, ..) = self.images.dims4()?;
                    let error = error.into();
                    return Err(oom::explain(&mut self.network, error, batch_size, side_px));
                }
            };
        }
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn step(&mut self) -> candle_core::Result<Tensor> {
        let Self { network, sgd, images, targets, loss } = self;
        let (loss, gradients) =
            hpa_ops::value_and_grad(|| loss.loss(&network.forward_train(images)?, targets, &[]))?;
        sgd.step(&gradients, 0.01)?;
        Ok(loss)
    }
}

fn sgd(network: &Network) -> candle_core::Result<Sgd> {
    let parameters = network.parameters().iter().map(|(name, var)| Parameter {
        name: name.clone(),
        var: var.clone(),
        group: ParamGroup::default(),
    });
    let config = SgdConfig { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    Sgd::new(parameters.collect(), config)
}

/// Images `[N, S, S, 4]` and targets `[N, L]`.
fn random_batch(
    network: &Network,
    batch_size: usize,
    side_px: usize,
    seed: Seed,
) -> candle_core::Result<(Tensor, Tensor)> {
    let device = network.candle_device();
    let labels = network.layers().classifier.out_features;
    let mut rng = seed.derive("drill").rng();
    #[expect(clippy::cast_possible_truncation, reason = "pixels are f32")]
    let pixels = (0..batch_size * side_px * side_px * Channel::COUNT).map(|_| rng.normal() as f32);
    let pixels: Vec<f32> = pixels.collect();
    let images = Tensor::from_vec(pixels, (batch_size, side_px, side_px, Channel::COUNT), device)?;
    let positive =
        (0..batch_size * labels).map(|_| f32::from(u8::from(rng.bernoulli(POSITIVE_RATE))));
    let targets = Tensor::from_vec(positive.collect::<Vec<f32>>(), (batch_size, labels), device)?;
    Ok((images, targets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;

    #[test]
    fn steps_reduce_the_loss() {
        let network = Network::new(Architecture::ResNet18, 3, Seed::new(1)).unwrap();
        let mut synthetic = SyntheticStep::new(network, 4, 32, Seed::new(2)).unwrap();
        let first = synthetic.steps(1).unwrap();
        let last = synthetic.steps(12).unwrap();
        assert!(last < 0.8 * first, "from {first} to {last}");
    }
}

//! Training steps on one random batch in memory, for benchmarks and memory trials.

use crate::config::{LossKind, LossReduction, OptimizerKind, TrainConfig};
use crate::error::NnError;
use crate::models::Network;
use crate::train::lr_scheduler::StepParams;
use crate::train::oom;
use crate::train::optimizer::Optimizer;
use candle_core::Tensor;
use hpa_core::{Channel, Seed};

/// Fraction of targets that are 1.
const POSITIVE_RATE: f64 = 0.1;
const PARAMS: StepParams = StepParams { learning_rate: 0.01, momentum: 0.9 };

/// A network, SGD with momentum, and one batch.
pub struct SyntheticStep {
    config: TrainConfig,
    network: Network,
    optimizer: Optimizer,
    /// `[N, S, S, 4]`
    images: Tensor,
    /// `[N, L]`
    targets: Tensor,
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
        let mut config = TrainConfig::new(network.architecture());
        config.optimizer.kind = OptimizerKind::Sgd;
        config.optimizer.weight_decay = 0.0;
        config.loss.kind = LossKind::Bce;
        config.loss.reduction = LossReduction::Mean;
        let optimizer = Optimizer::for_network(&network, &config)?;
        match random_batch(&network, batch_size, side_px, seed) {
            Ok((images, targets)) => Ok(Self { config, network, optimizer, images, targets }),
            Err(error) => Err(oom::explain(&mut network, error.into(), batch_size, side_px)),
        }
    }

    /// Takes `count` steps and waits for the device; the loss of the last step.
    ///
    /// # Errors
    /// When the GPU's memory is too small; the error names the largest batch that fits.
    pub fn steps(&mut self, count: usize) -> Result<f64, NnError> {
        let last_loss = (0..count).try_fold(None, |_, _| self.step().map(Some));
        match last_loss.and_then(|loss| loss.map_or(Ok(0.0), |loss| loss.to_scalar::<f32>())) {
            Ok(loss) => Ok(f64::from(loss)),
            Err(error) => {
                let (batch_size, side_px, ..) = self.images.dims4()?;
                Err(oom::explain(&mut self.network, error.into(), batch_size, side_px))
            }
        }
    }

    fn step(&mut self) -> candle_core::Result<Tensor> {
        let (loss, gradients) = hpa_ops::value_and_grad(|| {
            let logits = self.network.forward_train(&self.images)?;
            self.config.loss.loss(&logits, &self.targets, &[])
        })?;
        self.optimizer.step_with(&gradients, PARAMS)?;
        Ok(loss)
    }
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

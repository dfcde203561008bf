//! Whole training steps on data in memory: what measurements and trials are made of.

use crate::error::NnError;
use crate::models::Network;
use crate::train::loss::{Loss, LossKind, LossReduction};
use crate::train::oom;
use candle_core::{DType, Tensor};
use hpa_core::{Channel, Seed};
use hpa_ops::optim::{ParamGroup, Parameter, Sgd, SgdConfig};

/// Share of targets that are 1.
const PRESENT: f64 = 0.1;

/// A network, its optimiser (SGD with momentum) and one batch that it sees again and again.
pub struct SyntheticStep {
    network: Network,
    sgd: Sgd,
    images: Tensor,
    targets: Tensor,
}

impl SyntheticStep {
    /// A batch of so many random images of this side, where the network is.
    ///
    /// # Errors
    /// When memory is too small for them: with the batch that would fit.
    pub fn new(
        mut network: Network,
        batch: usize,
        side: usize,
        seed: Seed,
    ) -> Result<Self, NnError> {
        let filled = fill(&network, (batch, side), seed);
        let (sgd, images, targets) =
            filled.map_err(|error| oom::explain(&mut network, error.into(), (batch, side)))?;
        Ok(Self { network, sgd, images, targets })
    }

    /// Takes so many steps and waits until the device has done them; the last one's loss.
    ///
    /// # Errors
    /// When memory is too small for a step: with the batch that would fit.
    pub fn steps(&mut self, count: usize) -> Result<f64, NnError> {
        let mut last = Tensor::zeros((), DType::F32, self.images.device())?;
        for _ in 0..count {
            last = self.step()?;
        }
        Ok(f64::from(last.to_scalar::<f32>()?))
    }

    fn step(&mut self) -> Result<Tensor, NnError> {
        let loss = Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Mean };
        let Self { network, sgd, images, targets } = self;
        let (batch, side, ..) = images.dims4()?;
        let outcome =
            hpa_ops::value_and_grad(|| loss.of(&network.forward_train(images)?, targets, &[]));
        let taken = outcome.and_then(|(loss, gradients)| sgd.step(&gradients, 0.01).map(|()| loss));
        taken.map_err(|error| oom::explain(network, error.into(), (batch, side)))
    }
}

/// The optimiser, and a batch of so many images of this side with its targets.
fn fill(
    network: &Network,
    (batch, side): (usize, usize),
    seed: Seed,
) -> candle_core::Result<(Sgd, Tensor, Tensor)> {
    let (device, labels) = (network.candle_device(), network.layers().classifier.out_features);
    let mut rng = seed.derive("drill").rng();
    #[expect(clippy::cast_possible_truncation, reason = "pixels are 32-bit floats")]
    let pixels = (0..batch * side * side * Channel::COUNT).map(|_| rng.normal() as f32);
    let pixels: Vec<f32> = pixels.collect();
    let images = Tensor::from_vec(pixels, (batch, side, side, Channel::COUNT), device)?;
    let present = (0..batch * labels).map(|_| f32::from(u8::from(rng.bernoulli(PRESENT))));
    let targets = Tensor::from_vec(present.collect::<Vec<f32>>(), (batch, labels), device)?;
    let parameters = network.parameters().iter().map(|(name, var)| Parameter {
        name: name.clone(),
        var: var.clone(),
        group: ParamGroup::default(),
    });
    let settings = SgdConfig { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    Ok((Sgd::new(parameters.collect(), settings)?, images, targets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;

    #[test]
    fn a_drill_learns_its_one_batch() {
        let network = Network::new(Architecture::ResNet18, 3, Seed::new(1)).unwrap();
        let mut drill = SyntheticStep::new(network, 4, 32, Seed::new(2)).unwrap();
        let first = drill.steps(1).unwrap();
        let last = drill.steps(12).unwrap();
        assert!(last < 0.8 * first, "from {first} to {last}");
    }
}

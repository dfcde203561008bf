//! Exponential moving average of the weights.
//!
//! After step t (from 1): `ema += (1 − d) (weights − ema)` with `d = min(decay, (1 + t) / (10 + t))`,
//! so that the random initial weights fade in short runs (the rule of TensorFlow's
//! `ExponentialMovingAverage` with `num_updates`). Running statistics of batch norm are averaged
//! like weights, as in timm's `ModelEma`.

use crate::error::NnError;
use crate::models::{Network, to_weights};
use candle_core::{Device, Tensor};
use hpa_artifacts::Weights;
use hpa_ops::optim::ema_update;
use std::collections::BTreeMap;

/// The average of a network's tensors.
pub(crate) struct ModelEma {
    decay: f64,
    tensors: BTreeMap<String, Tensor>,
}

impl ModelEma {
    /// Starts with the present weights.
    pub(crate) fn new(network: &Network, decay: f64) -> Result<Self, NnError> {
        let tensors = on_device(network.tensors()?, network.candle_device())?;
        Ok(Self { decay, tensors })
    }

    /// Replaces the average by a saved one.
    pub(crate) fn restore(
        &mut self,
        tensors: BTreeMap<String, Weights>,
        device: &Device,
    ) -> Result<(), NnError> {
        self.tensors = on_device(tensors, device)?;
        Ok(())
    }

    /// The averages by name.
    pub(crate) fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        self.tensors.iter().map(|(name, ema)| Ok((name.clone(), to_weights(ema)?))).collect()
    }

    /// Adds the weights after step number `step`, from 1.
    pub(crate) fn update(&mut self, network: &Network, step: usize) -> Result<(), NnError> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let rate = (1.0 - decay) as f32;
        let pairs: Vec<(&Tensor, &Tensor)> =
            self.tensors.iter().map(|(name, ema)| (ema, network.var(name).as_tensor())).collect();
        Ok(ema_update(&pairs, rate)?)
    }
}

fn on_device(
    tensors: BTreeMap<String, Weights>,
    device: &Device,
) -> Result<BTreeMap<String, Tensor>, NnError> {
    let tensors = tensors.into_iter().map(|(name, weights)| {
        Ok((name, Tensor::from_vec(weights.values, weights.shape, device)?))
    });
    tensors.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use hpa_core::Seed;

    #[test]
    fn the_average_follows_its_formula() {
        let network = |seed| Network::new(Architecture::ResNet18, 2, Seed::new(seed)).unwrap();
        let (one, two) = (network(1), network(2));
        let mut ema = ModelEma::new(&one, 0.9).unwrap();
        let value = |ema: &ModelEma| ema.tensors().unwrap()["fc.weight"].values[5];
        let start = value(&ema);
        let other = two.tensors().unwrap()["fc.weight"].values[5];
        // d = min(0.9, 2/11), then min(0.9, 401/410).
        ema.update(&two, 1).unwrap();
        let expected = start + 9.0 / 11.0 * (other - start);
        assert!((value(&ema) - expected).abs() < 1e-6);
        ema.update(&two, 400).unwrap();
        let expected = expected + 0.1 * (other - expected);
        assert!((value(&ema) - expected).abs() < 1e-6);
        assert_eq!(ema.tensors().unwrap().len(), two.tensors().unwrap().len());
    }
}

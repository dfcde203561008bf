//! A moving average of the weights, which is what is scored and kept where it is asked for.
//!
//! After step t (from 1): `average += (1 − d) (weights − average)` with
//! `d = min(decay, (1 + t) / (10 + t))`, so that the random start is soon forgotten (the rule of
//! TensorFlow's `ExponentialMovingAverage` with `num_updates`). Running statistics of batch norm
//! are averaged like weights, as timm's `ModelEma` does.

use crate::error::NnError;
use crate::models::Network;
use crate::models::to_weights;
use candle_core::{CpuStorage, Device, Storage, Tensor, Var};
use hpa_artifacts::Weights;
#[cfg(feature = "cuda")]
use hpa_ops::follow;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Values per task.
const CHUNK: usize = 1 << 14;

/// An averaged tensor: in host memory for the CPU, on the device for a GPU.
enum Buffer {
    Host(Weights),
    Device(Tensor),
}

impl Buffer {
    fn new(weights: Weights, device: &Device) -> candle_core::Result<Self> {
        match device {
            Device::Cpu => Ok(Self::Host(weights)),
            _ => Tensor::from_vec(weights.values, weights.shape, device).map(Self::Device),
        }
    }

    fn weights(&self) -> candle_core::Result<Weights> {
        match self {
            Self::Host(weights) => Ok(weights.clone()),
            Self::Device(tensor) => to_weights(tensor),
        }
    }
}

/// The average of a network's tensors.
pub(crate) struct ModelEma {
    decay: f64,
    tensors: BTreeMap<String, Buffer>,
}

impl ModelEma {
    /// Begins with the network as it is.
    pub(crate) fn new(network: &Network, decay: f64) -> Result<Self, NnError> {
        Self { decay, tensors: BTreeMap::new() }.with(network.tensors()?, network.candle_device())
    }

    fn with(self, tensors: BTreeMap<String, Weights>, device: &Device) -> Result<Self, NnError> {
        let held = tensors.into_iter().map(|(name, it)| Ok((name, Buffer::new(it, device)?)));
        Ok(Self { tensors: held.collect::<Result<_, candle_core::Error>>()?, ..self })
    }

    /// Goes on with these tensors instead.
    pub(crate) fn restore(
        &mut self,
        tensors: BTreeMap<String, Weights>,
        device: &Device,
    ) -> Result<(), NnError> {
        *self = Self { decay: self.decay, tensors: BTreeMap::new() }.with(tensors, device)?;
        Ok(())
    }

    /// The averages by name.
    pub(crate) fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        let weights = self.tensors.iter().map(|(name, held)| Ok((name.clone(), held.weights()?)));
        weights.collect()
    }

    /// Takes in the network after its step number `step`, from 1.
    pub(crate) fn update(&mut self, network: &Network, step: usize) -> Result<(), NnError> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let newest = (1.0 - decay) as f32;
        let mut on_card = Vec::new();
        for (name, average) in &mut self.tensors {
            let var = network.var(name);
            match average {
                Buffer::Host(average) => with_values(var, |values| {
                    blend(&mut average.values, values, newest);
                })?,
                Buffer::Device(average) => on_card.push((&*average, var.as_detached_tensor())),
            }
        }
        let pairs: Vec<_> = on_card.iter().map(|(average, values)| (*average, values)).collect();
        Ok(follow(&pairs, newest)?)
    }
}

/// Without CUDA nothing lies on a card.
#[cfg(not(feature = "cuda"))]
fn follow(
    pairs: &[(&candle_core::Tensor, &candle_core::Tensor)],
    _: f32,
) -> candle_core::Result<()> {
    if pairs.is_empty() { Ok(()) } else { candle_core::bail!("built without CUDA") }
}

fn blend(average: &mut [f32], values: &[f32], newest: f32) {
    average.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(average, values)| {
        for (average, value) in average.iter_mut().zip(values) {
            *average += newest * (value - *average);
        }
    });
}

/// Reads a parameter in place.
fn with_values(var: &Var, read: impl FnOnce(&[f32])) -> Result<(), NnError> {
    let (storage, layout) = var.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => {
            read(&values[start..end]);
            Ok(())
        }
        _ => Err(candle_core::Error::Msg("a parameter is no contiguous f32 tensor".into()).into()),
    }
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
        let mut average = ModelEma::new(&one, 0.9).unwrap();
        let value = |average: &ModelEma| average.tensors().unwrap()["fc.weight"].values[5];
        let start = value(&average);
        let other = two.tensors().unwrap()["fc.weight"].values[5];
        // d = min(0.9, 2/11), then min(0.9, 401/410).
        average.update(&two, 1).unwrap();
        let expected = start + 9.0 / 11.0 * (other - start);
        assert!((value(&average) - expected).abs() < 1e-6);
        average.update(&two, 400).unwrap();
        let expected = expected + 0.1 * (other - expected);
        assert!((value(&average) - expected).abs() < 1e-6);
        assert_eq!(average.tensors().unwrap().len(), two.tensors().unwrap().len());
    }
}

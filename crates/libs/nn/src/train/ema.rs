//! Exponential moving average of the weights.
//!
//! After step t (from 1): `ema += (1 − d) (weights − ema)` with `d = min(decay, (1 + t) / (10 + t))`,
//! so that the random initial weights fade in short runs (the rule of TensorFlow's
//! `ExponentialMovingAverage` with `num_updates`). Running statistics of batch norm are averaged
//! like weights, as in timm's `ModelEma`.

use crate::error::NnError;
use crate::models::{Network, to_weights};
use candle_core::{CpuStorage, Device, Storage, Tensor, Var};
use hpa_artifacts::Weights;
#[cfg(feature = "cuda")]
use hpa_ops::ema_update;
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
    /// Starts with the present weights.
    pub(crate) fn new(network: &Network, decay: f64) -> Result<Self, NnError> {
        let tensors = buffers(network.tensors()?, network.candle_device())?;
        Ok(Self { decay, tensors })
    }

    /// Replaces the average by a saved one.
    pub(crate) fn restore(
        &mut self,
        tensors: BTreeMap<String, Weights>,
        device: &Device,
    ) -> Result<(), NnError> {
        self.tensors = buffers(tensors, device)?;
        Ok(())
    }

    /// The averages by name.
    pub(crate) fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        self.tensors.iter().map(|(name, ema)| Ok((name.clone(), ema.weights()?))).collect()
    }

    /// Adds the weights after step number `step`, from 1.
    pub(crate) fn update(&mut self, network: &Network, step: usize) -> Result<(), NnError> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let rate = (1.0 - decay) as f32;
        let mut on_gpu = Vec::new();
        for (name, ema) in &mut self.tensors {
            let var = network.var(name);
            match ema {
                Buffer::Host(ema) => {
                    with_values(var, |values| lerp(&mut ema.values, values, rate))?;
                }
                Buffer::Device(ema) => on_gpu.push((&*ema, var.as_detached_tensor())),
            }
        }
        let pairs: Vec<_> = on_gpu.iter().map(|(ema, values)| (*ema, values)).collect();
        Ok(ema_update(&pairs, rate)?)
    }
}

fn buffers(
    tensors: BTreeMap<String, Weights>,
    device: &Device,
) -> Result<BTreeMap<String, Buffer>, NnError> {
    let on_device = |(name, weights)| Ok((name, Buffer::new(weights, device)?));
    tensors.into_iter().map(on_device).collect()
}

/// Without CUDA no tensor is on a GPU.
#[cfg(not(feature = "cuda"))]
fn ema_update(
    pairs: &[(&candle_core::Tensor, &candle_core::Tensor)],
    _: f32,
) -> candle_core::Result<()> {
    if pairs.is_empty() { Ok(()) } else { candle_core::bail!("built without CUDA") }
}

fn lerp(ema: &mut [f32], values: &[f32], rate: f32) {
    ema.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(ema, values)| {
        for (ema, value) in ema.iter_mut().zip(values) {
            *ema += rate * (value - *ema);
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
        _ => {
            Err(candle_core::Error::Msg("a parameter is not a contiguous f32 tensor".into()).into())
        }
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

//! Numbers that a network keeps beside its parameters: running statistics, averaged weights.
//!
//! Where the processor trains they lie in its memory. On a graphics card they stay on the card,
//! for reading one back would hold up the step until the card has caught up.

use candle_core::{DType, Device, Result, Tensor};
use hpa_artifacts::Weights;

/// One tensor of such numbers.
pub(crate) enum Held {
    Host(Weights),
    Card(Tensor),
}

impl Held {
    pub(crate) fn new(weights: Weights, device: &Device) -> Result<Self> {
        match device {
            Device::Cpu => Ok(Self::Host(weights)),
            _ => Tensor::from_vec(weights.values, weights.shape, device).map(Self::Card),
        }
    }

    /// A copy in the processor's memory; a card is waited for.
    pub(crate) fn weights(&self) -> Result<Weights> {
        match self {
            Self::Host(weights) => Ok(weights.clone()),
            Self::Card(tensor) => weights(tensor),
        }
    }

    pub(crate) fn tensor(&self) -> Result<Tensor> {
        match self {
            Self::Host(Weights { shape, values }) => {
                Tensor::from_slice(values, shape.as_slice(), &Device::Cpu)
            }
            Self::Card(tensor) => Ok(tensor.clone()),
        }
    }

    pub(crate) fn moved(&self, device: &Device) -> Result<Self> {
        Self::new(self.weights()?, device)
    }

    /// `(1 - newest) held + newest batch`.
    pub(crate) fn blend(&mut self, batch: &Tensor, newest: f32) -> Result<()> {
        match self {
            Self::Host(held) => {
                for (held, batch) in held.values.iter_mut().zip(batch.to_vec1::<f32>()?) {
                    *held = (1.0 - newest) * *held + newest * batch;
                }
            }
            Self::Card(held) => {
                let batch = batch.detach().affine(f64::from(newest), 0.0)?;
                *held = (held.affine(f64::from(1.0 - newest), 0.0)? + batch)?;
            }
        }
        Ok(())
    }
}

/// The values of any tensor.
pub(crate) fn weights(tensor: &Tensor) -> Result<Weights> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    Ok(Weights { shape: tensor.dims().to_vec(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a card computes, computed by the processor's tensors: the same to the bit.
    #[test]
    fn both_kinds_blend_alike() {
        let start = Weights { shape: vec![3], values: vec![0.0, 1.0, -0.3] };
        let batch = Tensor::new(&[0.7_f32, -0.1, 1e-3], &Device::Cpu).unwrap();
        let mut host = Held::new(start.clone(), &Device::Cpu).unwrap();
        let mut card = Held::Card(host.tensor().unwrap());
        for _ in 0..5 {
            host.blend(&batch, 0.1).unwrap();
            card.blend(&batch, 0.1).unwrap();
        }
        assert_eq!(host.weights().unwrap(), card.weights().unwrap());
        assert_ne!(host.weights().unwrap(), start);
        assert!(matches!(card.moved(&Device::Cpu).unwrap(), Held::Host(_)));
    }
}

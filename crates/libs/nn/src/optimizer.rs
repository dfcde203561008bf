//! The optimiser of a network: which parameters decay, and what its state is called.

use crate::network::Network;
use crate::recipe::{OptimizerKind, Recipe};
use crate::schedule::Pace;
use candle_core::{DType, Device, Result, Tensor};
use hpa_artifacts::Weights;
use hpa_ops::Gradients;
use hpa_ops::optim::{AdamW, AdamWSettings, Group, Parameter, Sgd, SgdSettings};
use std::collections::BTreeMap;

/// An optimiser with its state.
pub(crate) enum Optimizer {
    Sgd(Sgd),
    AdamW(AdamW),
}

impl Optimizer {
    pub(crate) fn new(network: &Network, recipe: &Recipe) -> Result<Self> {
        let parameters = network.parameters().iter().map(|(name, var)| Parameter {
            name: name.clone(),
            var: var.clone(),
            // Norms and biases are vectors: shrinking them shifts activations without
            // making the network any simpler.
            group: Group {
                weight_decay_factor: if var.rank() > 1 { 1.0 } else { 0.0 },
                ..Group::default()
            },
        });
        let (parameters, weight_decay) = (parameters.collect(), recipe.weight_decay);
        Ok(match recipe.optimizer {
            OptimizerKind::Sgd => {
                let momentum = recipe.momentum;
                let settings = SgdSettings { momentum, nesterov: false, weight_decay };
                Self::Sgd(Sgd::new(parameters, settings)?)
            }
            OptimizerKind::AdamW => {
                let settings = AdamWSettings { weight_decay, ..AdamWSettings::default() };
                Self::AdamW(AdamW::new(parameters, settings)?)
            }
        })
    }

    pub(crate) fn step(&mut self, gradients: &Gradients, pace: Pace) -> Result<()> {
        match self {
            Self::Sgd(sgd) => {
                sgd.settings.momentum = pace.momentum;
                sgd.step(gradients, pace.learning_rate)
            }
            Self::AdamW(adamw) => {
                adamw.settings.beta1 = pace.momentum;
                adamw.step(gradients, pace.learning_rate)
            }
        }
    }

    /// Momenta and the like by name.
    pub(crate) fn state(&self) -> Result<BTreeMap<String, Weights>> {
        let state = match self {
            Self::Sgd(sgd) => sgd.state()?,
            Self::AdamW(adamw) => adamw.state()?,
        };
        let weights = |tensor: &Tensor| -> Result<Weights> {
            let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            Ok(Weights { shape: tensor.dims().to_vec(), values })
        };
        state.iter().map(|(name, tensor)| Ok((name.clone(), weights(tensor)?))).collect()
    }

    pub(crate) fn load(&mut self, state: BTreeMap<String, Weights>) -> Result<()> {
        let tensor =
            |weights: Weights| Tensor::from_vec(weights.values, weights.shape, &Device::Cpu);
        let state = state.into_iter().map(|(name, weights)| Ok((name, tensor(weights)?)));
        let state = state.collect::<Result<Vec<_>>>()?;
        match self {
            Self::Sgd(sgd) => sgd.load_state(state),
            Self::AdamW(adamw) => adamw.load_state(state),
        }
    }
}

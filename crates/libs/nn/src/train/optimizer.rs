//! The optimiser of a network: which parameters decay, how fast each learns, and what its state
//! is called.

use crate::models::Network;
use crate::models::param_groups::{group_of, learning_rate_factor};
use crate::models::to_weights;
use crate::train::lr_scheduler::StepParams;
use crate::train::recipe::{OptimizerKind, Recipe};
use candle_core::{Device, Result, Tensor};
use hpa_artifacts::Weights;
use hpa_ops::Gradients;
use hpa_ops::optim::{AdamW, AdamWConfig, ParamGroup, Parameter, Sgd, SgdConfig};
use std::collections::BTreeMap;

/// An optimiser with its state.
pub(crate) enum Optimizer {
    Sgd(Sgd),
    AdamW(AdamW),
}

impl Optimizer {
    pub(crate) fn new(network: &Network, recipe: &Recipe) -> Result<Self> {
        let last = recipe.max_learning_rate;
        let first = recipe.course.first_group_learning_rate.unwrap_or(last);
        let parameters = network.parameters().iter().map(|(name, var)| Parameter {
            name: name.clone(),
            var: var.clone(),
            // Norms and biases are vectors: shrinking them shifts activations without
            // making the network any simpler.
            group: ParamGroup {
                weight_decay_factor: if var.rank() > 1 { 1.0 } else { 0.0 },
                learning_rate_factor: learning_rate_factor(group_of(name), first, last),
            },
        });
        let (parameters, weight_decay) = (parameters.collect(), recipe.weight_decay);
        Ok(match recipe.optimizer {
            OptimizerKind::Sgd => {
                let momentum = recipe.momentum;
                let settings = SgdConfig { momentum, nesterov: false, weight_decay };
                Self::Sgd(Sgd::new(parameters, settings)?)
            }
            OptimizerKind::AdamW => {
                let settings = AdamWConfig { weight_decay, ..AdamWConfig::default() };
                Self::AdamW(AdamW::new(parameters, settings)?)
            }
        })
    }

    pub(crate) fn step(&mut self, gradients: &Gradients, pace: StepParams) -> Result<()> {
        match self {
            Self::Sgd(sgd) => {
                sgd.config.momentum = pace.momentum;
                sgd.step(gradients, pace.learning_rate)
            }
            Self::AdamW(adamw) => {
                adamw.config.beta1 = pace.momentum;
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
        state.iter().map(|(name, tensor)| Ok((name.clone(), to_weights(tensor)?))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Course};
    use candle_core::DType;
    use hpa_core::Seed;
    use hpa_ops::value_and_grad;

    /// What one step without any gradient to follow does to each parameter: only decay is left.
    #[test]
    fn decay_spares_vectors_and_shrinks_with_the_groups_rate() {
        let course = Course { first_group_learning_rate: Some(0.1 / 4.0), ..Course::default() };
        let recipe = crate::train::recipe::tests::plain(course);
        let network = Network::new(Architecture::ResNet18, 2, Seed::new(1)).unwrap();
        let before = network.tensors().unwrap();
        let images = Tensor::zeros((2, 32, 32, 4), DType::F32, &Device::Cpu).unwrap();
        let targets = Tensor::full(0.5_f32, (2, 2), &Device::Cpu).unwrap();
        let loss = || recipe.loss.of(&network.forward_train(&images)?, &targets, &[]);
        let (_, gradients) = value_and_grad(loss).unwrap();
        let parameters = network.parameters();
        gradients.scale(parameters.values(), 0.0).unwrap();
        let mut optimizer = Optimizer::new(&network, &recipe).unwrap();
        optimizer.step(&gradients, StepParams { learning_rate: 0.1, momentum: 0.9 }).unwrap();
        let after = network.tensors().unwrap();
        for (name, decay) in [
            ("conv1.weight", 0.25),
            ("layer3.0.conv1.weight", 0.5),
            ("fc.weight", 1.0),
            ("fc.bias", 0.0),
            ("layer4.1.bn2.weight", 0.0),
        ] {
            let (old, new) = (before[name].values[1], after[name].values[1]);
            let expected = old * (1.0 - 0.1 * 0.2 * decay);
            assert!((new - expected).abs() <= 1e-6 * old.abs(), "{name}: {old} to {new}");
        }
    }
}

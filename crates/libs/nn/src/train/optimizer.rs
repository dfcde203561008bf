//! Optimizers of a network: SGD with momentum and `AdamW`, with parameter groups and saved state.

use crate::config::{OptimizerConfig, OptimizerKind, TrainConfig};
use crate::models::param_groups::{group_of, learning_rate_factor};
use crate::models::{Network, to_weights};
use crate::train::lr_scheduler::StepParams;
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use hpa_artifacts::Weights;
use hpa_ops::Gradients;
use hpa_ops::optim::{AdamW, AdamWConfig, GradientSource, ParamGroup, Parameter, Sgd, SgdConfig};
use std::collections::BTreeMap;

/// An optimizer with its state.
///
/// Its `candle_nn::Optimizer` takes candle's gradients and one learning rate; the trainer calls
/// [`Optimizer::step_with`] instead, because the trait knows neither momentum schedules nor the
/// gradients of hpa-ops.
pub struct Optimizer {
    rule: Rule,
    learning_rate: f64,
}

enum Rule {
    Sgd(Sgd),
    AdamW(AdamW),
}

impl Optimizer {
    /// The optimizer of a network, with the learning rate of its parameter groups.
    pub(crate) fn for_network(network: &Network, config: &TrainConfig) -> Result<Self> {
        let head = config.schedule.max_learning_rate;
        let body = config.schedule.body_learning_rate.unwrap_or(head);
        let parameters = network.parameters().iter().map(|(name, var)| Parameter {
            name: name.clone(),
            var: var.clone(),
            group: ParamGroup {
                weight_decay_factor: weight_decay_factor(var),
                learning_rate_factor: learning_rate_factor(group_of(name), body, head),
            },
        });
        Self::with_parameters(parameters.collect(), &config.optimizer, head)
    }

    fn with_parameters(
        parameters: Vec<Parameter>,
        config: &OptimizerConfig,
        learning_rate: f64,
    ) -> Result<Self> {
        let OptimizerConfig { kind, momentum, weight_decay, .. } = *config;
        let rule = match kind {
            OptimizerKind::Sgd => {
                let config = SgdConfig { momentum, nesterov: false, weight_decay };
                Rule::Sgd(Sgd::new(parameters, config)?)
            }
            OptimizerKind::AdamW => {
                let config = AdamWConfig { weight_decay, ..AdamWConfig::default() };
                Rule::AdamW(AdamW::new(parameters, config)?)
            }
        };
        Ok(Self { rule, learning_rate })
    }

    /// One step with the learning rate and momentum of the schedule.
    pub(crate) fn step_with(&mut self, gradients: &Gradients, params: StepParams) -> Result<()> {
        match &mut self.rule {
            Rule::Sgd(sgd) => sgd.config.momentum = params.momentum,
            Rule::AdamW(adamw) => adamw.config.beta1 = params.momentum,
        }
        self.learning_rate = params.learning_rate;
        self.update(gradients)
    }

    fn update(&mut self, gradients: &impl GradientSource) -> Result<()> {
        match &mut self.rule {
            Rule::Sgd(sgd) => sgd.step(gradients, self.learning_rate),
            Rule::AdamW(adamw) => adamw.step(gradients, self.learning_rate),
        }
    }

    /// Momenta and second moments by name.
    pub(crate) fn state(&self) -> Result<BTreeMap<String, Weights>> {
        let state = match &self.rule {
            Rule::Sgd(sgd) => sgd.state()?,
            Rule::AdamW(adamw) => adamw.state()?,
        };
        state.iter().map(|(name, tensor)| Ok((name.clone(), to_weights(tensor)?))).collect()
    }

    pub(crate) fn load_state(&mut self, state: BTreeMap<String, Weights>) -> Result<()> {
        let tensor =
            |weights: Weights| Tensor::from_vec(weights.values, weights.shape, &Device::Cpu);
        let state = state.into_iter().map(|(name, weights)| Ok((name, tensor(weights)?)));
        let state = state.collect::<Result<Vec<_>>>()?;
        match &mut self.rule {
            Rule::Sgd(sgd) => sgd.load_state(state),
            Rule::AdamW(adamw) => adamw.load_state(state),
        }
    }
}

/// Norms and biases, which are vectors, are exempt from weight decay: it would shift activations
/// without making the network simpler.
fn weight_decay_factor(var: &Var) -> f64 {
    if var.rank() > 1 { 1.0 } else { 0.0 }
}

impl candle_nn::Optimizer for Optimizer {
    /// The learning rate starts at the default of `max_learning_rate`.
    type Config = OptimizerConfig;

    fn new(vars: Vec<Var>, config: OptimizerConfig) -> Result<Self> {
        let parameters = vars.into_iter().enumerate().map(|(index, var)| Parameter {
            name: index.to_string(),
            group: ParamGroup {
                weight_decay_factor: weight_decay_factor(&var),
                ..ParamGroup::default()
            },
            var,
        });
        let learning_rate = crate::config::ScheduleConfig::default().max_learning_rate;
        Self::with_parameters(parameters.collect(), &config, learning_rate)
    }

    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        self.update(gradients)
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use candle_core::DType;
    use hpa_core::Seed;

    /// One step with gradients of 0: only weight decay changes the parameters.
    #[test]
    fn weight_decay_exempts_vectors_and_follows_the_groups_learning_rate() {
        let mut config = TrainConfig::new(Architecture::ResNet18);
        config.optimizer.kind = OptimizerKind::Sgd;
        config.optimizer.weight_decay = 0.2;
        config.schedule.max_learning_rate = 0.1;
        config.schedule.body_learning_rate = Some(0.1 / 4.0);
        let network = Network::new(Architecture::ResNet18, 2, Seed::new(1)).unwrap();
        let before = network.tensors().unwrap();
        let images = Tensor::zeros((2, 32, 32, 4), DType::F32, &Device::Cpu).unwrap();
        let targets = Tensor::full(0.5_f32, (2, 2), &Device::Cpu).unwrap();
        let loss = || config.loss.loss(&network.forward_train(&images)?, &targets, &[]);
        let (_, gradients) = hpa_ops::value_and_grad(loss).unwrap();
        let parameters = network.parameters();
        gradients.scale(parameters.values(), 0.0).unwrap();
        let mut optimizer = Optimizer::for_network(&network, &config).unwrap();
        optimizer.step_with(&gradients, StepParams { learning_rate: 0.1, momentum: 0.9 }).unwrap();
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

    /// A candle user's loop: candle's autograd and loss, this optimizer.
    #[test]
    fn it_minimizes_as_a_candle_optimizer() {
        use candle_nn::Optimizer as _;
        for kind in [OptimizerKind::Sgd, OptimizerKind::AdamW] {
            let var = Var::new(&[[2.0_f32, -1.0]], &Device::Cpu).unwrap();
            let config = OptimizerConfig { kind, weight_decay: 0.0, ..Default::default() };
            let mut optimizer = Optimizer::new(vec![var.clone()], config).unwrap();
            optimizer.set_learning_rate(0.05);
            let loss = || var.sqr().unwrap().sum_all().unwrap();
            let first = loss().to_scalar::<f32>().unwrap();
            for _ in 0..20 {
                optimizer.backward_step(&loss()).unwrap();
            }
            let last = loss().to_scalar::<f32>().unwrap();
            assert!(last < 0.5 * first, "{kind:?}: {first} to {last}");
        }
    }
}

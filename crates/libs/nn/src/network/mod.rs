//! A network with its weights: trained step by step, exported, and folded for evaluation.

pub(crate) mod architecture;
pub(crate) mod cost;
pub(crate) mod efficientnet;
pub(crate) mod evaluator;
pub(crate) mod groups;
pub(crate) mod held;
pub(crate) mod initial;
pub(crate) mod layers;
pub(crate) mod plan;
pub(crate) mod resnet;
pub(crate) mod training_walk;

use crate::Architecture;
use crate::Computer;
use crate::config::BatchNormMode;
use crate::error::NnError;
use crate::network::evaluator::Evaluator;
use crate::network::held::Held;
use crate::network::initial::initial;
use crate::network::layers::Unit;
use crate::network::plan::Plan;
use crate::network::training_walk::Training;
use crate::weights::import::{Imported, adapt, misfits};
use crate::weights::surgery::FirstConvolution;
use candle_core::{Device, Tensor, Var};
use hpa_artifacts::Weights;
use hpa_core::{Channel, Seed};
use hpa_ops::{Precision, RunningStatistics};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A network that learns.
pub struct Network {
    architecture: Architecture,
    plan: Plan,
    parameters: BTreeMap<String, Var>,
    buffers: BTreeMap<String, Held>,
    device: Device,
    frozen: Option<BatchNormMode>,
    precision: Precision,
}

impl Network {
    /// A network with random weights.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn new(architecture: Architecture, labels: usize, seed: Seed) -> Result<Self, NnError> {
        let plan = Plan::new(architecture, labels, Channel::COUNT);
        let start = start(&plan, seed);
        Self::build(architecture, plan, start)
    }

    /// A network with pretrained weights; what the file lacks for this task starts as in
    /// [`Network::new`].
    ///
    /// # Errors
    /// With a list of all tensors that do not fit.
    pub fn pretrained(
        architecture: Architecture,
        labels: usize,
        seed: Seed,
        (file, way): (BTreeMap<String, Weights>, FirstConvolution),
    ) -> Result<(Self, Imported), NnError> {
        let plan = Plan::new(architecture, labels, Channel::COUNT);
        let (tensors, imported) = adapt(&plan, &start(&plan, seed), file, way)
            .map_err(|misfits| NnError::Misfit { architecture: architecture.name(), misfits })?;
        Ok((Self::build(architecture, plan, tensors)?, imported))
    }

    /// A network with exactly these tensors: those of a checkpoint.
    ///
    /// # Errors
    /// With a list of all tensors that do not fit.
    pub fn from_tensors(
        architecture: Architecture,
        labels: usize,
        tensors: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        let plan = Plan::new(architecture, labels, Channel::COUNT);
        let misfits = misfits(&plan.entries(), &tensors);
        if !misfits.is_empty() {
            return Err(NnError::Misfit { architecture: architecture.name(), misfits });
        }
        Self::build(architecture, plan, tensors)
    }

    /// From tensors that were compared with the plan.
    pub(crate) fn build(
        architecture: Architecture,
        plan: Plan,
        mut tensors: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        let (mut parameters, mut buffers) = (BTreeMap::new(), BTreeMap::new());
        for entry in plan.entries() {
            let weights = tensors.remove(&entry.name).expect("compared with the plan before");
            if entry.is_buffer {
                buffers.insert(entry.name, Held::Host(weights));
            } else {
                let tensor = Tensor::from_vec(weights.values, weights.shape, &Device::Cpu)?;
                parameters.insert(entry.name, Var::from_tensor(&tensor)?);
            }
        }
        let (frozen, precision, device) = (None, Precision::F32, Device::Cpu);
        Ok(Self { architecture, plan, parameters, buffers, device, frozen, precision })
    }

    /// From here on, it is trained and evaluated there.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn move_to(&mut self, computer: &Computer) -> Result<(), NnError> {
        self.device = computer.device.clone();
        for var in self.parameters.values_mut() {
            *var = Var::from_tensor(&var.as_detached_tensor().to_device(&self.device)?)?;
        }
        for buffer in self.buffers.values_mut() {
            *buffer = buffer.moved(&self.device)?;
        }
        Ok(())
    }

    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    /// Where it is trained and evaluated.
    #[must_use]
    pub fn computer(&self) -> Computer {
        Computer { device: self.device.clone(), notice: None }
    }

    /// Which network it is.
    #[must_use]
    pub const fn architecture(&self) -> Architecture {
        self.architecture
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// From here on, training takes its products in `precision`; evaluation stays in f32.
    pub const fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// What is trained, ordered by name. Running statistics are not among them.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<String, Var> {
        &self.parameters
    }

    /// The running statistics, ordered by name.
    pub(crate) const fn buffers(&self) -> &BTreeMap<String, Held> {
        &self.buffers
    }

    /// Freezes everything but the classifier, or nothing. What is frozen gets no gradient, and
    /// with [`BatchNormMode::Fixed`] none is computed for it or for anything below it.
    pub const fn freeze(&mut self, frozen: Option<BatchNormMode>) {
        self.frozen = frozen;
    }

    /// Parameters and running statistics by name.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        let mut tensors = BTreeMap::new();
        for (name, var) in &self.parameters {
            tensors.insert(name.clone(), held::weights(var)?);
        }
        for (name, buffer) in &self.buffers {
            tensors.insert(name.clone(), buffer.weights()?);
        }
        Ok(tensors)
    }

    /// Sets all parameters and running statistics.
    ///
    /// # Errors
    /// With a list of all tensors that do not fit; nothing is set then.
    pub fn set_tensors(&mut self, tensors: BTreeMap<String, Weights>) -> Result<(), NnError> {
        let labels = self.plan.classifier().labels;
        let mut other = Self::from_tensors(self.architecture, labels, tensors)?;
        other.move_to(&self.computer())?;
        for (name, var) in &self.parameters {
            var.set(&other.parameters[name])?;
        }
        self.buffers = other.buffers;
        Ok(())
    }

    /// Logits `[N, L]` of images `[N, S, S, 4]` with the batch's own statistics, which enter the
    /// running ones.
    ///
    /// # Errors
    /// When the images do not fit the network.
    pub fn forward_train(&mut self, images: &Tensor) -> candle_core::Result<Tensor> {
        let Self { plan, parameters, buffers, frozen, precision, .. } = self;
        let (frozen, precision, epsilon) = (*frozen, *precision, plan.epsilon());
        plan.forward(images, &mut Training { precision, parameters, buffers, frozen, epsilon })
    }

    /// The network as it is now, for evaluation.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn evaluator(&self) -> Result<Evaluator, NnError> {
        let mut units = BTreeMap::new();
        for unit in self.plan.units() {
            units.insert(unit.convolution.clone(), self.folded(unit)?);
        }
        let name = &self.plan.classifier().name;
        // Copies, for the next step overwrites the parameters in place.
        let copy = |kind| self.parameters[&format!("{name}.{kind}")].as_detached_tensor().copy();
        let classifier = (copy("weight")?, copy("bias")?);
        let (plan, device) = (self.plan.clone(), self.device.clone());
        Ok(Evaluator { plan, device, units, classifier })
    }

    /// Weight and bias of a convolution with its norm; folded by the processor, wherever it is used.
    fn folded(&self, unit: &Unit) -> candle_core::Result<(Tensor, Tensor)> {
        let near =
            |name: String| self.parameters[&name].as_detached_tensor().to_device(&Device::Cpu);
        let norm = |kind| near(format!("{}.{kind}", unit.norm));
        let buffer =
            |kind| self.buffers[&format!("{}.{kind}", unit.norm)].tensor()?.to_device(&Device::Cpu);
        let (mean, variance) = (buffer("running_mean")?, buffer("running_var")?);
        let statistics = RunningStatistics { mean: &mean, variance: &variance };
        let (weight, epsilon) =
            (near(format!("{}.weight", unit.convolution))?, self.plan.epsilon());
        let norm = (&norm("weight")?, &norm("bias")?);
        let (weight, bias) = hpa_ops::fold_batch_norm(&weight, norm, statistics, epsilon)?;
        Ok((weight.to_device(&self.device)?, bias.to_device(&self.device)?))
    }
}

/// All tensors of a network that has not learnt anything.
fn start(plan: &Plan, seed: Seed) -> BTreeMap<String, Weights> {
    let entries = plan.entries();
    entries.par_iter().map(|entry| (entry.name.clone(), initial(entry, seed))).collect()
}

#[cfg(test)]
#[path = "exactness_tests.rs"]
mod exactness_tests;

//! A network with its weights: trained step by step, exported, and folded for evaluation.

use crate::Architecture;
use crate::course::FrozenNorms;
use crate::error::NnError;
use crate::evaluator::Evaluator;
use crate::import::{Imported, adapt, misfits};
use crate::initial::initial;
use crate::layers::{Activation, Classifier, Unit, Walk};
use crate::plan::Plan;
use crate::surgery::FirstConvolution;
use candle_core::{Device, Tensor, Var};
use hpa_artifacts::Weights;
use hpa_core::{Channel, Seed};
use hpa_ops::{BatchNormEval, Precision, RunningStatistics};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Share of the newest batch in running statistics: PyTorch's default.
const NEWEST: f32 = 0.1;

/// A network that learns.
pub struct Network {
    architecture: Architecture,
    plan: Plan,
    parameters: BTreeMap<String, Var>,
    buffers: BTreeMap<String, Vec<f32>>,
    frozen: Option<FrozenNorms>,
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
                buffers.insert(entry.name, weights.values);
            } else {
                let tensor = Tensor::from_vec(weights.values, weights.shape, &Device::Cpu)?;
                parameters.insert(entry.name, Var::from_tensor(&tensor)?);
            }
        }
        let (frozen, precision) = (None, Precision::F32);
        Ok(Self { architecture, plan, parameters, buffers, frozen, precision })
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
    pub(crate) const fn buffers(&self) -> &BTreeMap<String, Vec<f32>> {
        &self.buffers
    }

    /// Freezes everything but the classifier, or nothing. What is frozen gets no gradient, and
    /// with [`FrozenNorms::Fixed`] none is computed for it or for anything below it.
    pub const fn freeze(&mut self, frozen: Option<FrozenNorms>) {
        self.frozen = frozen;
    }

    /// Parameters and running statistics by name.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        let mut tensors = BTreeMap::new();
        for (name, var) in &self.parameters {
            let values = var.flatten_all()?.to_vec1()?;
            tensors.insert(name.clone(), Weights { shape: var.dims().to_vec(), values });
        }
        for (name, values) in &self.buffers {
            let weights = Weights { shape: vec![values.len()], values: values.clone() };
            tensors.insert(name.clone(), weights);
        }
        Ok(tensors)
    }

    /// Sets all parameters and running statistics.
    ///
    /// # Errors
    /// With a list of all tensors that do not fit; nothing is set then.
    pub fn set_tensors(&mut self, tensors: BTreeMap<String, Weights>) -> Result<(), NnError> {
        let labels = self.plan.classifier().labels;
        let other = Self::from_tensors(self.architecture, labels, tensors)?;
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
        Ok(Evaluator { plan: self.plan.clone(), units, classifier })
    }

    /// Weight and bias of a convolution with its norm.
    fn folded(&self, unit: &Unit) -> candle_core::Result<(Tensor, Tensor)> {
        let norm = |kind| self.parameters[&format!("{}.{kind}", unit.norm)].as_tensor();
        let buffer = |kind| {
            let values = &self.buffers[&format!("{}.{kind}", unit.norm)];
            Tensor::from_slice(values, values.len(), &Device::Cpu)
        };
        let (mean, variance) = (buffer("running_mean")?, buffer("running_var")?);
        let statistics = RunningStatistics { mean: &mean, variance: &variance };
        let weight = self.parameters[&format!("{}.weight", unit.convolution)].as_tensor();
        let epsilon = self.plan.epsilon();
        hpa_ops::fold_batch_norm(weight, (norm("weight"), norm("bias")), statistics, epsilon)
    }
}

/// All tensors of a network that has not learnt anything.
fn start(plan: &Plan, seed: Seed) -> BTreeMap<String, Weights> {
    let entries = plan.entries();
    entries.par_iter().map(|entry| (entry.name.clone(), initial(entry, seed))).collect()
}

/// The walk that records gradients.
struct Training<'a> {
    precision: Precision,
    parameters: &'a BTreeMap<String, Var>,
    buffers: &'a mut BTreeMap<String, Vec<f32>>,
    frozen: Option<FrozenNorms>,
    /// Added to a variance before its root.
    epsilon: f64,
}

impl Training<'_> {
    fn parameter(&self, prefix: &str, kind: &str) -> &Tensor {
        self.parameters[&format!("{prefix}.{kind}")].as_tensor()
    }

    /// Batch norm with the running statistics, which stay, as do its weights.
    fn fixed_norm(
        &self,
        prefix: &str,
        y: &Tensor,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> candle_core::Result<Tensor> {
        let buffer = |kind| {
            let values = &self.buffers[&format!("{prefix}.{kind}")];
            Tensor::from_slice(values, values.len(), &Device::Cpu)
        };
        let (mean, variance) = (buffer("running_mean")?, buffer("running_var")?);
        let norm = BatchNormEval {
            weight: &self.parameter(prefix, "weight").detach(),
            bias: &self.parameter(prefix, "bias").detach(),
            statistics: RunningStatistics { mean: &mean, variance: &variance },
            residual,
            relu,
            eps: self.epsilon,
        };
        hpa_ops::batch_norm_eval(y, &norm)
    }

    /// `running = 0.9 running + 0.1 batch`.
    fn keep(&mut self, name: &str, batch: &Tensor) -> candle_core::Result<()> {
        let running = self.buffers.get_mut(name).expect("every norm has its buffers");
        for (running, batch) in running.iter_mut().zip(batch.to_vec1::<f32>()?) {
            *running = (1.0 - NEWEST) * *running + NEWEST * batch;
        }
        Ok(())
    }
}

impl Walk for Training<'_> {
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> candle_core::Result<Tensor> {
        let weight = self.parameter(&unit.convolution, "weight");
        let (x, spec) = unit.pad(x)?;
        let frozen = self.frozen.map(|_| weight.detach());
        let weight = frozen.as_ref().unwrap_or(weight);
        let y = hpa_ops::conv2d_in(&x, weight, &spec, self.precision)?;
        let relu = activation == Activation::Relu;
        if self.frozen == Some(FrozenNorms::Fixed) {
            return activation.finish(self.fixed_norm(&unit.norm, &y, residual, relu)?);
        }
        let norm = (self.parameter(&unit.norm, "weight"), self.parameter(&unit.norm, "bias"));
        let (y, batch) = hpa_ops::batch_norm_train(&y, norm, residual, relu, self.epsilon)?;
        self.keep(&format!("{}.running_mean", unit.norm), &batch.mean)?;
        self.keep(&format!("{}.running_var", unit.norm), &batch.variance_unbiased)?;
        activation.finish(y)
    }

    fn classifier(&mut self, layer: &Classifier, x: &Tensor) -> candle_core::Result<Tensor> {
        let weight = self.parameter(&layer.name, "weight");
        let bias = self.parameter(&layer.name, "bias");
        hpa_ops::linear_in(x, weight, bias, self.precision)
    }
}

#[cfg(test)]
#[path = "exactness_tests.rs"]
mod exactness_tests;

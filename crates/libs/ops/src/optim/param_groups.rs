//! Parameters, their groups, and the optimizer state kept for each.

use crate::autograd::Gradients;
use crate::tensor::{cpu_values, cpu_vec, update_values};
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Shape, Tensor, Var, bail};
use std::collections::{BTreeMap, BTreeSet};

/// A map from parameters to gradients.
pub trait GradientSource {
    /// The gradient of `parameter`, if it has one.
    fn gradient(&self, parameter: &Tensor) -> Option<&Tensor>;
}

impl GradientSource for GradStore {
    fn gradient(&self, parameter: &Tensor) -> Option<&Tensor> {
        self.get(parameter)
    }
}

impl GradientSource for Gradients {
    fn gradient(&self, parameter: &Tensor) -> Option<&Tensor> {
        self.get(parameter)
    }
}

/// Hyperparameters particular to a group of parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamGroup {
    /// Multiplies the learning rate; 0 freezes the parameter.
    pub learning_rate_factor: f64,
    /// Multiplies the weight decay; 0 for biases and normalisation, say.
    pub weight_decay_factor: f64,
}

impl Default for ParamGroup {
    fn default() -> Self {
        Self { learning_rate_factor: 1.0, weight_decay_factor: 1.0 }
    }
}

/// A variable with its name, under which its state is saved.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Unique among the parameters of an optimizer.
    pub name: String,
    /// The variable, updated in place.
    pub var: Var,
    /// Its group's hyperparameters.
    pub group: ParamGroup,
}

/// One state tensor of one parameter: `momentum`, say.
pub(super) struct StateSlot {
    kind: &'static str,
    /// As many values as the parameter has; empty before the first step, and while the state lies
    /// on the GPU.
    pub(super) values: Vec<f32>,
    #[cfg(feature = "cuda")]
    gpu: Option<Tensor>,
}

impl StateSlot {
    const fn new(kind: &'static str) -> Self {
        Self {
            kind,
            values: Vec::new(),
            #[cfg(feature = "cuda")]
            gpu: None,
        }
    }

    /// The state on the CPU, if there is any yet.
    fn read(&self, shape: &Shape) -> Result<Option<Tensor>> {
        #[cfg(feature = "cuda")]
        if let Some(tensor) = &self.gpu {
            return tensor.to_device(&Device::Cpu).map(Some);
        }
        let has_values = !self.values.is_empty();
        has_values.then(|| Tensor::from_slice(&self.values, shape, &Device::Cpu)).transpose()
    }

    fn replace(&mut self, values: Vec<f32>) {
        self.values = values;
        #[cfg(feature = "cuda")]
        {
            self.gpu = None;
        }
    }

    /// The state on the GPU: moved there from the CPU if there is any yet, else zeros.
    #[cfg(feature = "cuda")]
    fn gpu_tensor(&mut self, like: &Tensor) -> Result<Tensor> {
        if let Some(tensor) = &self.gpu {
            return Ok(tensor.clone());
        }
        let tensor = if self.values.is_empty() {
            Tensor::zeros(like.shape(), candle_core::DType::F32, like.device())?
        } else {
            Tensor::from_slice(&self.values, like.shape(), like.device())?
        };
        self.values = Vec::new();
        self.gpu = Some(tensor.clone());
        Ok(tensor)
    }
}

/// The parameters of an optimizer and their state, in order.
pub(super) struct OptimizerParams {
    parameters: Vec<Parameter>,
    slots: Vec<Vec<StateSlot>>,
}

impl OptimizerParams {
    pub(super) fn new(parameters: Vec<Parameter>, kinds: &[&'static str]) -> Result<Self> {
        let mut names = BTreeSet::new();
        for parameter in &parameters {
            if !names.insert(parameter.name.as_str()) {
                bail!(
                    "two parameters are called {}: an optimizer needs unique names",
                    parameter.name
                );
            }
            if !parameter.var.is_contiguous() {
                bail!("parameter {} is not contiguous", parameter.name);
            }
        }
        let slots = || kinds.iter().map(|kind| StateSlot::new(kind)).collect();
        let slots = parameters.iter().map(|_| slots()).collect();
        Ok(Self { parameters, slots })
    }

    /// Runs `update(group, values, gradient, slots)` on every parameter that has a gradient.
    pub(super) fn update(
        &mut self,
        gradients: &impl GradientSource,
        update: impl Fn(ParamGroup, &mut [f32], &[f32], &mut [StateSlot]),
    ) -> Result<()> {
        for (parameter, slots) in self.parameters.iter().zip(&mut self.slots) {
            let Some(gradient) = gradient_of(gradients, parameter)? else { continue };
            for slot in slots.iter_mut().filter(|slot| slot.values.is_empty()) {
                slot.values = vec![0.0; gradient.elem_count()];
            }
            let gradient: &[f32] = &cpu_values(&gradient, NAME)?;
            update_values(&parameter.var, NAME, |values| {
                update(parameter.group, values, gradient, slots);
            })?;
        }
        Ok(())
    }

    /// The state as named tensors, `KIND/PARAMETER`, in order.
    pub(super) fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = Vec::new();
        for (parameter, slots) in self.parameters.iter().zip(&self.slots) {
            for slot in slots {
                if let Some(values) = slot.read(parameter.var.shape())? {
                    state.push((format!("{}/{}", slot.kind, parameter.name), values));
                }
            }
        }
        Ok(state)
    }

    /// Replaces the state by a saved one; nothing changes if any of it does not fit.
    pub(super) fn load(&mut self, state: &mut BTreeMap<String, Tensor>) -> Result<()> {
        let mut loaded = Vec::new();
        for (parameter, slots) in self.parameters.iter().zip(&self.slots) {
            for slot in slots {
                let name = format!("{}/{}", slot.kind, parameter.name);
                let Some(tensor) = state.remove(&name) else {
                    loaded.push(Vec::new());
                    continue;
                };
                if tensor.dims() != parameter.var.dims() {
                    bail!(
                        "{name} is {:?}, the parameter {:?}",
                        tensor.dims(),
                        parameter.var.dims()
                    );
                }
                loaded.push(cpu_vec(&tensor, NAME)?);
            }
        }
        if let Some(name) = state.keys().next() {
            bail!("the optimizer's state has {name}, which belongs to no parameter here");
        }
        for (slot, values) in self.slots.iter_mut().flatten().zip(loaded) {
            slot.replace(values);
        }
        Ok(())
    }

    /// The rows of a step on the GPU, or `None` if the parameters lie on the CPU;
    /// `rate_and_decay` are the kernel's two numbers of a group.
    #[cfg(feature = "cuda")]
    pub(super) fn cuda_rows(
        &mut self,
        gradients: &impl GradientSource,
        rate_and_decay: impl Fn(ParamGroup) -> [f32; 2],
    ) -> Result<Option<Vec<crate::cuda::OptimizerRow>>> {
        if !self.parameters.first().is_some_and(|parameter| parameter.var.device().is_cuda()) {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for (parameter, slots) in self.parameters.iter().zip(&mut self.slots) {
            let Some(gradient) = gradient_of(gradients, parameter)? else { continue };
            let mut tensors = vec![parameter.var.as_detached_tensor(), gradient];
            for slot in slots {
                tensors.push(slot.gpu_tensor(&parameter.var)?);
            }
            let [learning_rate, weight_decay] = rate_and_decay(parameter.group);
            rows.push(crate::cuda::OptimizerRow { tensors, learning_rate, weight_decay });
        }
        Ok(Some(rows))
    }
}

/// A parameter's gradient, contiguous and of its shape.
fn gradient_of(gradients: &impl GradientSource, parameter: &Parameter) -> Result<Option<Tensor>> {
    let Some(gradient) = gradients.gradient(&parameter.var) else { return Ok(None) };
    if gradient.dims() != parameter.var.dims() {
        bail!(
            "the gradient of {} is {:?}, the parameter {:?}",
            parameter.name,
            gradient.dims(),
            parameter.var.dims()
        );
    }
    gradient.contiguous().map(Some)
}

const NAME: &str = "optimizer";

/// Values per task of an update.
pub(super) const CHUNK: usize = 1 << 14;

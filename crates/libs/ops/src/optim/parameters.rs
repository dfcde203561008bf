//! What an optimiser works on: named variables, their gradients, their state.

use crate::tensor::{values, with_values};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Shape, Tensor, Var, bail};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Where gradients come from.
pub trait GradientSource {
    /// The gradient of `parameter`, if it has one.
    fn gradient(&self, parameter: &Tensor) -> Option<&Tensor>;
}

impl GradientSource for GradStore {
    fn gradient(&self, parameter: &Tensor) -> Option<&Tensor> {
        self.get(parameter)
    }
}

/// What is particular to a group of parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Multiplies the learning rate; 0 freezes the parameter.
    pub learning_rate_factor: f64,
    /// Multiplies the weight decay; 0 for biases and normalisation, say.
    pub weight_decay_factor: f64,
}

impl Default for Group {
    fn default() -> Self {
        Self { learning_rate_factor: 1.0, weight_decay_factor: 1.0 }
    }
}

/// A variable with its name, under which its state is saved.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Unique among the parameters of an optimiser.
    pub name: String,
    /// The variable, changed in place.
    pub var: Var,
    /// Its settings.
    pub group: Group,
}

/// One slot of state per parameter: `momentum`, say.
pub(crate) struct Slot {
    pub(super) kind: &'static str,
    /// As many values as the parameter has; empty until the first step, and where they lie on a
    /// graphics card.
    pub(crate) values: Vec<f32>,
    #[cfg(feature = "cuda")]
    pub(crate) card: Option<Tensor>,
}

impl Slot {
    const fn new(kind: &'static str) -> Self {
        Self {
            kind,
            values: Vec::new(),
            #[cfg(feature = "cuda")]
            card: None,
        }
    }

    /// What is there, in the processor's memory.
    fn read(&self, shape: &Shape) -> Result<Option<Tensor>> {
        #[cfg(feature = "cuda")]
        if let Some(tensor) = &self.card {
            return tensor.to_device(&Device::Cpu).map(Some);
        }
        let is_there = !self.values.is_empty();
        is_there.then(|| Tensor::from_slice(&self.values, shape, &Device::Cpu)).transpose()
    }

    fn replace(&mut self, values: Vec<f32>) {
        self.values = values;
        #[cfg(feature = "cuda")]
        {
            self.card = None;
        }
    }
}

/// Parameters and their state, in order.
pub(super) struct Entries {
    pub(super) parameters: Vec<Parameter>,
    pub(super) slots: Vec<Vec<Slot>>,
}

impl Entries {
    pub(super) fn new(parameters: Vec<Parameter>, kinds: &[&'static str]) -> Result<Self> {
        let mut names = std::collections::BTreeSet::new();
        for parameter in &parameters {
            if !names.insert(parameter.name.as_str()) {
                bail!(
                    "two parameters are called {}: an optimiser needs unique names",
                    parameter.name
                );
            }
            if !parameter.var.is_contiguous() {
                bail!("parameter {} is not contiguous", parameter.name);
            }
        }
        let slots = || kinds.iter().map(|kind| Slot::new(kind)).collect();
        let slots = parameters.iter().map(|_| slots()).collect();
        Ok(Self { parameters, slots })
    }

    /// Runs `update(group, values, gradient, slots)` on every parameter that has a gradient.
    pub(super) fn update(
        &mut self,
        gradients: &impl GradientSource,
        update: impl Fn(Group, &mut [f32], &[f32], &mut [Slot]) + Sync,
    ) -> Result<()> {
        for (parameter, slots) in self.parameters.iter().zip(&mut self.slots) {
            let Some(gradient) = gradients.gradient(&parameter.var) else { continue };
            if gradient.dims() != parameter.var.dims() {
                bail!(
                    "the gradient of {} is {:?}, the parameter {:?}",
                    parameter.name,
                    gradient.dims(),
                    parameter.var.dims()
                );
            }
            for slot in slots.iter_mut().filter(|slot| slot.values.is_empty()) {
                slot.values = vec![0.0; gradient.elem_count()];
            }
            with_values(gradient, NAME, |gradient| {
                let run = Mutex::new(|values: &mut [f32]| {
                    update(parameter.group, values, gradient, slots);
                });
                parameter.var.inplace_op1(&InPlace { run })
            })??;
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

    /// Takes over a saved state; nothing changes where anything does not fit.
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
                loaded.push(with_values(&tensor, NAME, <[f32]>::to_vec)?);
            }
        }
        if let Some(name) = state.keys().next() {
            bail!("the optimiser's state has {name}, which belongs to no parameter here");
        }
        for (slot, values) in self.slots.iter_mut().flatten().zip(loaded) {
            slot.replace(values);
        }
        Ok(())
    }

    /// Where the parameters lie on a graphics card, what a step there works on.
    #[cfg(feature = "cuda")]
    pub(super) fn on_card<'a, G>(
        &'a mut self,
        gradients: &'a G,
    ) -> Option<crate::cuda::Step<'a, G>> {
        let is_there = self.parameters.first()?.var.device().is_cuda();
        is_there.then_some(crate::cuda::Step {
            parameters: &self.parameters,
            slots: &mut self.slots,
            gradients,
        })
    }
}

const NAME: &str = "optimiser";

/// Hands the variable's values to a closure.
struct InPlace<F> {
    run: Mutex<F>,
}

impl<F: FnMut(&mut [f32])> InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        values(storage, layout, NAME)?;
        let (CpuStorage::F32(all), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("an optimiser changes contiguous f32 variables only");
        };
        let mut run = self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        run(&mut all[start..end]);
        Ok(())
    }
}

/// Values per task of an update.
pub(super) const CHUNK: usize = 1 << 14;

//! Networks: their layers, parameters and forward passes.

pub(crate) mod efficientnet;
pub(crate) mod flops;
pub(crate) mod init;
pub(crate) mod layers;
pub(crate) mod param_groups;
pub(crate) mod resnet;
pub(crate) mod train_forward;

use crate::config::BatchNormMode;
use crate::config::architecture::Architecture;
use crate::device::Device;
use crate::error::{NnError, ShapeMismatch, StateDictMismatch};
use crate::models::init::SeededInit;
use crate::models::layers::{Layers, ParamSpec};
use crate::models::train_forward::TrainForward;
use candle_core::{DType, Tensor, Var};
use candle_nn::{ModuleT, VarBuilder};
use hpa_artifacts::Weights;
use hpa_core::{Channel, Seed};
use hpa_ops::Precision;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// A network with its parameters and running statistics.
///
/// As a [`ModuleT`], images are `[N, S, S, C]` (channels last, normalised), logits `[N, L]`; with
/// `train`, batch norm takes the statistics of the batch and updates the running ones in place.
pub struct Network {
    architecture: Architecture,
    layers: Layers,
    params: BTreeMap<String, Var>,
    /// Running statistics.
    buffers: BTreeMap<String, Var>,
    device: candle_core::Device,
    frozen: Option<BatchNormMode>,
    precision: Precision,
}

impl Architecture {
    pub(crate) fn layers(self, num_labels: usize, in_channels: usize) -> Layers {
        match self {
            Self::ResNet18 => resnet::layers(resnet::RESNET18, num_labels, in_channels),
            Self::ResNet34 => resnet::layers(resnet::RESNET34, num_labels, in_channels),
            Self::ResNet50 => resnet::layers(resnet::RESNET50, num_labels, in_channels),
            Self::EfficientNetLite0 => efficientnet::lite0(num_labels, in_channels),
        }
    }
}

impl Network {
    /// A network for samples of four channels, with random weights.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn new(architecture: Architecture, num_labels: usize, seed: Seed) -> Result<Self, NnError> {
        let init = Box::new(SeededInit(seed));
        let vb = VarBuilder::from_backend(init, DType::F32, candle_core::Device::Cpu);
        Ok(Self::from_var_builder(architecture, num_labels, Channel::COUNT, &vb)?)
    }

    /// A network of the tensors of `vb`, under the names of torchvision (residual networks) or timm
    /// (`EfficientNet`). Variables, such as those of a [`candle_nn::VarMap`], are shared with it, so
    /// that any [`candle_nn::Optimizer`] over them trains the network; other tensors are copied.
    ///
    /// # Errors
    /// When `vb` lacks a tensor, or has one of another shape.
    pub fn from_var_builder(
        architecture: Architecture,
        num_labels: usize,
        in_channels: usize,
        vb: &VarBuilder<'_>,
    ) -> candle_core::Result<Self> {
        let layers = architecture.layers(num_labels, in_channels);
        let var = |spec: ParamSpec| -> candle_core::Result<_> {
            let tensor = vb.get_with_hints(spec.shape.as_slice(), &spec.name, spec.init)?;
            Ok((spec.name, spec.is_buffer, Var::from_tensor(&tensor)?))
        };
        let vars =
            layers.params().into_par_iter().map(var).collect::<candle_core::Result<Vec<_>>>()?;
        let (mut params, mut buffers) = (BTreeMap::new(), BTreeMap::new());
        for (name, is_buffer, var) in vars {
            (if is_buffer { &mut buffers } else { &mut params }).insert(name, var);
        }
        Ok(Self {
            architecture,
            layers,
            params,
            buffers,
            device: vb.device().clone(),
            frozen: None,
            precision: Precision::F32,
        })
    }

    /// A network with exactly these tensors: those of a checkpoint.
    ///
    /// # Errors
    /// With a list of all tensors that do not match.
    pub fn from_tensors(
        architecture: Architecture,
        num_labels: usize,
        tensors: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        Self::from_state_dict(architecture, num_labels, Channel::COUNT, tensors)
    }

    /// [`Network::from_tensors`] for images of any number of channels.
    pub(crate) fn from_state_dict(
        architecture: Architecture,
        num_labels: usize,
        in_channels: usize,
        state_dict: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        let params = architecture.layers(num_labels, in_channels).params();
        let mismatch = mismatch(&params, &state_dict);
        if !mismatch.is_empty() {
            return Err(NnError::StateDictMismatch { architecture: architecture.name(), mismatch });
        }
        let cpu = candle_core::Device::Cpu;
        let tensor = |weights: Weights| Tensor::from_vec(weights.values, weights.shape, &cpu);
        let tensors = state_dict.into_iter().map(|(name, weights)| Ok((name, tensor(weights)?)));
        let tensors = tensors.collect::<candle_core::Result<HashMap<_, _>>>()?;
        let vb = VarBuilder::from_tensors(tensors, DType::F32, &cpu);
        Ok(Self::from_var_builder(architecture, num_labels, in_channels, &vb)?)
    }

    /// Moves the network to a device.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn to_device(&mut self, device: &Device) -> Result<(), NnError> {
        self.device = device.device.clone();
        for var in self.params.values_mut().chain(self.buffers.values_mut()) {
            *var = Var::from_tensor(&var.as_detached_tensor().to_device(&self.device)?)?;
        }
        Ok(())
    }

    pub(crate) const fn candle_device(&self) -> &candle_core::Device {
        &self.device
    }

    /// The device that the network is on.
    #[must_use]
    pub fn device(&self) -> Device {
        Device { device: self.device.clone(), notice: None }
    }

    /// Which network it is.
    #[must_use]
    pub const fn architecture(&self) -> Architecture {
        self.architecture
    }

    pub(crate) const fn layers(&self) -> &Layers {
        &self.layers
    }

    /// Sets the precision of matrix products in training; inference stays in f32.
    pub const fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// Trained parameters, ordered by name. Running statistics are not among them.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<String, Var> {
        &self.params
    }

    /// Parameters and running statistics, each ordered by name.
    pub(crate) fn vars(&self) -> impl Iterator<Item = (&String, &Var)> {
        self.params.iter().chain(&self.buffers)
    }

    /// A parameter or running statistic.
    pub(crate) fn var(&self, name: &str) -> &Var {
        self.params.get(name).unwrap_or_else(|| &self.buffers[name])
    }

    /// Freezes everything but the classifier, or nothing. Frozen parameters get no gradient, and
    /// with [`BatchNormMode::Fixed`] none is computed for them or for anything below them.
    pub const fn freeze(&mut self, frozen: Option<BatchNormMode>) {
        self.frozen = frozen;
    }

    /// Parameters and running statistics by name.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn tensors(&self) -> Result<BTreeMap<String, Weights>, NnError> {
        self.vars().map(|(name, var)| Ok((name.clone(), to_weights(var)?))).collect()
    }

    /// Sets all parameters and running statistics.
    ///
    /// # Errors
    /// With a list of all tensors that do not match; nothing is set then.
    pub fn set_tensors(&mut self, tensors: BTreeMap<String, Weights>) -> Result<(), NnError> {
        let num_labels = self.layers.classifier.out_features;
        let mut other = Self::from_tensors(self.architecture, num_labels, tensors)?;
        other.to_device(&self.device())?;
        for (name, var) in self.vars() {
            var.set(other.var(name))?;
        }
        Ok(())
    }

    /// Logits `[N, L]` of images `[N, S, S, C]` with the batch's own statistics, which update the
    /// running ones.
    ///
    /// # Errors
    /// When the images do not fit the network.
    pub fn forward_train(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        self.forward_t(images, true)
    }
}

impl ModuleT for Network {
    fn forward_t(&self, images: &Tensor, train: bool) -> candle_core::Result<Tensor> {
        self.layers.forward(images, &mut TrainForward { network: self, train })
    }
}

/// The values of any tensor.
pub(crate) fn to_weights(tensor: &Tensor) -> candle_core::Result<Weights> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    Ok(Weights { shape: tensor.dims().to_vec(), values })
}

/// `PyTorch` counts the batches of each norm; nothing depends on the count.
const IGNORED: &str = ".num_batches_tracked";

/// Compares a state dict with the tensors that a network expects.
pub(crate) fn mismatch(
    params: &[ParamSpec],
    state_dict: &BTreeMap<String, Weights>,
) -> StateDictMismatch {
    let expected: BTreeMap<&String, &ParamSpec> =
        params.iter().map(|spec| (&spec.name, spec)).collect();
    let mut mismatch = StateDictMismatch::default();
    for name in state_dict.keys().filter(|name| !name.ends_with(IGNORED)) {
        if !expected.contains_key(name) {
            mismatch.unexpected.push(name.clone());
        }
    }
    for (name, spec) in expected {
        match state_dict.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(found) if found.shape != spec.shape => {
                mismatch.shape_mismatch.push(ShapeMismatch {
                    name: name.clone(),
                    found: found.shape.clone(),
                    expected: spec.shape.clone(),
                });
            }
            Some(found) if !is_valid(name, found) => mismatch.invalid.push(name.clone()),
            Some(_) => {}
        }
    }
    mismatch
}

fn is_valid(name: &str, weights: &Weights) -> bool {
    let is_variance = name.ends_with(".running_var");
    weights.values.iter().all(|value| value.is_finite() && !(is_variance && *value < 0.0))
}

#[cfg(test)]
mod gradient_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device as CandleDevice;
    use candle_nn::VarMap;

    /// A network over the variables of a [`VarMap`] trains them: same logits, shared storage.
    #[test]
    fn a_network_shares_the_variables_of_a_var_map() {
        let varmap = VarMap::new();
        let vb = VarBuilder::from_varmap(&varmap, DType::F32, &CandleDevice::Cpu);
        let shared =
            Network::from_var_builder(Architecture::ResNet18, 3, 4, &vb.pp("backbone")).unwrap();
        let own = Network::from_tensors(Architecture::ResNet18, 3, shared.tensors().unwrap());
        let own = own.unwrap();
        let images = Tensor::randn(0.0_f32, 1.0, (2, 32, 32, 4), &CandleDevice::Cpu).unwrap();
        for train in [true, false] {
            let logits = [&shared, &own].map(|network| {
                let module: &dyn ModuleT = network;
                module.forward_t(&images, train).unwrap().to_vec2::<f32>().unwrap()
            });
            assert_eq!(logits[0], logits[1]);
        }
        let vars = varmap.data().lock().unwrap();
        assert_eq!(vars.len(), shared.vars().count());
        for name in ["fc.bias", "bn1.running_mean"] {
            let (inside, outside) = (shared.var(name), &vars[&format!("backbone.{name}")]);
            assert_eq!(to_weights(inside).unwrap(), to_weights(outside).unwrap());
            outside.set(&outside.ones_like().unwrap()).unwrap();
            assert!(
                to_weights(inside).unwrap().values.iter().all(|value| (*value - 1.0).abs() < 1e-6)
            );
        }
    }

    /// Unfolded and folded evaluation differ by rounding only.
    #[test]
    fn evaluation_as_a_module_agrees_with_the_inference_model() {
        for architecture in [Architecture::ResNet18, Architecture::EfficientNetLite0] {
            let network = Network::new(architecture, 5, Seed::new(1)).unwrap();
            let images = Tensor::randn(0.0_f32, 1.0, (4, 64, 64, 4), &CandleDevice::Cpu).unwrap();
            network.forward_train(&images).unwrap();
            let module: Vec<f32> = network
                .forward_t(&images, false)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1()
                .unwrap();
            let folded = network.inference_model().unwrap().forward(&images).unwrap();
            let scale = module.iter().fold(0.0, |most: f32, logit| most.max(logit.abs()));
            for (a, b) in module.iter().zip(&folded) {
                assert!((a - b).abs() <= 1e-4 * scale, "{architecture}: {a} {b}");
            }
        }
    }
}

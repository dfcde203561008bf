//! Loading a pretrained state dict: everything is compared before anything is set.

use crate::config::InputConvInit;
use crate::config::architecture::Architecture;
use crate::error::NnError;
use crate::models::layers::Layers;
use crate::models::{Network, efficientnet};
use hpa_artifacts::Weights;
use hpa_core::{Channel, Seed};
use std::collections::BTreeMap;

/// Channels of `ImageNet`'s images: red, green and blue.
pub(crate) const RGB: usize = 3;

/// What was adapted when a pretrained state dict was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// The input convolution had three channels.
    pub adapted_input_conv: bool,
    /// The classifier was missing or made for other labels: it starts with random weights.
    pub replaced_classifier: bool,
}

impl Network {
    /// A network with pretrained weights; what the state dict lacks for this task starts as in
    /// [`Network::new`].
    ///
    /// # Errors
    /// With a list of all tensors that do not match.
    pub fn pretrained(
        architecture: Architecture,
        num_labels: usize,
        seed: Seed,
        state_dict: BTreeMap<String, Weights>,
        input_conv_init: InputConvInit,
    ) -> Result<(Self, LoadReport), NnError> {
        let initial = Self::new(architecture, num_labels, seed)?.tensors()?;
        let layers = architecture.layers(num_labels, Channel::COUNT);
        let mut state_dict = timm_names(architecture, &layers, state_dict);
        let report = LoadReport {
            adapted_input_conv: adapt_input_conv(
                &layers,
                &initial,
                &mut state_dict,
                input_conv_init,
            ),
            replaced_classifier: replace_classifier(&layers, &initial, &mut state_dict),
        };
        Ok((Self::from_tensors(architecture, num_labels, state_dict)?, report))
    }

    /// The network of a timm or torchvision file without any adaptation: it takes images
    /// `[N, S, S, 3]` and returns the logits of the file's own classes.
    ///
    /// # Errors
    /// With a list of all tensors that do not match, a missing classifier among them.
    pub fn from_imagenet(
        architecture: Architecture,
        state_dict: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        // The classifier's name does not depend on how many classes it has.
        let layers = architecture.layers(1, RGB);
        let state_dict = timm_names(architecture, &layers, state_dict);
        let bias = state_dict.get(&format!("{}.bias", layers.classifier.name));
        let classes = bias.map_or(1, |bias| bias.values.len());
        Self::from_state_dict(architecture, classes, RGB, state_dict)
    }
}

/// The tensors under timm's names, where the file uses those of another implementation.
pub(crate) fn timm_names(
    architecture: Architecture,
    layers: &Layers,
    state_dict: BTreeMap<String, Weights>,
) -> BTreeMap<String, Weights> {
    match architecture {
        Architecture::ResNet18 | Architecture::ResNet34 | Architecture::ResNet50 => state_dict,
        Architecture::EfficientNetLite0 => state_dict
            .into_iter()
            .map(|(name, weights)| {
                (efficientnet::timm_name(layers, &name).unwrap_or(name), weights)
            })
            .collect(),
    }
}

/// Replaces an input convolution of three channels, if it has three, by one of four.
fn adapt_input_conv(
    layers: &Layers,
    initial: &BTreeMap<String, Weights>,
    state_dict: &mut BTreeMap<String, Weights>,
    init: InputConvInit,
) -> bool {
    let stem = &layers.stem;
    let name = format!("{}.weight", stem.conv);
    match state_dict.get_mut(&name) {
        Some(found) if found.shape == [stem.out_channels, RGB, stem.kernel, stem.kernel] => {
            *found = init.four_channels(found, &initial[&name]);
            true
        }
        _ => false,
    }
}

/// Replaces a classifier for another number of labels, or a missing one. One for another number of
/// *features* stays, to be reported as a shape mismatch.
fn replace_classifier(
    layers: &Layers,
    initial: &BTreeMap<String, Weights>,
    state_dict: &mut BTreeMap<String, Weights>,
) -> bool {
    let layer = &layers.classifier;
    let (weight, bias) = (format!("{}.weight", layer.name), format!("{}.bias", layer.name));
    let fits = match (state_dict.get(&weight), state_dict.get(&bias)) {
        (None, None) => false,
        (Some(found), Some(_)) => match found.shape[..] {
            [labels, features] => labels == layer.out_features || features != layer.in_features,
            _ => true,
        },
        _ => true,
    };
    if !fits {
        for name in [weight, bias] {
            state_dict.insert(name.clone(), initial[&name].clone());
        }
    }
    !fits
}

#[cfg(test)]
mod tests {
    use super::*;

    const INIT: InputConvInit = InputConvInit::Zero;

    fn tensors(num_labels: usize, seed: u64) -> BTreeMap<String, Weights> {
        let network = Network::new(Architecture::ResNet18, num_labels, Seed::new(seed)).unwrap();
        network.tensors().unwrap()
    }

    /// A torchvision file: three channels, 1000 labels, batch counters.
    fn torchvision() -> BTreeMap<String, Weights> {
        let mut file = tensors(1000, 2);
        let three = Weights { shape: vec![64, 3, 7, 7], values: vec![0.5; 64 * 3 * 49] };
        file.insert("conv1.weight".into(), three);
        file.insert("bn1.num_batches_tracked".into(), Weights { shape: vec![], values: vec![1.0] });
        file
    }

    fn load(file: BTreeMap<String, Weights>) -> Result<(Network, LoadReport), NnError> {
        Network::pretrained(Architecture::ResNet18, 28, Seed::new(1), file, INIT)
    }

    #[test]
    fn a_torchvision_file_gets_four_channels_and_a_new_classifier() {
        let initial = tensors(28, 1);
        let (network, report) = load(torchvision()).unwrap();
        assert_eq!(report, LoadReport { adapted_input_conv: true, replaced_classifier: true });
        let loaded = network.tensors().unwrap();
        assert!(loaded.keys().eq(initial.keys()));
        assert_eq!(loaded["fc.weight"].values, initial["fc.weight"].values);
        let name = "layer1.0.conv1.weight";
        assert_eq!(loaded[name].values, torchvision()[name].values);
    }

    #[test]
    fn every_tensor_that_does_not_match_is_listed() {
        let mut file = torchvision();
        file.remove("bn1.weight");
        file.insert("head.weight".into(), Weights { shape: vec![1], values: vec![0.0] });
        file.insert("layer1.0.bn1.bias".into(), Weights { shape: vec![2], values: vec![0.0; 2] });
        file.get_mut("layer1.0.bn1.running_var").unwrap().values[3] = -1.0;
        file.get_mut("layer2.0.conv1.weight").unwrap().values[7] = f32::NAN;
        let Err(error) = load(file) else { panic!("a wrong file was loaded") };
        assert_eq!(
            error.to_string(),
            "the weights do not fit resnet18:\n  unexpected: head.weight\n  missing: bn1.weight\n  \
             shape mismatch: layer1.0.bn1.bias is [2], expected [64]\n  \
             invalid: layer1.0.bn1.running_var has values that are not finite, or negative variances\n  \
             invalid: layer2.0.conv1.weight has values that are not finite, or negative variances"
        );
    }

    #[test]
    fn a_missing_classifier_is_added_and_one_for_these_labels_is_kept() {
        let mut headless = tensors(28, 2);
        headless.retain(|name, _| !name.starts_with("fc."));
        assert!(load(headless).unwrap().1.replaced_classifier);
        let (network, report) = load(tensors(28, 2)).unwrap();
        assert_eq!(report, LoadReport { adapted_input_conv: false, replaced_classifier: false });
        assert_eq!(network.tensors().unwrap()["fc.bias"].values, tensors(28, 2)["fc.bias"].values);
    }
}

//! Check of adapted input convolutions: four channels against the pretrained three.
//!
//! The pretrained network, with the input convolution and classifier of its file, is compared with
//! the adapted ones on random images. A convolution is linear, so for most [`InputConvInit`]s there
//! is an RGB image for which the pretrained network must give the same logits: with `zero`, the red,
//! green and blue of the sample; with `reuse-first`, its red + yellow, green and blue; and so on.
//! `copy-three` is compared on samples whose yellow is 0, `random` with nothing.
//!
//! Differences are relative to the largest logit; sums in another order differ by rounding.

use crate::config::InputConvInit;
use crate::config::architecture::Architecture;
use crate::error::NnError;
use crate::models::init::SeededInit;
use crate::models::{Network, to_weights};
use crate::weights::state_dict::{RGB, timm_names};
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use hpa_artifacts::Weights;
use hpa_core::{Channel, Seed};
use serde::Serialize;
use std::collections::BTreeMap;

/// Side of the images: small, yet the last map has more than one pixel.
const SIZE: usize = 64;
const IMAGES: usize = 4;
/// Rounding of single precision through some fifty layers, with a margin of ten.
const TOLERANCE: f64 = 1e-4;
/// Classes of a state dict without classifier: as many as `ImageNet` has.
const CLASSES: usize = 1000;

/// The comparison for one [`InputConvInit`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputConvCheck {
    /// How the input convolution was adapted.
    pub first_conv: InputConvInit,
    /// The RGB image for which the pretrained network must give the same logits.
    pub reference: &'static str,
    /// Largest difference between logits, relative to the largest logit; none if there is nothing
    /// to compare with.
    pub difference: Option<f64>,
    /// Whether the difference is within rounding.
    pub passes: bool,
}

/// Compares every [`InputConvInit`] with the pretrained network of a state dict; without one, with
/// a network of random weights.
///
/// # Errors
/// With a list of all tensors that do not match a network of three channels.
pub fn check_input_conv(
    architecture: Architecture,
    state_dict: Option<BTreeMap<String, Weights>>,
    seed: Seed,
) -> Result<Vec<InputConvCheck>, NnError> {
    let pretrained = rgb_network(architecture, state_dict, seed)?;
    let state_dict = pretrained.tensors()?;
    let pretrained = pretrained.inference_model()?;
    let pixels = random_pixels(seed);
    let check = |init: InputConvInit| {
        let (adapted, _) = Network::pretrained(
            architecture,
            pretrained.num_labels(),
            seed,
            state_dict.clone(),
            init,
        )?;
        let input = inputs(init, &pixels);
        let adapted = adapted.inference_model()?.logits(input.four_channels, SIZE)?;
        let difference = match input.rgb {
            Some(rgb) => Some(relative_difference(&adapted, &pretrained.logits(rgb, SIZE)?)),
            None => None,
        };
        let passes = difference.is_none_or(|difference| difference <= TOLERANCE);
        Ok(InputConvCheck { first_conv: init, reference: reference(init), difference, passes })
    };
    InputConvInit::ALL.into_iter().map(check).collect()
}

/// The network of the state dict without adaptation; random where the state dict has no classifier,
/// and as a whole if there is none.
fn rgb_network(
    architecture: Architecture,
    state_dict: Option<BTreeMap<String, Weights>>,
    seed: Seed,
) -> Result<Network, NnError> {
    let init = Box::new(SeededInit(seed));
    let vb = VarBuilder::from_backend(init, DType::F32, Device::Cpu);
    let initial = Network::from_var_builder(architecture, CLASSES, RGB, &vb)?;
    let Some(state_dict) = state_dict else { return Ok(initial) };
    let mut state_dict = timm_names(architecture, initial.layers(), state_dict);
    for spec in initial.layers().classifier.params() {
        let weights = to_weights(initial.var(&spec.name))?;
        state_dict.entry(spec.name).or_insert(weights);
    }
    Network::from_imagenet(architecture, state_dict)
}

/// Normalised pixels, `[N · S · S]` of four channels.
fn random_pixels(seed: Seed) -> Vec<[f32; Channel::COUNT]> {
    let mut rng = seed.derive("images of the input-convolution check").rng();
    #[expect(clippy::cast_possible_truncation, reason = "pixels are 32-bit")]
    let mut level = || rng.range(-1.0, 3.0) as f32;
    (0..IMAGES * SIZE * SIZE).map(|_| std::array::from_fn(|_| level())).collect()
}

/// Images for which two networks must give the same logits.
struct Inputs {
    /// `[N, S, S, 4]`, for the adapted network.
    four_channels: Vec<f32>,
    /// `[N, S, S, 3]`, for the pretrained one.
    rgb: Option<Vec<f32>>,
}

fn inputs(init: InputConvInit, pixels: &[[f32; Channel::COUNT]]) -> Inputs {
    if init == InputConvInit::CopyThree {
        let without_yellow = pixels.iter().map(|[red, green, blue, _]| [*red, *green, *blue, 0.0]);
        let rgb = pixels.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]);
        return Inputs {
            four_channels: without_yellow.flatten().collect(),
            rgb: Some(rgb.collect()),
        };
    }
    let rgb: Option<Vec<[f32; RGB]>> =
        pixels.iter().map(|pixel| init.equivalent_rgb(*pixel)).collect();
    Inputs { four_channels: pixels.concat(), rgb: rgb.map(|rgb| rgb.concat()) }
}

fn relative_difference(found: &[f32], expected: &[f32]) -> f64 {
    let largest =
        expected.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(f64::from(x.abs())));
    // `max` would drop a NaN.
    let differences = found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()));
    let worst =
        differences.fold(0.0, |most: f64, d| if d.is_nan() { f64::INFINITY } else { most.max(d) });
    worst / largest
}

const fn reference(init: InputConvInit) -> &'static str {
    match init {
        InputConvInit::Random => "none: the input convolution is random",
        InputConvInit::CopyThree => "red, green, blue, with yellow 0",
        InputConvInit::Zero => "red, green, blue, for any yellow",
        InputConvInit::ReuseFirst => "red + yellow, green, blue",
        InputConvInit::Mean => "red + yellow / 3, green + yellow / 3, blue + yellow / 3",
        InputConvInit::MeanRedBlue => "red + yellow / 2, green, blue + yellow / 2",
        InputConvInit::Timm => "3/4 (red + yellow), 3/4 green, 3/4 blue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_init_passes_in_both_families() {
        for architecture in [Architecture::ResNet18, Architecture::EfficientNetLite0] {
            let checks = check_input_conv(architecture, None, Seed::new(1)).unwrap();
            assert_eq!(checks.len(), InputConvInit::ALL.len());
            for check in &checks {
                assert!(check.passes, "{architecture}: {check:?}");
                assert_eq!(check.difference.is_none(), check.first_conv == InputConvInit::Random);
            }
        }
    }

    #[test]
    fn a_wrong_equivalent_image_is_detected() {
        let resnet = Architecture::ResNet18;
        let pretrained = rgb_network(resnet, None, Seed::new(1)).unwrap();
        let state_dict = pretrained.tensors().unwrap();
        let init = InputConvInit::ReuseFirst;
        let (adapted, _) =
            Network::pretrained(resnet, CLASSES, Seed::new(1), state_dict, init).unwrap();
        // The RGB image lacks the yellow that the adapted network adds to red.
        let input = inputs(InputConvInit::Zero, &random_pixels(Seed::new(1)));
        let adapted = adapted.inference_model().unwrap().logits(input.four_channels, SIZE).unwrap();
        let pretrained =
            pretrained.inference_model().unwrap().logits(input.rgb.unwrap(), SIZE).unwrap();
        assert!(relative_difference(&adapted, &pretrained) > 100.0 * TOLERANCE);
    }
}

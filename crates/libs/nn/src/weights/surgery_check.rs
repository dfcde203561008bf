//! Does the network with four channels answer as the one with three did?
//!
//! The old network, first convolution and classifier as they are in the file, is built beside the
//! new one, and both look at the same random pictures. A convolution is linear, so each way to fill
//! yellow's slice promises something that the old network can confirm: with `zero` the answers about
//! red, green, blue and anything in yellow are the old ones about red, green and blue; with
//! `reuse-first` they are the old ones about red + yellow, green, blue; and so on. `copy-three` is
//! held to black yellow, `random` promises nothing.
//!
//! Differences are relative to the largest logit; sums of another order differ by rounding.

use crate::Architecture;
use crate::error::NnError;
use crate::network::Network;
use crate::network::initial::initial;
use crate::network::layers::Entry;
use crate::network::plan::Plan;
use crate::photographs::CHANNELS;
use crate::weights::import::renamed;
use crate::weights::surgery::FirstConvolution;
use hpa_artifacts::Weights;
use hpa_core::{Channel, Seed};
use serde::Serialize;
use std::collections::BTreeMap;

/// Side of the pictures: small, yet the last map has more than one pixel.
const SIZE: usize = 64;
const PICTURES: usize = 4;
/// Rounding of single precision through some fifty layers, with a margin of ten.
const TOLERANCE: f64 = 1e-4;
/// Labels of a file without classifier: as many as `ImageNet` has.
const LABELS: usize = 1000;

/// What one way to a first convolution came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SurgeryCheck {
    /// The way.
    pub first_conv: FirstConvolution,
    /// What is compared with the old network's answers.
    pub promise: &'static str,
    /// Largest difference between logits, relative to the largest logit; nothing where nothing is
    /// promised.
    pub difference: Option<f64>,
    /// Whether the promise is kept.
    pub holds: bool,
}

/// Compares every way to a first convolution with the three-channel network of a file; without a
/// file, with one of random weights.
///
/// # Errors
/// With a list of all tensors that do not fit a network of three channels.
pub fn check_surgery(
    architecture: Architecture,
    file: Option<BTreeMap<String, Weights>>,
    seed: Seed,
) -> Result<Vec<SurgeryCheck>, NnError> {
    let old = three_channels(architecture, file, seed)?;
    let labels = old.plan().classifier().labels;
    let (old_tensors, old) = (old.tensors()?, old.evaluator()?);
    let pictures = pictures(seed);
    FirstConvolution::ALL
        .into_iter()
        .map(|way| {
            let given = (old_tensors.clone(), way);
            let (new, _) = Network::pretrained(architecture, labels, seed, given)?;
            let (four, three) = shown(way, &pictures);
            let new = new.evaluator()?.logits(four, SIZE)?;
            let difference =
                three.map(|three| Ok::<_, NnError>(difference(&new, &old.logits(three, SIZE)?)));
            let difference = difference.transpose()?;
            let holds = difference.is_none_or(|difference| difference <= TOLERANCE);
            Ok(SurgeryCheck { first_conv: way, promise: promise(way), difference, holds })
        })
        .collect()
}

/// The network of the file as it was before any surgery; what a headless file lacks, or all of it
/// where there is no file, starts at random.
fn three_channels(
    architecture: Architecture,
    file: Option<BTreeMap<String, Weights>>,
    seed: Seed,
) -> Result<Network, NnError> {
    let plan = Plan::new(architecture, LABELS, CHANNELS);
    let random = |entries: Vec<Entry>| {
        entries.into_iter().map(move |entry| (entry.name.clone(), initial(&entry, seed)))
    };
    let mut file = match file {
        Some(file) => renamed(&plan, file),
        None => random(plan.entries()).collect(),
    };
    for (name, weights) in random(plan.classifier().entries()) {
        file.entry(name).or_insert(weights);
    }
    Network::of_photographs(architecture, file)
}

/// Pixels `[N · S · S]` of four channels, normalised as training would.
fn pictures(seed: Seed) -> Vec<[f32; Channel::COUNT]> {
    let mut rng = seed.derive("pictures of the surgery check").rng();
    #[expect(clippy::cast_possible_truncation, reason = "pixels are 32-bit")]
    let mut level = || rng.range(-1.0, 3.0) as f32;
    (0..PICTURES * SIZE * SIZE).map(|_| std::array::from_fn(|_| level())).collect()
}

/// What the new network is shown, and what the old one is shown to answer the same.
fn shown(
    way: FirstConvolution,
    pictures: &[[f32; Channel::COUNT]],
) -> (Vec<f32>, Option<Vec<f32>>) {
    if way == FirstConvolution::CopyThree {
        let black = pictures.iter().map(|[red, green, blue, _]| [*red, *green, *blue, 0.0]);
        let three = pictures.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]);
        return (black.flatten().collect(), Some(three.collect()));
    }
    let three: Option<Vec<[f32; 3]>> = pictures.iter().map(|pixel| way.as_three(*pixel)).collect();
    (pictures.concat(), three.map(|three| three.concat()))
}

fn difference(new: &[f32], old: &[f32]) -> f64 {
    let most = old.iter().fold(f64::MIN_POSITIVE, |most, x| most.max(f64::from(x.abs())));
    // A NaN must not hide behind `max`.
    let worst = new.iter().zip(old).map(|(a, b)| f64::from((a - b).abs()));
    worst.fold(0.0, |most: f64, d| if d.is_nan() { f64::INFINITY } else { most.max(d) }) / most
}

const fn promise(way: FirstConvolution) -> &'static str {
    match way {
        FirstConvolution::Random => "nothing: the first convolution is new",
        FirstConvolution::CopyThree => "red, green, blue, where yellow is 0",
        FirstConvolution::Zero => "red, green, blue, whatever yellow is",
        FirstConvolution::ReuseFirst => "red + yellow, green, blue",
        FirstConvolution::Mean => "red, green and blue, a third of yellow added to each",
        FirstConvolution::MeanRedBlue => "red + yellow / 2, green, blue + yellow / 2",
        FirstConvolution::Timm => "three quarters of: red + yellow, green, blue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_keeps_its_promise_in_both_families() {
        for architecture in [Architecture::ResNet18, Architecture::EfficientNetLite0] {
            let checks = check_surgery(architecture, None, Seed::new(1)).unwrap();
            assert_eq!(checks.len(), FirstConvolution::ALL.len());
            for check in &checks {
                assert!(check.holds, "{architecture}: {check:?}");
                assert_eq!(
                    check.difference.is_none(),
                    check.first_conv == FirstConvolution::Random
                );
            }
        }
    }

    #[test]
    fn a_wrong_promise_is_seen() {
        let old = three_channels(Architecture::ResNet18, None, Seed::new(1)).unwrap();
        let given = (old.tensors().unwrap(), FirstConvolution::ReuseFirst);
        let new = Network::pretrained(Architecture::ResNet18, LABELS, Seed::new(1), given).unwrap();
        // The old network is not shown the yellow that the new one sees through red's slice.
        let (four, three) = shown(FirstConvolution::Zero, &pictures(Seed::new(1)));
        let new = new.0.evaluator().unwrap().logits(four, SIZE).unwrap();
        let old = old.evaluator().unwrap().logits(three.unwrap(), SIZE).unwrap();
        assert!(difference(&new, &old) > 100.0 * TOLERANCE);
    }

    #[test]
    fn a_file_of_another_network_is_refused_with_a_list() {
        let old = three_channels(Architecture::EfficientNetLite0, None, Seed::new(1)).unwrap();
        let file = old.tensors().unwrap();
        let error = check_surgery(Architecture::ResNet18, Some(file), Seed::new(1)).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("unknown: conv_stem.weight"), "{said}");
        assert!(said.contains("missing: layer1.0.conv1.weight"), "{said}");
    }
}

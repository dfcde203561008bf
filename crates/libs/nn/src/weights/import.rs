//! Weights from a file into a network: everything is compared before anything is set.

use crate::network::layers::{Entry, Unit};
use crate::network::plan::Plan;
use crate::weights::surgery::FirstConvolution;
use hpa_artifacts::Weights;
use std::collections::BTreeMap;

/// Tensors that a file has and a network has not, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// In the file only.
    pub unknown: Vec<String>,
    /// In the network only.
    pub missing: Vec<String>,
    /// In both: name, shape in the file, shape in the network.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// In both and of the right shape, with values that no network works with: not finite, or a
    /// variance below 0.
    pub broken: Vec<String>,
}

impl Misfits {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { unknown, missing, misshapen, broken } = self;
        unknown.is_empty() && missing.is_empty() && misshapen.is_empty() && broken.is_empty()
    }
}

impl std::fmt::Display for Misfits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines = Vec::new();
        for name in &self.unknown {
            lines.push(format!("  unknown: {name}"));
        }
        for name in &self.missing {
            lines.push(format!("  missing: {name}"));
        }
        for (name, found, expected) in &self.misshapen {
            lines.push(format!("  misshapen: {name} is {found:?}, expected {expected:?}"));
        }
        for name in &self.broken {
            lines.push(format!(
                "  broken: {name} has values that are not finite, or negative variances"
            ));
        }
        f.write_str(&lines.join("\n"))
    }
}

/// What an import changed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The first convolution had three channels.
    pub widened_first_convolution: bool,
    /// The classifier was made for other labels, or was not there, and starts anew.
    pub replaced_classifier: bool,
}

/// `PyTorch` counts the batches of each norm; nothing depends on the count.
const IGNORED: &str = ".num_batches_tracked";

/// Which tensors of a file do not fit entry by entry.
pub(crate) fn misfits(entries: &[Entry], file: &BTreeMap<String, Weights>) -> Misfits {
    let known: BTreeMap<&str, &Entry> = entries.iter().map(|e| (e.name.as_str(), e)).collect();
    let mut misfits = Misfits::default();
    for name in file.keys().filter(|name| !name.ends_with(IGNORED)) {
        if !known.contains_key(name.as_str()) {
            misfits.unknown.push(name.clone());
        }
    }
    for (name, entry) in known {
        match file.get(name) {
            None => misfits.missing.push(name.to_owned()),
            Some(found) if found.shape != entry.shape => {
                misfits.misshapen.push((name.to_owned(), found.shape.clone(), entry.shape.clone()));
            }
            Some(found) if is_broken(name, found) => misfits.broken.push(name.to_owned()),
            Some(_) => {}
        }
    }
    misfits
}

fn is_broken(name: &str, weights: &Weights) -> bool {
    let is_variance = name.ends_with(".running_var");
    weights.values.iter().any(|value| !value.is_finite() || (is_variance && *value < 0.0))
}

/// Fits a pretrained file to the network `plan` that starts as `start`; on success the result has
/// exactly the network's tensors.
pub(crate) fn adapt(
    plan: &Plan,
    start: &BTreeMap<String, Weights>,
    file: BTreeMap<String, Weights>,
    way: FirstConvolution,
) -> Result<(BTreeMap<String, Weights>, Imported), Misfits> {
    let mut file = renamed(plan, file);
    let widened_first_convolution = widen(plan.stem(), start, &mut file, way);
    let replaced_classifier = replace_classifier(plan, start, &mut file);
    let misfits = misfits(&plan.entries(), &file);
    if !misfits.is_empty() {
        return Err(misfits);
    }
    file.retain(|name, _| start.contains_key(name));
    Ok((file, Imported { widened_first_convolution, replaced_classifier }))
}

/// The file's tensors under the network's names, where it uses others.
pub(crate) fn renamed(plan: &Plan, file: BTreeMap<String, Weights>) -> BTreeMap<String, Weights> {
    file.into_iter()
        .map(|(name, weights)| (plan.own_name(&name).unwrap_or(name), weights))
        .collect()
}

/// Replaces a first convolution of three channels, if it is one, by one of four.
fn widen(
    stem: &Unit,
    start: &BTreeMap<String, Weights>,
    file: &mut BTreeMap<String, Weights>,
    way: FirstConvolution,
) -> bool {
    let name = format!("{}.weight", stem.convolution);
    match file.get_mut(&name) {
        Some(found) if found.shape == [stem.outputs, 3, stem.kernel, stem.kernel] => {
            *found = way.four_channels(found, &start[&name]);
            true
        }
        _ => false,
    }
}

/// Replaces a classifier for another number of labels, or an absent one. One that is made for
/// other *features* stays, to be listed as misshapen.
fn replace_classifier(
    plan: &Plan,
    start: &BTreeMap<String, Weights>,
    file: &mut BTreeMap<String, Weights>,
) -> bool {
    let layer = plan.classifier();
    let (weight, bias) = (format!("{}.weight", layer.name), format!("{}.bias", layer.name));
    let fits = match (file.get(&weight), file.get(&bias)) {
        (None, None) => false,
        (Some(found), Some(_)) => match found.shape[..] {
            [labels, features] => labels == layer.labels || features != layer.features,
            _ => true,
        },
        _ => true,
    };
    if !fits {
        for name in [weight, bias] {
            file.insert(name.clone(), start[&name].clone());
        }
    }
    !fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use crate::network::initial::initial;
    use hpa_core::Seed;

    fn tensors(plan: &Plan, seed: u64) -> BTreeMap<String, Weights> {
        let entries = plan.entries().into_iter();
        entries.map(|e| (e.name.clone(), initial(&e, Seed::new(seed)))).collect()
    }

    /// A torchvision file: three channels, 1000 labels, batch counters.
    fn photographs() -> BTreeMap<String, Weights> {
        let mut file = tensors(&Plan::new(Architecture::ResNet18, 1000, 4), 2);
        let three = Weights { shape: vec![64, 3, 7, 7], values: vec![0.5; 64 * 3 * 49] };
        file.insert("conv1.weight".into(), three);
        file.insert("bn1.num_batches_tracked".into(), Weights { shape: vec![], values: vec![1.0] });
        file
    }

    #[test]
    fn a_torchvision_file_is_widened_and_gets_a_new_classifier() {
        let plan = Plan::new(Architecture::ResNet18, 28, 4);
        let start = tensors(&plan, 1);
        let (adapted, done) = adapt(&plan, &start, photographs(), FirstConvolution::Zero).unwrap();
        assert_eq!(done, Imported { widened_first_convolution: true, replaced_classifier: true });
        assert!(adapted.keys().eq(start.keys()));
        assert_eq!(adapted["fc.weight"].values, start["fc.weight"].values);
        assert_eq!(
            adapted["layer1.0.conv1.weight"].values,
            photographs()["layer1.0.conv1.weight"].values
        );
    }

    #[test]
    fn every_tensor_that_does_not_fit_is_listed() {
        let plan = Plan::new(Architecture::ResNet18, 28, 4);
        let start = tensors(&plan, 1);
        let mut file = photographs();
        file.remove("bn1.weight");
        file.insert("head.weight".into(), Weights { shape: vec![1], values: vec![0.0] });
        file.insert("layer1.0.bn1.bias".into(), Weights { shape: vec![2], values: vec![0.0; 2] });
        file.get_mut("layer1.0.bn1.running_var").unwrap().values[3] = -1.0;
        file.get_mut("layer2.0.conv1.weight").unwrap().values[7] = f32::NAN;
        let misfits = adapt(&plan, &start, file, FirstConvolution::Zero).unwrap_err();
        assert_eq!(
            misfits.to_string(),
            "  unknown: head.weight\n  missing: bn1.weight\n  misshapen: layer1.0.bn1.bias is [2], expected [64]\n  \
             broken: layer1.0.bn1.running_var has values that are not finite, or negative variances\n  \
             broken: layer2.0.conv1.weight has values that are not finite, or negative variances"
        );
    }

    #[test]
    fn a_file_without_classifier_gets_one_and_one_for_these_labels_is_kept() {
        let plan = Plan::new(Architecture::ResNet18, 28, 4);
        let start = tensors(&plan, 1);
        let mut headless = tensors(&plan, 2);
        headless.retain(|name, _| !name.starts_with("fc."));
        let way = FirstConvolution::ReuseFirst;
        assert!(adapt(&plan, &start, headless, way).unwrap().1.replaced_classifier);
        let (kept, done) = adapt(&plan, &start, tensors(&plan, 2), way).unwrap();
        assert_eq!(done, Imported { widened_first_convolution: false, replaced_classifier: false });
        assert_eq!(kept["fc.bias"].values, tensors(&plan, 2)["fc.bias"].values);
    }
}

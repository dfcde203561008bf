//! Training and validation samples, joined from folds, labels and images.

use anyhow::bail;
use hpa_artifacts::{Folds, ImageStore, Labels, Loaded};
use hpa_core::{Fold, LabelSet, SampleId};
use hpa_nn::Sample;
use std::collections::BTreeMap;

/// The samples of the folds file.
pub(crate) struct Samples {
    pub(crate) train: Vec<Sample>,
    pub(crate) valid: Vec<Sample>,
}

/// Largest number of samples in an error message.
const MAX_LISTED: usize = 20;

/// Finds labels and pixels of every sample of the folds file.
pub(crate) fn join(
    folds: &Loaded<Folds>,
    labels: &Loaded<Labels>,
    store: &ImageStore,
    held_out: Fold,
) -> anyhow::Result<Samples> {
    let known: BTreeMap<&SampleId, &LabelSet> =
        labels.rows.iter().map(|row| (&row.id, &row.labels)).collect();
    let mut samples = Samples { train: Vec::new(), valid: Vec::new() };
    let (mut unlabelled, mut without_image) = (Vec::new(), Vec::new());
    for row in &folds.rows {
        match (known.get(&row.id), store.position(&row.id)) {
            (Some(&labels), Some(index)) => {
                let sample = Sample { id: row.id.clone(), row: index, labels: labels.clone() };
                let part =
                    if row.fold == held_out { &mut samples.valid } else { &mut samples.train };
                part.push(sample);
            }
            (None, _) => unlabelled.push(&row.id),
            (Some(_), None) => without_image.push(&row.id),
        }
    }
    let folds = folds.origin.path.display();
    refuse(&unlabelled, &format!("of {folds} have no labels in {}", labels.origin.path.display()))?;
    refuse(&without_image, &format!("of {folds} have no image in the shards"))?;
    if samples.valid.is_empty() {
        bail!("fold {held_out} of {folds} is empty: there are no validation samples");
    }
    Ok(samples)
}

fn refuse(ids: &[&SampleId], what: &str) -> anyhow::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let list: Vec<&str> = ids.iter().take(MAX_LISTED).map(|id| id.as_str()).collect();
    let more = if ids.len() > MAX_LISTED { ", …" } else { "" };
    bail!(
        "{} samples {what}: {}{more}\n  help: split again with these images and labels (`make split`)",
        ids.len(),
        list.join(", ")
    )
}

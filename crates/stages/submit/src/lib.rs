//! Submissions in the competition's form: `Id,Predicted`, in the order of the template.

use hpa_artifacts::{MissingIds, Predictions, Thresholds, apply_thresholds};
use hpa_core::{LabelSet, SampleId};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// A submission and the counts that its messages need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The content of the CSV file.
    pub csv: String,
    /// Samples without a predicted label.
    pub empty: usize,
    /// Excluded samples of the template: their predictions are left empty.
    pub excluded: usize,
    /// Predictions of samples that are not in the template.
    pub surplus: usize,
}

/// Applies the thresholds to every sample of the template.
///
/// # Errors
/// When a sample of the template has no prediction and is not excluded, or the thresholds
/// belong to other labels or folds.
///
/// # Panics
/// Never: writing to a `String` cannot fail.
pub fn submission(
    predictions: &Predictions,
    thresholds: &Thresholds,
    template: &[SampleId],
    excluded: &[SampleId],
) -> anyhow::Result<Submission> {
    let predicted = apply_thresholds(predictions, thresholds)?;
    let n_labels = predictions.names.count();
    let row_of: HashMap<&SampleId, usize> = predictions.ids.iter().zip(0..).collect();
    let is_excluded: HashSet<&SampleId> = excluded.iter().collect();
    let absent = || template.iter().filter(|id| !row_of.contains_key(id));
    if let Some(missing) = MissingIds::collect(absent().filter(|id| !is_excluded.contains(id))) {
        anyhow::bail!(
            "{} template samples have no prediction: {missing}\n  \
             help: predict them too, or list them in a file for --exclude",
            missing.count
        );
    }
    let mut csv = "Id,Predicted\n".to_owned();
    let mut empty = 0;
    for id in template {
        let labels = row_of.get(id).map_or_else(LabelSet::default, |&row| {
            let row = predictions.names.labels().zip(&predicted[row * n_labels..]);
            row.filter(|(_, predicted)| **predicted).map(|(label, _)| label).collect()
        });
        empty += usize::from(labels.as_slice().is_empty());
        writeln!(csv, "{id},{labels}").expect("into memory");
    }
    let excluded = absent().count();
    let surplus = predictions.ids.len() + excluded - template.len();
    Ok(Submission { csv, empty, excluded, surplus })
}

//! Submissions in the competition's form: `Id,Predicted`, in the order of the template.

use hpa_artifacts::{MissingIds, Predictions, ThresholdMismatch, Thresholds, apply_thresholds};
use hpa_core::{LabelSet, SampleId};
use std::collections::{HashMap, HashSet};

/// A submission and the counts of samples that need a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// One row per sample of the template.
    pub rows: Vec<SubmissionRow>,
    /// Excluded samples of the template: their predictions are left empty.
    pub excluded: usize,
    /// Predictions of samples that are not in the template.
    pub surplus: usize,
}

/// One line of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionRow {
    /// The sample.
    pub id: SampleId,
    /// The predicted labels, perhaps none.
    pub labels: LabelSet,
}

/// Why a submission cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionError {
    /// The thresholds belong to other labels or folds.
    #[error(transparent)]
    Thresholds(#[from] ThresholdMismatch),
    /// Samples of the template without a prediction.
    #[error(
        "{} template samples have no prediction: {_0}\n  help: predict them too, or list them in a file for --exclude",
        .0.count
    )]
    Unpredicted(MissingIds),
}

/// Applies the thresholds to every sample of the template.
///
/// # Errors
/// When a sample of the template has no prediction and is not excluded, or the thresholds
/// belong to other labels or folds.
pub fn submission(
    predictions: &Predictions,
    thresholds: &Thresholds,
    template: &[SampleId],
    excluded: &[SampleId],
) -> Result<Submission, SubmissionError> {
    let predicted = apply_thresholds(predictions, thresholds)?;
    let n_labels = predictions.names.count();
    let row_of: HashMap<&SampleId, usize> = predictions.ids.iter().zip(0..).collect();
    let is_excluded: HashSet<&SampleId> = excluded.iter().collect();
    let absent = || template.iter().filter(|id| !row_of.contains_key(id));
    if let Some(missing) = MissingIds::collect(absent().filter(|id| !is_excluded.contains(id))) {
        return Err(SubmissionError::Unpredicted(missing));
    }
    let row = |id: &SampleId| {
        let labels = row_of.get(id).map_or_else(LabelSet::default, |&row| {
            let row = predictions.names.labels().zip(&predicted[row * n_labels..]);
            row.filter(|(_, predicted)| **predicted).map(|(label, _)| label).collect()
        });
        SubmissionRow { id: id.clone(), labels }
    };
    let excluded = absent().count();
    let surplus = predictions.ids.len() + excluded - template.len();
    Ok(Submission { rows: template.iter().map(row).collect(), excluded, surplus })
}

impl Submission {
    /// The content of the CSV file.
    #[must_use]
    pub fn csv(&self) -> String {
        let rows = self.rows.iter().map(|row| format!("{},{}\n", row.id, row.labels));
        std::iter::once("Id,Predicted\n".to_owned()).chain(rows).collect()
    }

    /// How many samples have no predicted label.
    #[must_use]
    pub fn n_empty(&self) -> usize {
        self.rows.iter().filter(|row| row.labels.as_slice().is_empty()).count()
    }
}

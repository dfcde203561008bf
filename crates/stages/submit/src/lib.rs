//! Submissions in the competition's form: `Id,Predicted`, in the order of the template.

use hpa_artifacts::{Predictions, ThresholdMismatch, Thresholds};
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
        "{count} template samples have no prediction: {first}\n  help: predict them too, or list them in a file for --exclude"
    )]
    Unpredicted {
        /// How many.
        count: usize,
        /// The first twenty.
        first: String,
    },
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
    let predicted = hpa_artifacts::apply_thresholds(predictions, thresholds)?;
    let n_labels = predictions.names.count();
    let row_of: HashMap<&SampleId, usize> = predictions.ids.iter().zip(0..).collect();
    let excluded: HashSet<&SampleId> = excluded.iter().collect();
    let mut missing: Vec<&str> = Vec::new();
    let mut rows = Vec::with_capacity(template.len());
    let mut n_excluded = 0;
    for id in template {
        let labels = match row_of.get(id) {
            Some(&row) => {
                let row = &predicted[row * n_labels..][..n_labels];
                let labels = predictions.names.labels().zip(row);
                labels.filter(|(_, predicted)| **predicted).map(|(label, _)| label).collect()
            }
            None if excluded.contains(id) => {
                n_excluded += 1;
                LabelSet::default()
            }
            None => {
                missing.push(id.as_str());
                continue;
            }
        };
        rows.push(SubmissionRow { id: id.clone(), labels });
    }
    if !missing.is_empty() {
        let count = missing.len();
        let rest = if count > 20 { ", …" } else { "" };
        let first = missing[..count.min(20)].join(", ") + rest;
        return Err(SubmissionError::Unpredicted { count, first });
    }
    let surplus = predictions.ids.len() + n_excluded - template.len();
    Ok(Submission { rows, excluded: n_excluded, surplus })
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

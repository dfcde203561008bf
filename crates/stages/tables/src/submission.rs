//! A submission in the competition's form: `Id,Predicted`, in the order of the template.

use crate::TableError;
use hpa_artifacts::{Predictions, Thresholds};
use hpa_core::{LabelSet, SampleId};
use std::collections::{HashMap, HashSet};

/// A submission and what was noticed while making it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// One row a sample of the template.
    pub rows: Vec<(SampleId, LabelSet)>,
    /// Samples of the template that were skipped: nothing is predicted for them.
    pub skipped: usize,
    /// Predictions that the template does not ask for.
    pub surplus: usize,
}

/// Decides on every sample of the template.
///
/// # Errors
/// When a sample of the template has no prediction and is not skipped, or the thresholds
/// belong to other labels or folds.
pub fn submission(
    predictions: &Predictions,
    thresholds: &Thresholds,
    template: &[SampleId],
    skipped: &[SampleId],
) -> Result<Submission, TableError> {
    let decided =
        predictions.decide(thresholds).map_err(|error| TableError::Mismatch(error.to_string()))?;
    let places: HashMap<&SampleId, usize> = predictions.ids.iter().zip(0..).collect();
    let excused: HashSet<&SampleId> = skipped.iter().collect();
    let absent = template.iter().filter(|id| !places.contains_key(id));
    let missing: Vec<&str> =
        absent.clone().filter(|id| !excused.contains(id)).map(SampleId::as_str).collect();
    if !missing.is_empty() {
        let mend = "predict them too, or hand the list of skipped samples to --skipped";
        return Err(TableError::unpredicted(&missing, "template", mend));
    }
    let skipped = absent.count();
    let width = predictions.names.count();
    let labels = |row: usize| -> LabelSet {
        let pairs = predictions.names.labels().zip(&decided[row * width..][..width]);
        pairs.filter(|(_, decided)| **decided).map(|(label, _)| label).collect()
    };
    let row =
        |id: &SampleId| (id.clone(), places.get(id).map_or_else(LabelSet::default, |&r| labels(r)));
    let surplus = predictions.ids.len() + skipped - template.len();
    Ok(Submission { rows: template.iter().map(row).collect(), skipped, surplus })
}

impl Submission {
    /// The file's text.
    #[must_use]
    pub fn csv(&self) -> String {
        let rows = self.rows.iter().map(|(id, labels)| format!("{id},{labels}\n"));
        std::iter::once("Id,Predicted\n".to_owned()).chain(rows).collect()
    }

    /// Samples for which nothing is predicted.
    #[must_use]
    pub fn empty(&self) -> usize {
        self.rows.iter().filter(|(_, labels)| labels.as_slice().is_empty()).count()
    }
}

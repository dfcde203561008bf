//! Brings labels and predictions of the same samples side by side.

use crate::ThresholdError;
use hpa_artifacts::{ArtifactError, Folds, Labels, Origin, Predictions};
use hpa_core::{Fold, FoldCount, SampleId};
use std::collections::HashMap;

/// How many ids an error lists.
const LISTED: usize = 20;

/// Scores and truth of the labelled samples, in the order of the labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// Row-major `[samples][labels]`.
    pub scores: Vec<f32>,
    /// Row-major `[samples][labels]`.
    pub truth: Vec<bool>,
    /// How many labels there are.
    pub n_labels: usize,
    /// The fold that held each sample out, where the predictions say so.
    pub folds: Option<(FoldCount, Vec<Fold>)>,
    /// Predictions of samples that have no labels.
    pub left_out: usize,
}

impl Aligned {
    /// How many samples there are.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.truth.len() / self.n_labels
    }
}

/// The samples of `labels` with their predictions; predictions of others are left out.
///
/// # Errors
/// When a labelled sample has no prediction, the labels are called otherwise, or there
/// is none.
pub fn align(labels: &Labels, predictions: Predictions) -> Result<Aligned, ThresholdError> {
    check_names(labels, &predictions)?;
    if labels.rows.is_empty() {
        return Err(ThresholdError::Empty);
    }
    let n_labels = labels.names.count();
    let (rows, truth) =
        rayon::join(|| rows_of(labels, &predictions.ids), || truth(labels, n_labels));
    let rows = rows.map_err(|missing| unpredicted(&missing))?;
    let Predictions { ids, folds, probabilities, .. } = predictions;
    let left_out = ids.len() - labels.rows.len();
    let Some(rows) = rows else {
        let folds = folds.map(|column| (column.count, column.folds));
        return Ok(Aligned { scores: probabilities, truth, n_labels, folds, left_out });
    };
    let folds =
        folds.map(|column| (column.count, rows.iter().map(|&row| column.folds[row]).collect()));
    let row = |&row: &usize| &probabilities[row * n_labels..][..n_labels];
    let scores = rows.iter().flat_map(row).copied().collect();
    Ok(Aligned { scores, truth, n_labels, folds, left_out })
}

/// Row-major `[samples][labels]`.
fn truth(labels: &Labels, n_labels: usize) -> Vec<bool> {
    let mut truth = vec![false; labels.rows.len() * n_labels];
    for (labels, truth) in labels.rows.iter().zip(truth.chunks_mut(n_labels)) {
        for label in labels.labels.as_slice() {
            truth[label.index()] = true;
        }
    }
    truth
}

/// The group of duplicates of each labelled sample; `held_out` is the fold of each in the predictions.
///
/// # Errors
/// When a labelled sample is not in the folds file, or in another fold than the predictions say.
pub fn groups(
    labels: &Labels,
    folds: &Folds,
    held_out: Option<&[Fold]>,
) -> Result<Vec<u32>, ThresholdError> {
    let ids: Vec<SampleId> = folds.rows.iter().map(|row| row.id.clone()).collect();
    let rows = rows_of(labels, &ids).map_err(|missing| ThresholdError::Ungrouped {
        count: missing.len(),
        first: first(&missing),
    })?;
    let rows = rows.unwrap_or_else(|| (0..ids.len()).collect());
    check_held_out(labels, folds, &rows, held_out.unwrap_or_default())?;
    Ok(rows.into_iter().map(|row| folds.rows[row].group).collect())
}

/// Refuses a folds file whose folds are not those that the predictions were held out in.
fn check_held_out(
    labels: &Labels,
    folds: &Folds,
    rows: &[usize],
    held_out: &[Fold],
) -> Result<(), ThresholdError> {
    let pairs = held_out.iter().zip(rows).map(|(&ours, &row)| (ours, folds.rows[row].fold));
    let differs = |(ours, theirs): &(Fold, Fold)| ours.get() != theirs.get();
    let count = pairs.clone().filter(differs).count();
    match labels.rows.iter().zip(pairs).find(|(_, pair)| differs(pair)) {
        None => Ok(()),
        Some((row, (ours, theirs))) => Err(ThresholdError::OtherFolds {
            count,
            id: row.id.clone(),
            ours: ours.get(),
            theirs: theirs.get(),
        }),
    }
}

/// Refuses predictions that were made with another folds file than this one.
///
/// # Errors
/// When the predictions record another.
pub fn check_folds(predictions: &Origin, folds: &Origin) -> Result<(), ArtifactError> {
    match predictions.ancestor("folds") {
        Some(recorded) if recorded != folds.digest => Err(ArtifactError::OtherRun {
            path: predictions.path.clone(),
            reason: format!(
                "it was made with other folds than {} ({recorded:.12} instead of {:.12})",
                folds.path.display(),
                folds.digest
            ),
        }),
        _ => Ok(()),
    }
}

fn check_names(labels: &Labels, predictions: &Predictions) -> Result<(), ThresholdError> {
    let (ours, theirs) = (labels.names.as_slice(), predictions.names.as_slice());
    let name = |names: &[String], label: usize| names.get(label).cloned();
    match (0..ours.len().max(theirs.len())).find(|&label| ours.get(label) != theirs.get(label)) {
        Some(label) => Err(ThresholdError::Names {
            label,
            ours: name(ours, label),
            theirs: name(theirs, label),
        }),
        None => Ok(()),
    }
}

/// The place of each labelled sample among `ids`, nothing where `ids` are those samples in their
/// order, or the labelled samples that are not there.
fn rows_of<'a>(
    labels: &'a Labels,
    ids: &[SampleId],
) -> Result<Option<Vec<usize>>, Vec<&'a SampleId>> {
    let labelled = || labels.rows.iter().map(|row| &row.id);
    // The usual case: both files have the same order.
    if labelled().eq(ids) {
        return Ok(None);
    }
    let places: HashMap<&SampleId, usize> =
        ids.iter().enumerate().map(|(row, id)| (id, row)).collect();
    let missing: Vec<&SampleId> = labelled().filter(|&id| !places.contains_key(id)).collect();
    if missing.is_empty() {
        Ok(Some(labelled().map(|id| places[id]).collect()))
    } else {
        Err(missing)
    }
}

fn unpredicted(missing: &[&SampleId]) -> ThresholdError {
    ThresholdError::Unpredicted { count: missing.len(), first: first(missing) }
}

fn first(ids: &[&SampleId]) -> String {
    let listed: Vec<&str> = ids.iter().take(LISTED).map(|id| id.as_str()).collect();
    let rest = if ids.len() > LISTED { ", …" } else { "" };
    format!("{}{rest}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_artifacts::{Digest, FoldRow, LabelRow, Provenance};
    use hpa_core::{LabelNames, LabelSet};

    fn labels(ids: &[&str]) -> Labels {
        let names = LabelNames::atlas();
        let row = |id: &&str| LabelRow {
            id: id.parse().unwrap(),
            labels: LabelSet::parse("0 3", &LabelNames::atlas()).unwrap(),
        };
        Labels { names, rows: ids.iter().map(row).collect() }
    }

    fn predictions(ids: &[&str]) -> Predictions {
        let value = |place: usize| f32::from(u8::try_from(place / 28).unwrap()) / 8.0;
        Predictions {
            names: LabelNames::atlas(),
            ids: ids.iter().map(|id| id.parse().unwrap()).collect(),
            folds: None,
            probabilities: (0..28 * ids.len()).map(value).collect(),
        }
    }

    #[test]
    fn rows_follow_the_labels_and_unlabelled_predictions_are_left_out() {
        let aligned = align(&labels(&["c", "a"]), predictions(&["a", "b", "c"])).unwrap();
        assert_eq!(aligned.left_out, 1);
        assert_eq!((aligned.scores[0], aligned.scores[28]), (0.25, 0.0));
        assert!(aligned.truth[0] && !aligned.truth[1] && aligned.truth[31]);
    }

    #[test]
    fn labelled_samples_without_a_prediction_are_listed_up_to_twenty() {
        let many: Vec<String> = (0..25).map(|number| format!("s{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = align(&labels(&many), predictions(&["s0"])).unwrap_err().to_string();
        assert!(error.starts_with("24 labelled samples have no prediction: s1, s2"), "{error}");
        assert!(error.contains("s20, …") && !error.contains("s21"), "{error}");
    }

    #[test]
    fn folds_of_another_run_are_refused() {
        let origin = |bytes: &[u8], provenance| Origin {
            path: "oof.parquet".into(),
            digest: Digest::of_bytes(bytes),
            provenance,
        };
        let ours = origin(b"folds", None);
        let lineage = Provenance::new(&()).with_ancestor("folds", ours.digest);
        let predictions = origin(b"predictions", Some(lineage));
        assert!(check_folds(&predictions, &ours).is_ok());
        let error = check_folds(&predictions, &origin(b"others", None)).unwrap_err().to_string();
        assert!(error.contains("made with other folds than oof.parquet"), "{error}");
        assert!(check_folds(&ours, &ours).is_ok(), "nothing is recorded of foreign predictions");
    }

    #[test]
    fn folds_that_are_not_those_of_the_predictions_are_refused() {
        let count = FoldCount::try_from(2).unwrap();
        let fold = |number: u64| count.fold(number).unwrap();
        let row = |(id, number): (&str, u64)| FoldRow {
            id: id.parse().unwrap(),
            fold: fold(number),
            group: 7,
        };
        let folds = Folds { count, rows: [("b", 1), ("a", 0), ("c", 0)].map(row).to_vec() };
        let labels = labels(&["a", "b", "c"]);
        let held_out = [0, 1, 0].map(fold);
        assert_eq!(groups(&labels, &folds, Some(&held_out)).unwrap(), [7, 7, 7]);
        assert!(groups(&labels, &folds, None).is_ok());
        let others = [0, 0, 1].map(fold);
        let error = groups(&labels, &folds, Some(&others)).unwrap_err().to_string();
        assert!(
            error.contains("2 labelled samples differ, the first is b, fold 0 in the predictions"),
            "{error}"
        );
    }

    #[test]
    fn other_label_names_are_refused() {
        let mut others = predictions(&["a"]);
        others.names = LabelNames::try_from(vec!["Nucleoplasm".to_owned()]).unwrap();
        let error = align(&labels(&["a"]), others).unwrap_err().to_string();
        assert!(
            error.contains("label 1 is \"Nuclear membrane\" in --labels and absent"),
            "{error}"
        );
    }
}

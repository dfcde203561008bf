//! Joins labels, predictions and folds by sample id.

use crate::{Folds, Labels, Predictions};
use hpa_core::{LabelNames, SampleId};
use std::collections::HashMap;
use std::fmt::Display;

/// How many ids an error lists.
const LISTED: usize = 20;

/// Samples of one file that another lacks; displays as the first 20 ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingIds {
    /// How many are missing.
    pub count: usize,
    /// The first 20.
    pub first: Vec<SampleId>,
}

impl MissingIds {
    /// The missing ids; nothing when there are none.
    pub fn collect<'a>(ids: impl IntoIterator<Item = &'a SampleId>) -> Option<Self> {
        let mut missing = Self { count: 0, first: Vec::new() };
        for id in ids {
            missing.count += 1;
            if missing.first.len() < LISTED {
                missing.first.push(id.clone());
            }
        }
        (missing.count > 0).then_some(missing)
    }
}

impl Display for MissingIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed: Vec<&str> = self.first.iter().map(SampleId::as_str).collect();
        let rest = if self.count > listed.len() { ", …" } else { "" };
        write!(f, "{}{rest}", listed.join(", "))
    }
}

/// The index among `ids` of each wanted sample.
///
/// # Errors
/// When some are not there.
pub fn row_indices<'a>(
    wanted: impl Iterator<Item = &'a SampleId> + Clone,
    ids: impl Iterator<Item = &'a SampleId> + Clone,
) -> Result<Vec<usize>, MissingIds> {
    // Files of one run have the same order.
    if wanted.clone().eq(ids.clone()) {
        return Ok((0..ids.count()).collect());
    }
    let rows: HashMap<&SampleId, usize> = ids.zip(0..).collect();
    let absent = wanted.clone().filter(|id| !rows.contains_key(id));
    match MissingIds::collect(absent) {
        Some(missing) => Err(missing),
        None => Ok(wanted.map(|id| rows[id]).collect()),
    }
}

/// The first label whose name differs between two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelNameMismatch {
    /// Its number.
    pub label: usize,
    /// Its name in the first file, in quotes, or `absent`.
    pub first: String,
    /// Its name in the second file, in quotes, or `absent`.
    pub second: String,
}

impl LabelNameMismatch {
    /// Compares the names of two files.
    ///
    /// # Errors
    /// When they differ.
    pub fn check(first: &LabelNames, second: &LabelNames) -> Result<(), Self> {
        let name = |names: &LabelNames, label: usize| match names.as_slice().get(label) {
            Some(name) => format!("{name:?}"),
            None => "absent".to_owned(),
        };
        let (ours, theirs) = (first.as_slice(), second.as_slice());
        let mut labels = 0..ours.len().max(theirs.len());
        match labels.find(|&label| ours.get(label) != theirs.get(label)) {
            None => Ok(()),
            Some(label) => {
                Err(Self { label, first: name(first, label), second: name(second, label) })
            }
        }
    }
}

/// Why files cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlignError {
    /// Labels and predictions have different label names.
    #[error(
        "the label names differ: label {} is {} in --labels and {} in --predictions",
        .0.label, .0.first, .0.second
    )]
    LabelNames(LabelNameMismatch),
    /// No sample is labelled.
    #[error("there is no labelled sample")]
    Empty,
    /// Labelled samples without a prediction.
    #[error(
        "{} labelled samples have no prediction: {_0}\n  help: predict them too, or take them out of the labels",
        .0.count
    )]
    Unpredicted(MissingIds),
    /// Labelled samples without a fold.
    #[error("{} labelled samples are not in the folds file: {_0}", .0.count)]
    NotInFolds(MissingIds),
    /// The predictions were held out in other folds than the folds file has.
    #[error(
        "the predictions were held out in other folds than --folds names: {count} labelled samples differ, the first is {id}, fold {predicted} in the predictions and {expected} in the folds file\n  help: give the folds file that the predictions were made with"
    )]
    OtherFolds {
        /// How many samples differ.
        count: usize,
        /// The first of them.
        id: SampleId,
        /// Its fold in the predictions.
        predicted: u8,
        /// Its fold in the folds file.
        expected: u8,
    },
}

/// The labelled samples in the order of the labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// Their predictions.
    pub predictions: Predictions,
    /// Whether each sample carries each label: row-major `[samples][labels]`.
    pub truth: Vec<bool>,
    /// The group of duplicates of each sample, when a folds file was given.
    pub groups: Option<Vec<u32>>,
    /// Number of predictions that were left out because their samples have no labels.
    pub left_out: usize,
}

impl Aligned {
    /// Number of samples.
    #[must_use]
    pub const fn n_samples(&self) -> usize {
        self.predictions.ids.len()
    }

    /// Number of labels.
    #[must_use]
    pub const fn n_labels(&self) -> usize {
        self.predictions.names.count()
    }
}

/// Joins labels, predictions and folds by sample id, in the order of the labels. Predictions of
/// other samples are left out.
///
/// # Errors
/// When the label names differ, there is no labelled sample, a labelled sample has no prediction or
/// no fold, or the predictions were held out in other folds.
pub fn align(
    labels: &Labels,
    predictions: Predictions,
    folds: Option<&Folds>,
) -> Result<Aligned, AlignError> {
    LabelNameMismatch::check(&labels.names, &predictions.names).map_err(AlignError::LabelNames)?;
    if labels.rows.is_empty() {
        return Err(AlignError::Empty);
    }
    let labelled = || labels.rows.iter().map(|row| &row.id);
    let rows = row_indices(labelled(), predictions.ids.iter()).map_err(AlignError::Unpredicted)?;
    let left_out = predictions.ids.len() - rows.len();
    let predictions = predictions.select(&rows);
    let groups = folds.map(|folds| groups(folds, &predictions)).transpose()?;
    Ok(Aligned { predictions, truth: labels.truth(), groups, left_out })
}

/// The group of duplicates of each predicted sample.
fn groups(folds: &Folds, predictions: &Predictions) -> Result<Vec<u32>, AlignError> {
    let rows = row_indices(predictions.ids.iter(), folds.rows.iter().map(|row| &row.id))
        .map_err(AlignError::NotInFolds)?;
    if let Some(column) = &predictions.folds {
        let pairs = rows.iter().zip(&column.folds).zip(&predictions.ids);
        let mut differing =
            pairs.filter(|((row, fold), _)| folds.rows[**row].fold.get() != fold.get());
        if let Some(((&row, predicted), id)) = differing.next() {
            return Err(AlignError::OtherFolds {
                count: 1 + differing.count(),
                id: id.clone(),
                predicted: predicted.get(),
                expected: folds.rows[row].fold.get(),
            });
        }
    }
    Ok(rows.into_iter().map(|row| folds.rows[row].group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FoldColumn, FoldRow, LabelRow};
    use hpa_core::{FoldCount, LabelSet};

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
        let aligned = align(&labels(&["c", "a"]), predictions(&["a", "b", "c"]), None).unwrap();
        assert_eq!((aligned.left_out, aligned.n_samples(), aligned.n_labels()), (1, 2, 28));
        let scores = &aligned.predictions.probabilities;
        assert_eq!((scores[0], scores[28]), (0.25, 0.0));
        assert!(aligned.truth[0] && !aligned.truth[1] && aligned.truth[31]);
    }

    #[test]
    fn labelled_samples_without_a_prediction_are_listed_up_to_twenty() {
        let many: Vec<String> = (0..25).map(|number| format!("s{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = align(&labels(&many), predictions(&["s0"]), None).unwrap_err().to_string();
        assert!(error.starts_with("24 labelled samples have no prediction: s1, s2"), "{error}");
        assert!(error.contains("s20, …") && !error.contains("s21"), "{error}");
    }

    #[test]
    fn folds_that_differ_from_those_of_the_predictions_are_refused() {
        let count = FoldCount::try_from(2).unwrap();
        let fold = |number: u64| count.fold(number).unwrap();
        let row = |(id, number): (&str, u64)| FoldRow {
            id: id.parse().unwrap(),
            fold: fold(number),
            group: 7,
        };
        let folds = Folds { count, rows: [("b", 1), ("a", 0), ("c", 0)].map(row).to_vec() };
        let labels = labels(&["a", "b", "c"]);
        let held_out = |numbers: [u64; 3]| {
            let folds = Some(FoldColumn { count, folds: numbers.map(fold).to_vec() });
            Predictions { folds, ..predictions(&["a", "b", "c"]) }
        };
        let groups = |predictions| align(&labels, predictions, Some(&folds)).map(|it| it.groups);
        assert_eq!(groups(held_out([0, 1, 0])).unwrap(), Some(vec![7, 7, 7]));
        assert!(groups(predictions(&["a", "b", "c"])).is_ok());
        let error = groups(held_out([0, 0, 1])).unwrap_err().to_string();
        assert!(
            error.contains("2 labelled samples differ, the first is b, fold 0 in the predictions"),
            "{error}"
        );
    }

    #[test]
    fn other_label_names_are_refused() {
        let mut others = predictions(&["a"]);
        others.names = LabelNames::try_from(vec!["Nucleoplasm".to_owned()]).unwrap();
        let error = align(&labels(&["a"]), others, None).unwrap_err().to_string();
        assert!(
            error.contains("label 1 is \"Nuclear membrane\" in --labels and absent"),
            "{error}"
        );
    }
}

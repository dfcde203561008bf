//! Which labels are predicted: probabilities against thresholds.
//!
//! A sample whose fold is known was held out by the model that predicted it, so it must be
//! decided by thresholds fitted without that fold too; any other sample by the thresholds
//! fitted on all. Nothing falls back from one to the other.

use crate::{Predictions, Thresholds};
use hpa_core::{Probability, Threshold};

/// Why thresholds cannot decide on predictions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// They do not speak of the same labels.
    #[error("label {label} is {predicted} in the predictions and {fitted} in the thresholds")]
    Names {
        /// The first that differs.
        label: usize,
        /// Its name in the predictions, in quotes, or `missing`.
        predicted: String,
        /// Its name in the thresholds, in quotes, or `missing`.
        fitted: String,
    },
    /// Out-of-fold predictions, but no thresholds fitted without a fold.
    #[error(
        "the predictions are out of fold, but the thresholds of label {0} were not fitted fold by fold\n  help: fit them on out-of-fold predictions with hpa-threshold"
    )]
    NoFolds(usize),
    /// Other folds.
    #[error("the predictions have {predicted} folds, the thresholds of label {label} {fitted}")]
    Folds {
        /// Which label.
        label: usize,
        /// In the predictions.
        predicted: usize,
        /// In the thresholds.
        fitted: usize,
    },
}

impl Predictions {
    /// Whether each label of each sample is predicted: row-major `[samples][labels]`.
    ///
    /// # Errors
    /// When the thresholds belong to other labels or other folds.
    ///
    /// # Panics
    /// When a probability is not in [0, 1]; those of a file always are.
    pub fn decide(&self, thresholds: &Thresholds) -> Result<Vec<bool>, DecideError> {
        check_names(self, thresholds)?;
        let n_folds = self.folds.as_ref().map(|column| usize::from(column.count.get()));
        let columns = match n_folds {
            None => vec![thresholds.rows.iter().map(|row| row.threshold).collect()],
            Some(n_folds) => by_fold(thresholds, n_folds)?,
        };
        let mut decided = Vec::with_capacity(self.probabilities.len());
        for sample in 0..self.ids.len() {
            let fold = self.folds.as_ref().map_or(0, |column| column.folds[sample].index());
            for (&probability, threshold) in self.row(sample).iter().zip(&columns[fold]) {
                let probability = Probability::try_from(probability).expect("checked on reading");
                decided.push(threshold.accepts(probability));
            }
        }
        Ok(decided)
    }
}

fn check_names(predictions: &Predictions, thresholds: &Thresholds) -> Result<(), DecideError> {
    let (ours, theirs) = (predictions.names.as_slice(), thresholds.names.as_slice());
    let labels = 0..ours.len().max(theirs.len());
    match labels.into_iter().find(|&label| ours.get(label) != theirs.get(label)) {
        None => Ok(()),
        Some(label) => {
            let name = |names: &[String]| {
                names.get(label).map_or_else(|| "missing".to_owned(), |name| format!("{name:?}"))
            };
            let (predicted, fitted) = (name(ours), name(theirs));
            Err(DecideError::Names { label, predicted, fitted })
        }
    }
}

/// The thresholds of each fold: `[folds][labels]`.
fn by_fold(thresholds: &Thresholds, n_folds: usize) -> Result<Vec<Vec<Threshold>>, DecideError> {
    let mut columns = vec![Vec::with_capacity(thresholds.rows.len()); n_folds];
    for (label, row) in thresholds.rows.iter().enumerate() {
        let fitted = row.fold_threshold.as_ref().ok_or(DecideError::NoFolds(label))?;
        if fitted.len() != n_folds {
            let fitted = fitted.len();
            return Err(DecideError::Folds { label, predicted: n_folds, fitted });
        }
        for (column, &threshold) in columns.iter_mut().zip(fitted) {
            column.push(threshold);
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FoldColumn, ThresholdRow};
    use hpa_core::{FoldCount, LabelNames};

    fn names() -> LabelNames {
        LabelNames::try_from(vec!["a".to_owned(), "b".to_owned()]).unwrap()
    }

    fn predictions(folds: Option<&[u64]>) -> Predictions {
        let count = FoldCount::try_from(2).unwrap();
        let fold = |&number: &u64| count.fold(number).unwrap();
        Predictions {
            names: names(),
            ids: ["x", "y"].map(|id| id.parse().unwrap()).to_vec(),
            folds: folds.map(|folds| FoldColumn { count, folds: folds.iter().map(fold).collect() }),
            probabilities: vec![0.5, 0.9, 0.5, 0.9],
        }
    }

    fn thresholds(folds: Option<[f64; 2]>) -> Thresholds {
        let threshold = |value: f64| Threshold::try_from(value).unwrap();
        let row = ThresholdRow {
            threshold: threshold(0.5),
            fold_threshold: folds.map(|folds| folds.map(threshold).to_vec()),
            support: 1,
            f1_fitted: 0.0,
            f1_held_out: None,
        };
        let (method, metric) = ("exact".to_owned(), "macro-f1".to_owned());
        Thresholds { names: names(), method, metric, rows: vec![row.clone(), row] }
    }

    #[test]
    fn a_sample_with_a_fold_is_decided_without_that_fold() {
        let decided = predictions(None).decide(&thresholds(Some([0.4, 0.95]))).unwrap();
        assert_eq!(decided, [false, true, false, true]);
        let decided = predictions(Some(&[0, 1])).decide(&thresholds(Some([0.4, 0.95]))).unwrap();
        assert_eq!(decided, [true, true, false, false]);
    }

    #[test]
    fn thresholds_of_other_labels_or_folds_do_not_decide() {
        let error = predictions(Some(&[0, 1])).decide(&thresholds(None)).unwrap_err();
        assert_eq!(error, DecideError::NoFolds(0));
        let mut others = thresholds(Some([0.4, 0.95]));
        others.rows[1].fold_threshold = Some(vec![]);
        let error = predictions(Some(&[0, 1])).decide(&others).unwrap_err().to_string();
        assert_eq!(error, "the predictions have 2 folds, the thresholds of label 1 0");
        others.names = LabelNames::atlas();
        let error = predictions(None).decide(&others).unwrap_err().to_string();
        assert!(error.contains("label 0") && error.contains("Nucleoplasm"), "{error}");
    }
}

//! Decisions: whether each probability is above its threshold.
//!
//! A sample with a fold was predicted by a model that did not train on it, so its decision also
//! takes the thresholds that were fitted without that fold; a sample without a fold takes those
//! fitted on all samples. There is no fallback from one to the other.

use crate::{LabelNameMismatch, Predictions, Thresholds};

/// Why thresholds cannot be applied to predictions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdMismatch {
    /// Predictions and thresholds have different label names.
    #[error("label {} is {} in the predictions and {} in the thresholds", .0.label, .0.first, .0.second)]
    LabelNames(LabelNameMismatch),
    /// The predictions are out of fold, and the thresholds were not fitted fold by fold.
    #[error(
        "the predictions are out of fold, but the thresholds of label {0} were not fitted fold by fold\n  help: fit them on out-of-fold predictions with hpa-threshold"
    )]
    NoFolds(usize),
    /// The numbers of folds differ.
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

impl Thresholds {
    /// The thresholds fitted on all samples, one a label.
    #[must_use]
    pub fn fitted(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.threshold.get()).collect()
    }

    /// The thresholds fitted without each fold: `[folds][labels]`.
    ///
    /// # Errors
    /// When they were not fitted fold by fold, or on another number of folds.
    pub fn by_fold(&self, n_folds: usize) -> Result<Vec<Vec<f64>>, ThresholdMismatch> {
        let mut by_fold = vec![Vec::with_capacity(self.rows.len()); n_folds];
        for (label, row) in self.rows.iter().enumerate() {
            let fitted = row.fold_threshold.as_ref().ok_or(ThresholdMismatch::NoFolds(label))?;
            if fitted.len() != n_folds {
                let fitted = fitted.len();
                return Err(ThresholdMismatch::Folds { label, predicted: n_folds, fitted });
            }
            for (thresholds, threshold) in by_fold.iter_mut().zip(fitted) {
                thresholds.push(threshold.get());
            }
        }
        Ok(by_fold)
    }
}

/// Whether each label of each sample is predicted: row-major `[samples][labels]`.
///
/// # Errors
/// When the thresholds belong to other labels or other folds.
pub fn apply_thresholds(
    predictions: &Predictions,
    thresholds: &Thresholds,
) -> Result<Vec<bool>, ThresholdMismatch> {
    LabelNameMismatch::check(&predictions.names, &thresholds.names)
        .map_err(ThresholdMismatch::LabelNames)?;
    let (probabilities, n_labels) = (&predictions.probabilities, predictions.names.count());
    let Some(column) = &predictions.folds else {
        let fitted = thresholds.fitted();
        return Ok(above_thresholds(probabilities, n_labels, |_| &fitted));
    };
    let by_fold = thresholds.by_fold(usize::from(column.count.get()))?;
    let of_sample = |sample: usize| by_fold[column.folds[sample].index()].as_slice();
    Ok(above_thresholds(probabilities, n_labels, of_sample))
}

/// Whether each probability is strictly above its threshold, for row-major `[samples][labels]`;
/// `of_sample` returns a sample's thresholds, one a label.
pub fn above_thresholds<'a>(
    probabilities: &[f32],
    n_labels: usize,
    of_sample: impl Fn(usize) -> &'a [f64],
) -> Vec<bool> {
    let mut above = Vec::with_capacity(probabilities.len());
    for (sample, row) in probabilities.chunks_exact(n_labels).enumerate() {
        let pairs = row.iter().zip(of_sample(sample));
        above.extend(pairs.map(|(&probability, &threshold)| f64::from(probability) > threshold));
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FoldColumn, ThresholdRow};
    use hpa_core::{FoldCount, LabelNames, Threshold};

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
    fn a_sample_with_a_fold_takes_the_thresholds_fitted_without_it() {
        let above = apply_thresholds(&predictions(None), &thresholds(Some([0.4, 0.95]))).unwrap();
        assert_eq!(above, [false, true, false, true]);
        let above =
            apply_thresholds(&predictions(Some(&[0, 1])), &thresholds(Some([0.4, 0.95]))).unwrap();
        assert_eq!(above, [true, true, false, false]);
    }

    #[test]
    fn thresholds_of_other_labels_or_folds_are_refused() {
        let error = apply_thresholds(&predictions(Some(&[0, 1])), &thresholds(None)).unwrap_err();
        assert_eq!(error, ThresholdMismatch::NoFolds(0));
        let mut others = thresholds(Some([0.4, 0.95]));
        others.rows[1].fold_threshold = Some(vec![]);
        let error = apply_thresholds(&predictions(Some(&[0, 1])), &others).unwrap_err().to_string();
        assert_eq!(error, "the predictions have 2 folds, the thresholds of label 1 0");
        others.names = LabelNames::atlas();
        let error = apply_thresholds(&predictions(None), &others).unwrap_err().to_string();
        assert!(error.contains("label 0") && error.contains("Nucleoplasm"), "{error}");
    }
}

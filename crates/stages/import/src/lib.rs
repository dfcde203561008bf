//! Probabilities of other programs, checked and converted to predictions.

pub mod npy;

use anyhow::Context;
use hpa_artifacts::{ErrorList, FoldColumn, Predictions};
use hpa_core::{FoldCount, FoldError, LabelNames, Probability, SampleId};
use std::path::Path;

/// Probabilities as read from a file, before any check.
#[derive(Clone, Debug, PartialEq)]
pub struct RawPredictions {
    /// The samples.
    pub ids: Vec<SampleId>,
    /// The fold that held each sample out, if the file has a fold column.
    pub folds: Option<Vec<u8>>,
    /// Row-major `[samples][labels]`.
    pub values: Vec<f64>,
}

/// Checks every value and converts them to predictions.
///
/// # Errors
/// When a value is not a probability (a logit, for example), or there is only one fold; the
/// message names sample and label of the first 20.
///
/// # Panics
/// When there are not as many values as samples times labels.
pub fn predictions(
    raw: RawPredictions,
    names: LabelNames,
    path: &Path,
) -> anyhow::Result<Predictions> {
    assert_eq!(raw.values.len(), raw.ids.len() * names.count(), "whole rows");
    let mut errors = ErrorList::default();
    let mut probabilities = Vec::with_capacity(raw.values.len());
    for (id, values) in raw.ids.iter().zip(raw.values.chunks(names.count())) {
        for (&value, label) in values.iter().zip(names.labels()) {
            if let Err(error) = Probability::try_from(value) {
                let name = names.name(label);
                errors.push(format!("sample {id}, label {label} ({name}): {error}"));
            }
            #[expect(clippy::cast_possible_truncation, reason = "predictions hold 32-bit floats")]
            probabilities.push(value as f32);
        }
    }
    if errors.count() > 0 {
        anyhow::bail!("{}: {errors}", path.display());
    }
    let folds = raw.folds.as_deref().map(|folds| fold_column(folds, path)).transpose()?;
    Ok(Predictions { names, ids: raw.ids, folds, probabilities })
}

/// The largest number decides how many folds there are.
fn fold_column(numbers: &[u8], path: &Path) -> anyhow::Result<FoldColumn> {
    let column = || -> Result<FoldColumn, FoldError> {
        let count = numbers.iter().max().map_or(0, |&largest| u64::from(largest) + 1);
        let count = FoldCount::try_from(count)?;
        let folds = numbers.iter().map(|&number| count.fold(u64::from(number)));
        Ok(FoldColumn { count, folds: folds.collect::<Result<_, _>>()? })
    };
    column()
        .with_context(|| format!("{} is not a table of out-of-fold predictions", path.display()))
}

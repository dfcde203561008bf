//! Probabilities made elsewhere, checked and given names.

use crate::TableError;
use hpa_artifacts::csv_table::Problems;
use hpa_artifacts::{FoldColumn, Predictions};
use hpa_core::{ATLAS_LABEL_NAMES, FoldCount, LabelNames, Probability, SampleId};
use std::path::Path;

/// Numbers from a file, before anything is known about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    /// The samples.
    pub ids: Vec<SampleId>,
    /// The fold that held each sample out, where the file says so.
    pub folds: Option<Vec<u8>>,
    /// Row-major `[samples][labels]`.
    pub values: Vec<f64>,
}

/// The names of the columns of a table: those given, or those of the header. A header of
/// the numbers 0 to 27 means the 28 labels of the atlas.
///
/// # Errors
/// When header and names disagree in number, or hold the same names in another order.
pub fn column_names(
    columns: Vec<String>,
    given: Option<LabelNames>,
) -> Result<LabelNames, TableError> {
    let numbered = |count: usize| columns.iter().cloned().eq((0..count).map(|n| n.to_string()));
    let Some(given) = given else {
        if numbered(ATLAS_LABEL_NAMES.len()) {
            return Ok(LabelNames::atlas());
        }
        let names = LabelNames::try_from(columns);
        return names.map_err(|error| TableError::Mismatch(format!("the header: {error}")));
    };
    check_width(columns.len(), &given)?;
    let is_name = |column: &String| given.as_slice().contains(column);
    if columns.iter().any(is_name) && columns != given.as_slice() {
        return Err(TableError::Mismatch(
            "the columns have other names than --label-names, or another order".to_owned(),
        ));
    }
    Ok(given)
}

/// The names of an array's columns: those given, or those of the atlas.
///
/// # Errors
/// When there are not as many names as columns.
pub fn array_names(width: usize, given: Option<LabelNames>) -> Result<LabelNames, TableError> {
    let names = given.unwrap_or_else(LabelNames::atlas);
    check_width(width, &names)?;
    Ok(names)
}

fn check_width(width: usize, names: &LabelNames) -> Result<(), TableError> {
    if width == names.count() {
        return Ok(());
    }
    Err(TableError::Mismatch(format!(
        "{width} columns for {} label names\n  help: name the columns with --label-names",
        names.count()
    )))
}

/// Checks every value and makes predictions of them.
///
/// # Errors
/// When a value is no probability, a logit say, or there is but one fold; the message
/// names sample and label of the first 20.
///
/// # Panics
/// When there are not as many values as samples times labels.
pub fn predictions(raw: Raw, names: LabelNames, path: &Path) -> Result<Predictions, TableError> {
    assert_eq!(raw.values.len(), raw.ids.len() * names.count(), "whole rows");
    let mut problems = Problems::default();
    let mut probabilities = Vec::with_capacity(raw.values.len());
    for (id, values) in raw.ids.iter().zip(raw.values.chunks(names.count())) {
        for (&value, label) in values.iter().zip(names.labels()) {
            if let Err(error) = Probability::try_from(value) {
                let name = names.name(label);
                problems.push(format!("sample {id}, label {label} ({name}): {error}"));
            }
            #[expect(clippy::cast_possible_truncation, reason = "predictions hold 32-bit floats")]
            probabilities.push(value as f32);
        }
    }
    if problems.count() > 0 {
        return Err(TableError::Rows { path: path.to_owned(), problems });
    }
    let folds = raw.folds.as_deref().map(|folds| fold_column(folds, path)).transpose()?;
    Ok(Predictions { names, ids: raw.ids, folds, probabilities })
}

/// There are as many folds as the largest number says.
fn fold_column(numbers: &[u8], path: &Path) -> Result<FoldColumn, TableError> {
    let format = |error: hpa_core::FoldError| TableError::Format {
        path: path.to_owned(),
        expected: "a table of out-of-fold predictions",
        reason: error.to_string(),
    };
    let count = numbers.iter().max().map_or(0, |&largest| u64::from(largest) + 1);
    let count = FoldCount::try_from(count).map_err(format)?;
    let folds = numbers.iter().map(|&number| count.fold(u64::from(number)));
    Ok(FoldColumn { count, folds: folds.collect::<Result<_, _>>().map_err(format)? })
}

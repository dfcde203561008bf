//! Label tables to `labels.parquet`.
//!
//! Kaggle's form (`Id,Target`) is read by [`hpa_artifacts::csv_table`]; this crate adds the
//! one-hot form, a column a label that holds 1 or 0.

use hpa_artifacts::{CsvError, ErrorList};
use hpa_artifacts::{LabelRow, Labels, MatrixCsv};
use hpa_core::{LabelNames, LabelSet, SampleId};

/// The labels of a one-hot table. Where it has no ids, its rows are numbered from 0.
///
/// # Errors
/// When a value is neither 0 nor 1.
pub fn one_hot(matrix: MatrixCsv, names: LabelNames) -> Result<Labels, CsvError> {
    let ids = match matrix.ids {
        Some(ids) => ids,
        None => row_numbers(matrix.rows),
    };
    let mut errors = ErrorList::default();
    let mut rows = Vec::with_capacity(ids.len());
    for (id, values) in ids.into_iter().zip(matrix.values.chunks(names.count())) {
        let mut labelled = values.iter().zip(names.labels());
        if let Some((value, label)) = labelled.find(|(value, _)| ![0.0, 1.0].contains(*value)) {
            let name = names.name(label);
            errors.push(format!("sample {id}, label {label} ({name}): {value} is neither 0 nor 1"));
        }
        let positive = values.iter().zip(names.labels()).filter(|(value, _)| **value > 0.5);
        rows.push(LabelRow { id, labels: positive.map(|(_, label)| label).collect::<LabelSet>() });
    }
    match errors.count() {
        0 => Ok(Labels { names, rows }),
        _ => Err(CsvError::Rows { path: matrix.path, errors }),
    }
}

/// Ids of samples that have none.
fn row_numbers(rows: usize) -> Vec<SampleId> {
    (0..rows).map(|row| row.to_string().parse().expect("digits are an id")).collect()
}

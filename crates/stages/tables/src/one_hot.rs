//! Labels from a table with a column a label that holds 1 or 0.

use crate::TableError;
use crate::matrix_csv::MatrixCsv;
use hpa_artifacts::csv_table::Problems;
use hpa_artifacts::{LabelRow, Labels};
use hpa_core::{LabelNames, LabelSet, SampleId};
use std::path::Path;

/// The labels of such a table. Where it has no ids, its rows are numbered from 0.
///
/// # Errors
/// When a value is neither 0 nor 1.
pub fn one_hot(matrix: MatrixCsv, names: LabelNames, path: &Path) -> Result<Labels, TableError> {
    let ids = match matrix.ids {
        Some(ids) => ids,
        None => row_numbers(matrix.rows),
    };
    let mut problems = Problems::default();
    let mut rows = Vec::with_capacity(ids.len());
    for (id, values) in ids.into_iter().zip(matrix.values.chunks(names.count())) {
        let odd = values.iter().zip(names.labels()).find(|(value, _)| ![0.0, 1.0].contains(*value));
        if let Some((value, label)) = odd {
            let name = names.name(label);
            problems
                .push(format!("sample {id}, label {label} ({name}): {value} is neither 0 nor 1"));
        }
        let there = values.iter().zip(names.labels()).filter(|(value, _)| **value > 0.5);
        rows.push(LabelRow { id, labels: there.map(|(_, label)| label).collect::<LabelSet>() });
    }
    match problems.count() {
        0 => Ok(Labels { names, rows }),
        _ => Err(TableError::Rows { path: path.to_owned(), problems }),
    }
}

/// Ids of samples that have none.
fn row_numbers(rows: usize) -> Vec<SampleId> {
    (0..rows).map(|row| row.to_string().parse().expect("digits are an id")).collect()
}

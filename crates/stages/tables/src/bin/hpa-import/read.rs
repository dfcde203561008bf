//! Reads what is imported.

use crate::args::Args;
use anyhow::{Result, ensure};
use hpa_core::{LabelNames, SampleId};
use hpa_tables::TableError;
use hpa_tables::import::{Raw, array_names, column_names};
use hpa_tables::matrix_csv::read_matrix_csv;
use hpa_tables::matrix_npy::read_matrix_npy;
use std::path::Path;

/// The numbers of a table and the names of its columns.
pub(crate) fn from_csv(
    args: &Args,
    path: &Path,
    given: Option<LabelNames>,
    listed: Option<Vec<SampleId>>,
) -> Result<(Raw, LabelNames)> {
    let matrix = read_matrix_csv(path, args.id_column.as_deref())?;
    let names = column_names(matrix.columns, given)?;
    let ids = match (matrix.ids, listed) {
        (Some(own), Some(listed)) => {
            ensure!(own == listed, "the ids of --csv and --ids differ, in order or at all");
            own
        }
        (Some(ids), None) | (None, Some(ids)) => ids,
        (None, None) => {
            let help = "name it with --id-column, or give --ids";
            let reason = format!("{} has no column of ids\n  help: {help}", path.display());
            return Err(TableError::Mismatch(reason).into());
        }
    };
    ensure!(ids.len() == matrix.rows, "{} ids for {} rows of --csv", ids.len(), matrix.rows);
    Ok((Raw { ids, folds: matrix.folds, values: matrix.values }, names))
}

/// The numbers of an array and the names of its columns.
pub(crate) fn from_npy(
    args: &Args,
    path: &Path,
    given: Option<LabelNames>,
    ids: Vec<SampleId>,
) -> Result<(Raw, LabelNames)> {
    let matrix = read_matrix_npy(path, args.key.as_deref(), ids.len())?;
    let names = array_names(matrix.width, given)?;
    ensure!(!ids.is_empty(), "--ids has no rows");
    Ok((Raw { ids, folds: None, values: matrix.values }, names))
}

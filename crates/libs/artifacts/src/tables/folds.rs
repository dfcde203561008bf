//! `folds.parquet`: the fold that holds each sample out, and groups of duplicates.

use crate::ArtifactError;
use crate::io::columns::Columns;
use crate::io::parquet_writer::Entries;
use crate::tables::table::{Table, field, strings};
use arrow::array::{ArrayRef, UInt8Array, UInt32Array};
use arrow::datatypes::{DataType, Field};
use hpa_core::{Fold, FoldCount, SampleId};
use std::sync::Arc;

/// The fold of every sample that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// How many folds there are.
    pub count: FoldCount,
    /// One row a sample, ids unique.
    pub rows: Vec<FoldRow>,
}

/// One sample's fold and group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldRow {
    /// The sample.
    pub id: SampleId,
    /// The fold that holds it out.
    pub fold: Fold,
    /// Duplicates share a number.
    pub group: u32,
}

impl Table for Folds {
    const NAME: &'static str = "folds/1";

    fn fields() -> Vec<Field> {
        vec![
            field("id", DataType::Utf8, "the sample, unique"),
            field("fold", DataType::UInt8, "the fold that holds it out"),
            field("group", DataType::UInt32, "duplicates share one"),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let rows = || self.rows.iter();
        vec![
            strings(rows().map(|row| row.id.as_str())),
            Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.fold.get()))),
            Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.group))),
        ]
    }

    fn entries(&self) -> Entries {
        Entries::from([("folds", self.count.get().to_string())])
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let (count, folds) = read_folds(columns)?;
        let rows = columns.ids()?.into_iter().zip(folds).zip(columns.u32s("group")?);
        let rows = rows.map(|((id, fold), group)| FoldRow { id, fold, group }).collect();
        Ok(Self { count, rows })
    }
}

/// The `fold` column and the number of folds: the metadata's, or the largest fold plus one.
pub(crate) fn read_folds(columns: &Columns<'_>) -> Result<(FoldCount, Vec<Fold>), ArtifactError> {
    let numbers = columns.integers("fold", 254)?;
    let count = match columns.entry("folds") {
        Some(text) => text.parse().map_err(|_| {
            columns.invalid(format!("metadata folds is {text:?}, expected a number"))
        })?,
        None => numbers.iter().max().map_or(0, |largest| largest + 1),
    };
    let count = FoldCount::try_from(count).map_err(|error| columns.invalid(error))?;
    let folds = numbers.into_iter().map(|number| count.fold(number));
    let folds = folds.collect::<Result<_, _>>().map_err(|error| columns.invalid(error))?;
    Ok((count, folds))
}

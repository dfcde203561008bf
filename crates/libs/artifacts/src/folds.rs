//! `folds.parquet`: which fold holds a sample out, and which duplicates belong together.

use crate::columns::Columns;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt8Array, UInt32Array};
use hpa_core::{Fold, FoldCount, SampleId};
use std::path::Path;
use std::sync::Arc;

/// The fold of every sample that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// How many folds there are.
    pub count: FoldCount,
    /// One row a sample, ids unique.
    pub rows: Vec<FoldRow>,
}

/// One sample's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldRow {
    /// The sample.
    pub id: SampleId,
    /// The fold that holds it out.
    pub fold: Fold,
    /// Duplicates share a number.
    pub group: u32,
}

impl Artifact for Folds {
    const SCHEMA: &'static str = "folds/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let (count, folds) = read_folds(&columns)?;
        let groups = columns.integers("group", u64::from(u32::MAX))?;
        let rows = columns
            .ids()?
            .into_iter()
            .zip(folds)
            .zip(groups)
            .map(|((id, fold), group)| FoldRow {
                id,
                fold,
                group: u32::try_from(group).expect("checked while reading"),
            })
            .collect();
        Ok(Loaded { value: Self { count, rows }, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let ids = StringArray::from_iter_values(self.rows.iter().map(|row| row.id.as_str()));
        let folds = UInt8Array::from_iter_values(self.rows.iter().map(|row| row.fold.get()));
        let groups = UInt32Array::from_iter_values(self.rows.iter().map(|row| row.group));
        let columns: [(&str, ArrayRef, bool); 3] = [
            ("id", Arc::new(ids), false),
            ("fold", Arc::new(folds), false),
            ("group", Arc::new(groups), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns)
            .map_err(|error| ArtifactError::unwritable(path, error))?;
        let extra = Entries::from([("folds", self.count.get().to_string())]);
        write_table(path, Self::SCHEMA, &batch, provenance, extra)
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

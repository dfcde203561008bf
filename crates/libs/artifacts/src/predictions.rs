//! `oof.parquet` and `test.parquet`: the probability of every label for every sample.

use crate::columns::Columns;
use crate::folds::read_folds;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::predictions_plain::read_plain;
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance, canonical_json};
use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt8Array,
};
use arrow::datatypes::{DataType, Field};
use hpa_core::{Fold, FoldCount, LabelNames, Probability, SampleId};
use std::path::Path;
use std::sync::Arc;

/// Probabilities of labels; each lies in `[0, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// What the labels are called.
    pub names: LabelNames,
    /// The samples, unique.
    pub ids: Vec<SampleId>,
    /// The fold that held each sample out; only out-of-fold predictions have them.
    pub folds: Option<FoldColumn>,
    /// Row-major: samples × labels.
    pub probabilities: Vec<f32>,
}

/// The fold of each sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldColumn {
    /// How many folds there are.
    pub count: FoldCount,
    /// One entry a sample.
    pub folds: Vec<Fold>,
}

impl Predictions {
    /// The probabilities of one sample, one a label.
    #[must_use]
    pub fn row(&self, sample: usize) -> &[f32] {
        let width = self.names.count();
        &self.probabilities[sample * width..][..width]
    }

    fn probability_column(&self) -> Result<FixedSizeListArray, arrow::error::ArrowError> {
        let width = i32::try_from(self.names.count()).expect("at most 256 labels");
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let values = Arc::new(Float32Array::from(self.probabilities.clone()));
        FixedSizeListArray::try_new(item, width, values, None)
    }
}

impl Artifact for Predictions {
    const SCHEMA: &'static str = "predictions/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        if let Some(loaded) = read_plain(path)? {
            return Ok(loaded);
        }
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let (names, ids) = (columns.label_names()?, columns.ids()?);
        let folds = if columns.has("fold") {
            let (count, folds) = read_folds(&columns)?;
            Some(FoldColumn { count, folds })
        } else {
            None
        };
        let probabilities = converted(&columns, &ids, names.count())?;
        let value = Self { names, ids, folds, probabilities };
        Ok(Loaded { value, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let unwritable = |error| ArtifactError::unwritable(path, error);
        let ids = StringArray::from_iter_values(self.ids.iter().map(SampleId::as_str));
        let mut columns: Vec<(&str, ArrayRef, bool)> = vec![("id", Arc::new(ids), false)];
        let mut extra = Entries::from([("label_names", canonical_json(&self.names))]);
        if let Some(column) = &self.folds {
            let folds = UInt8Array::from_iter_values(column.folds.iter().map(|fold| fold.get()));
            columns.push(("fold", Arc::new(folds), false));
            extra.insert("folds", column.count.get().to_string());
        }
        let probabilities = self.probability_column().map_err(unwritable)?;
        columns.push(("probability", Arc::new(probabilities), false));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(unwritable)?;
        write_table(path, Self::SCHEMA, &batch, provenance, extra)
    }
}

/// The probabilities of a file of any layout.
fn converted(
    columns: &Columns<'_>,
    ids: &[SampleId],
    width: usize,
) -> Result<Vec<f32>, ArtifactError> {
    let lists = columns.float_lists("probability")?;
    let mut probabilities = Vec::with_capacity(lists.values.len());
    for (id, row) in ids.iter().zip(lists.rows()) {
        if row.len() != width {
            return Err(columns.invalid(format!(
                "sample {id} has {} probabilities for {width} labels (label_names in the metadata names them)",
                row.len()
            )));
        }
        for (label, &value) in row.iter().enumerate() {
            Probability::try_from(value)
                .map_err(|error| columns.invalid(format!("sample {id}, label {label}: {error}")))?;
            #[expect(clippy::cast_possible_truncation, reason = "the file holds 32-bit floats")]
            probabilities.push(value as f32);
        }
    }
    Ok(probabilities)
}

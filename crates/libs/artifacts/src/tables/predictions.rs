//! `oof.parquet` and `test.parquet`: the probability of each label for each sample.

use crate::io::columns::{Columns, Lists};
use crate::io::parquet_writer::Entries;
use crate::tables::folds::read_folds;
use crate::tables::table::{Table, field, fixed_item, sized, strings};
use crate::{ArtifactError, canonical_json};
use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, UInt8Array};
use arrow::datatypes::{ArrowNativeType, DataType, Field, Float32Type, Float64Type};
use hpa_core::{ATLAS_LABEL_NAMES, Fold, FoldCount, LabelNames, Probability, SampleId};
use std::sync::Arc;

/// Probabilities of labels; each lies in `[0, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Names of the labels.
    pub names: LabelNames,
    /// The samples, unique.
    pub ids: Vec<SampleId>,
    /// The fold that held each sample out; only out-of-fold predictions have them.
    pub folds: Option<FoldColumn>,
    /// Row-major `[samples][labels]`.
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

    /// These rows in this order.
    ///
    /// # Panics
    /// When a row is out of range.
    #[must_use]
    pub fn select(self, rows: &[usize]) -> Self {
        if rows.iter().copied().eq(0..self.ids.len()) {
            return self;
        }
        Self {
            ids: rows.iter().map(|&row| self.ids[row].clone()).collect(),
            folds: self.folds.as_ref().map(|column| FoldColumn {
                count: column.count,
                folds: rows.iter().map(|&row| column.folds[row]).collect(),
            }),
            probabilities: rows.iter().flat_map(|&row| self.row(row)).copied().collect(),
            names: self.names,
        }
    }
}

impl Table for Predictions {
    const NAME: &'static str = "predictions/1";

    fn fields() -> Vec<Field> {
        fields(ATLAS_LABEL_NAMES.len(), true)
    }

    fn fields_of(&self) -> Vec<Field> {
        fields(self.names.count(), self.folds.is_some())
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let mut arrays = vec![strings(self.ids.iter().map(SampleId::as_str))];
        if let Some(column) = &self.folds {
            let folds = column.folds.iter().map(|fold| fold.get());
            arrays.push(Arc::new(UInt8Array::from_iter_values(folds)));
        }
        let values = Arc::new(Float32Array::from(self.probabilities.clone()));
        let (item, size) = (fixed_item(DataType::Float32), list_size(self.names.count()));
        arrays.push(Arc::new(FixedSizeListArray::new(item, size, values, None)));
        arrays
    }

    fn entries(&self) -> Entries {
        let mut entries = Entries::from([("label_names", canonical_json(&self.names))]);
        if let Some(column) = &self.folds {
            entries.insert("folds", column.count.get().to_string());
        }
        entries
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let (names, ids) = (columns.label_names()?, columns.ids()?);
        let folds = if columns.has("fold") {
            let (count, folds) = read_folds(columns)?;
            Some(FoldColumn { count, folds })
        } else {
            None
        };
        // 64-bit values are checked before they are rounded: 1.00000001 is not a probability.
        let probabilities = if columns.list_item("probability")? == Some(&DataType::Float32) {
            let lists = columns.lists::<Float32Type>("probability")?;
            check(columns, &ids, &lists, names.count())?.to_vec()
        } else {
            let lists = columns.lists::<Float64Type>("probability")?;
            let values = check(columns, &ids, &lists, names.count())?;
            #[expect(clippy::cast_possible_truncation, reason = "predictions are 32-bit floats")]
            values.iter().map(|&value| value as f32).collect()
        };
        Ok(Self { names, ids, folds, probabilities })
    }
}

fn fields(n_labels: usize, with_folds: bool) -> Vec<Field> {
    let lists = DataType::FixedSizeList(fixed_item(DataType::Float32), list_size(n_labels));
    let mut fields = vec![field("id", DataType::Utf8, "the sample, unique")];
    if with_folds {
        fields.push(field("fold", DataType::UInt8, "out-of-fold predictions only"));
    }
    fields.push(sized(field("probability", lists, "in [0, 1], one a label"), "L"));
    fields
}

fn list_size(n_labels: usize) -> i32 {
    i32::try_from(n_labels).expect("at most 256 labels")
}

/// The values of lists that hold one probability a label.
fn check<'a, T: ArrowNativeType + Into<f64>>(
    columns: &Columns<'_>,
    ids: &[SampleId],
    lists: &'a Lists<T>,
    width: usize,
) -> Result<&'a [T], ArtifactError> {
    let Some(values) = lists.fixed_width(width) else {
        let (id, row) = ids
            .iter()
            .zip(lists.rows())
            .find(|(_, row)| row.len() != width)
            .expect("a list of another length is why there is no fixed width");
        return Err(columns.invalid(format!(
            "sample {id} has {} probabilities for {width} labels (label_names in the metadata names them)",
            row.len()
        )));
    };
    // A sum of bits is vectorised, where a search for the first is not.
    let outside = |bad, &value: &T| bad | u8::from(!(0.0..=1.0).contains(&value.into()));
    if values.iter().fold(0, outside) == 0 {
        return Ok(values);
    }
    for (place, &value) in values.iter().enumerate() {
        let (id, label) = (&ids[place / width], place % width);
        Probability::try_from(value.into())
            .map_err(|error| columns.invalid(format!("sample {id}, label {label}: {error}")))?;
    }
    Ok(values)
}

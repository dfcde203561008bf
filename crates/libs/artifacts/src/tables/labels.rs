//! `labels.parquet`: the labels of each sample.

use crate::ArtifactError;
use crate::canonical_json;
use crate::io::columns::Columns;
use crate::io::parquet_writer::Entries;
use crate::tables::table::{Table, field, list_of, lists, strings};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, UInt8Type};
use hpa_core::{Label, LabelNames, LabelSet, SampleId};

/// The labels of every sample, in the order of the table they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Names of the labels.
    pub names: LabelNames,
    /// One row a sample, ids unique.
    pub rows: Vec<LabelRow>,
}

/// One sample's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRow {
    /// The sample.
    pub id: SampleId,
    /// Its labels; may be empty.
    pub labels: LabelSet,
}

impl Labels {
    /// Whether each sample carries each label: row-major `[samples][labels]`.
    #[must_use]
    pub fn truth(&self) -> Vec<bool> {
        let n_labels = self.names.count();
        let mut truth = vec![false; self.rows.len() * n_labels];
        for (row, truth) in self.rows.iter().zip(truth.chunks_mut(n_labels)) {
            for label in row.labels.as_slice() {
                truth[label.index()] = true;
            }
        }
        truth
    }
}

impl Table for Labels {
    const NAME: &'static str = "labels/1";

    fn fields() -> Vec<Field> {
        let labels = "ascending, unique, each below the number of `label_names`";
        vec![
            field("id", DataType::Utf8, "the sample, unique"),
            field("labels", list_of(DataType::UInt8), labels),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let numbers = |row: &LabelRow| row.labels.as_slice().iter().map(|l| l.get()).collect();
        vec![
            strings(self.rows.iter().map(|row| row.id.as_str())),
            lists::<UInt8Type>(self.rows.iter().map(|row| Some(numbers(row)))),
        ]
    }

    fn entries(&self) -> Entries {
        Entries::from([("label_names", canonical_json(&self.names))])
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let names = columns.label_names()?;
        let lists = columns.integer_lists("labels")?;
        let mut labels = Vec::new();
        let mut rows = Vec::with_capacity(columns.n_rows());
        for (id, numbers) in columns.ids()?.into_iter().zip(lists.rows()) {
            let set = label_set(numbers, &names, &mut labels)
                .map_err(|reason| columns.invalid(format!("sample {id}: {reason}")))?;
            rows.push(LabelRow { id, labels: set });
        }
        Ok(Self { names, rows })
    }
}

/// Numbers that must be labels, ascending and unique; `labels` is a buffer.
fn label_set(
    numbers: &[i64],
    names: &LabelNames,
    labels: &mut Vec<Label>,
) -> Result<LabelSet, String> {
    labels.clear();
    for &number in numbers {
        let unsigned = u64::try_from(number)
            .map_err(|_| format!("{number} is not a label: expected 0 to {}", names.count() - 1))?;
        labels.push(names.label(unsigned).map_err(|error| error.to_string())?);
    }
    LabelSet::from_ascending(labels)
        .map_err(|_| "its labels are not ascending and unique".to_owned())
}

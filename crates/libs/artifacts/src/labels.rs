//! `labels.parquet`: which labels each sample carries.

use crate::columns::Columns;
use crate::labels_plain::read_plain;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance, canonical_json};
use arrow::array::{ArrayRef, ListBuilder, RecordBatch, StringArray, UInt8Builder};
use hpa_core::{Label, LabelNames, LabelSet, SampleId};
use std::path::Path;
use std::sync::Arc;

/// The labels of every sample, in the order of the table they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// What the labels are called.
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

impl Artifact for Labels {
    const SCHEMA: &'static str = "labels/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        match read_plain(path)? {
            Some(loaded) => Ok(loaded),
            None => read_general(path),
        }
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let mut lists = ListBuilder::new(UInt8Builder::new());
        for row in &self.rows {
            let numbers = row.labels.as_slice().iter().map(|label| label.get());
            lists.values().append_values(
                &numbers.collect::<Vec<_>>(),
                &vec![true; row.labels.as_slice().len()],
            );
            lists.append(true);
        }
        let ids = StringArray::from_iter_values(self.rows.iter().map(|row| row.id.as_str()));
        let columns: [(&str, ArrayRef, bool); 2] =
            [("id", Arc::new(ids), false), ("labels", Arc::new(lists.finish()), false)];
        let batch = RecordBatch::try_from_iter_with_nullable(columns)
            .map_err(|error| ArtifactError::unwritable(path, error))?;
        let extra = Entries::from([("label_names", canonical_json(&self.names))]);
        write_table(path, Self::SCHEMA, &batch, provenance, extra)
    }
}

/// The labels of a file of any layout.
pub(crate) fn read_general(path: &Path) -> Result<Loaded<Labels>, ArtifactError> {
    let table = read_table(path, Labels::SCHEMA)?;
    let columns = Columns::new(&table, Labels::SCHEMA);
    let names = columns.label_names()?;
    let lists = columns.integer_lists("labels")?;
    let rows = columns
        .ids()?
        .into_iter()
        .zip(lists.rows())
        .map(|(id, numbers)| {
            let labels = label_set(numbers, &names)
                .map_err(|reason| columns.invalid(format!("sample {id}: {reason}")))?;
            Ok(LabelRow { id, labels })
        })
        .collect::<Result<_, ArtifactError>>()?;
    Ok(Loaded { value: Labels { names, rows }, origin: table.origin })
}

/// Numbers that must be labels, ascending and unique.
fn label_set(numbers: &[f64], names: &LabelNames) -> Result<LabelSet, String> {
    let labels = numbers
        .iter()
        .map(|&number| {
            if number < 0.0 {
                return Err(format!(
                    "{number} is not a label: expected 0 to {}",
                    names.count() - 1
                ));
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number; beyond the range it saturates and is refused"
            )]
            let label = names.label(number as u64);
            label.map_err(|error| error.to_string())
        })
        .collect::<Result<Vec<Label>, String>>()?;
    if labels.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("its labels are not ascending and unique".to_owned());
    }
    Ok(labels.into_iter().collect())
}

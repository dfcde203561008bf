//! `fold-F.history.parquet`: what each epoch of training did.

use crate::columns::Columns;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use arrow::array::{ArrayRef, Float64Array, Float64Builder, ListBuilder, RecordBatch, UInt32Array};
use std::path::Path;
use std::sync::Arc;

/// The epochs of one training run.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// One row an epoch, from 0.
    pub rows: Vec<HistoryRow>,
    /// Which epoch's weights were kept: `last` or `best`; the best was chosen on the fold held
    /// out, so scores on that fold are selected on.
    pub checkpoint: String,
}

/// One epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryRow {
    /// Its number, from 0.
    pub epoch: u32,
    /// Mean loss over the training batches, as they were seen.
    pub train_loss: f64,
    /// Loss on the fold held out.
    pub valid_loss: f64,
    /// Macro F1 on the fold held out, at threshold 0.5.
    pub valid_macro_f1: f64,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// F1 of each label on the fold held out, at threshold 0.5; empty in files that are older
    /// than the column.
    pub valid_label_f1: Vec<f64>,
    /// Each label's part of the loss on the fold held out; empty as above.
    pub valid_label_loss: Vec<f64>,
}

impl Default for History {
    fn default() -> Self {
        Self { rows: Vec::new(), checkpoint: "last".to_owned() }
    }
}

impl Artifact for History {
    const SCHEMA: &'static str = "history/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let epochs = columns.integers("epoch", u64::from(u32::MAX))?;
        let losses = columns.floats("train_loss")?.into_iter().zip(columns.floats("valid_loss")?);
        let scores =
            columns.floats("valid_macro_f1")?.into_iter().zip(columns.floats("learning_rate")?);
        let rows = epochs
            .into_iter()
            .zip(losses.zip(scores))
            .map(|(epoch, ((train_loss, valid_loss), (valid_macro_f1, learning_rate)))| {
                let epoch = u32::try_from(epoch).expect("checked while reading");
                let row = HistoryRow { epoch, train_loss, valid_loss, ..HistoryRow::default() };
                HistoryRow { valid_macro_f1, learning_rate, ..row }
            })
            .collect();
        let rows = with_lists(rows, &columns)?;
        let checkpoint = columns.entry("checkpoint").unwrap_or("last").to_owned();
        Ok(Loaded { value: Self { rows, checkpoint }, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let floats = |get: fn(&HistoryRow) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(self.rows.iter().map(get)))
        };
        let epochs = UInt32Array::from_iter_values(self.rows.iter().map(|row| row.epoch));
        let columns: [(&str, ArrayRef, bool); 7] = [
            ("epoch", Arc::new(epochs), false),
            ("train_loss", floats(|row| row.train_loss), false),
            ("valid_loss", floats(|row| row.valid_loss), false),
            ("valid_macro_f1", floats(|row| row.valid_macro_f1), false),
            ("learning_rate", floats(|row| row.learning_rate), false),
            (LABEL_F1, lists(&self.rows, |row| &row.valid_label_f1), false),
            (LABEL_LOSS, lists(&self.rows, |row| &row.valid_label_loss), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns)
            .map_err(|error| ArtifactError::unwritable(path, error))?;
        let extra = Entries::from([("checkpoint", self.checkpoint.clone())]);
        write_table(path, Self::SCHEMA, &batch, provenance, extra)
    }
}

const LABEL_F1: &str = "valid_label_f1";
const LABEL_LOSS: &str = "valid_label_loss";

/// The columns of lists, which older files do not have.
fn with_lists(
    mut rows: Vec<HistoryRow>,
    columns: &Columns<'_>,
) -> Result<Vec<HistoryRow>, ArtifactError> {
    if columns.has(LABEL_F1) {
        for (row, values) in rows.iter_mut().zip(columns.float_lists(LABEL_F1)?.rows()) {
            row.valid_label_f1 = values.to_vec();
        }
    }
    if columns.has(LABEL_LOSS) {
        for (row, values) in rows.iter_mut().zip(columns.float_lists(LABEL_LOSS)?.rows()) {
            row.valid_label_loss = values.to_vec();
        }
    }
    Ok(rows)
}

fn lists(rows: &[HistoryRow], get: fn(&HistoryRow) -> &[f64]) -> ArrayRef {
    let mut builder = ListBuilder::new(Float64Builder::new());
    for row in rows {
        builder.append_value(get(row).iter().copied().map(Some));
    }
    Arc::new(builder.finish())
}

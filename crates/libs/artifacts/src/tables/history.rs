//! `fold-F.history.parquet`: losses and scores of each epoch of training.

use crate::ArtifactError;
use crate::io::columns::Columns;
use crate::io::parquet_writer::Entries;
use crate::tables::table::{Table, field, floats, list_of, lists};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::{DataType, Field, Float64Type};
use std::sync::Arc;

/// The epochs of one training run.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// One row an epoch, from 0.
    pub rows: Vec<HistoryRow>,
    /// Which epoch's weights were kept: `last` or `best`. The best is chosen on the held-out fold,
    /// so scores on that fold are optimistic.
    pub checkpoint: String,
}

/// One epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryRow {
    /// Its number, from 0.
    pub epoch: u32,
    /// Mean loss over the training batches, each before its step.
    pub train_loss: f64,
    /// Loss on the held-out fold.
    pub valid_loss: f64,
    /// Macro F1 on the held-out fold at threshold 0.5.
    pub valid_macro_f1: f64,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// F1 of each label on the held-out fold at threshold 0.5; empty in files that are older than
    /// the column.
    pub valid_label_f1: Vec<f64>,
    /// Each label's part of the loss on the held-out fold; empty as above.
    pub valid_label_loss: Vec<f64>,
}

impl Default for History {
    fn default() -> Self {
        Self { rows: Vec::new(), checkpoint: "last".to_owned() }
    }
}

const LABEL_F1: &str = "valid_label_f1";
const LABEL_LOSS: &str = "valid_label_loss";

impl Table for History {
    const NAME: &'static str = "history/1";

    fn fields() -> Vec<Field> {
        let float = |name, description| field(name, DataType::Float64, description);
        let lists = |name, description| field(name, list_of(DataType::Float64), description);
        vec![
            field("epoch", DataType::UInt32, "from 0"),
            float("train_loss", "mean over the training batches, each before its step"),
            float("valid_loss", "on the held-out fold"),
            float("valid_macro_f1", "on the held-out fold, at threshold 0.5"),
            float("learning_rate", "of the epoch's last step"),
            lists(
                LABEL_F1,
                "F1 of each label on the held-out fold, at threshold 0.5 (absent in older files)",
            ),
            lists(
                LABEL_LOSS,
                "each label's part of `valid_loss`: the parts add up to it where the loss is summed \
                 over labels, and average to it where it is a mean (absent in older files)",
            ),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let rows = || self.rows.iter();
        vec![
            Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.epoch))),
            floats(rows().map(|row| row.train_loss)),
            floats(rows().map(|row| row.valid_loss)),
            floats(rows().map(|row| row.valid_macro_f1)),
            floats(rows().map(|row| row.learning_rate)),
            lists::<Float64Type>(rows().map(|row| Some(row.valid_label_f1.clone()))),
            lists::<Float64Type>(rows().map(|row| Some(row.valid_label_loss.clone()))),
        ]
    }

    fn entries(&self) -> Entries {
        Entries::from([("checkpoint", self.checkpoint.clone())])
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let epochs = columns.u32s("epoch")?;
        let train_losses = columns.floats("train_loss")?;
        let valid_losses = columns.floats("valid_loss")?;
        let macro_f1s = columns.floats("valid_macro_f1")?;
        let learning_rates = columns.floats("learning_rate")?;
        let (label_f1s, label_losses) =
            (label_lists(columns, LABEL_F1)?, label_lists(columns, LABEL_LOSS)?);
        let row = |row: usize| HistoryRow {
            epoch: epochs[row],
            train_loss: train_losses[row],
            valid_loss: valid_losses[row],
            valid_macro_f1: macro_f1s[row],
            learning_rate: learning_rates[row],
            valid_label_f1: label_f1s[row].clone(),
            valid_label_loss: label_losses[row].clone(),
        };
        let checkpoint = columns.entry("checkpoint").unwrap_or("last").to_owned();
        Ok(Self { rows: (0..epochs.len()).map(row).collect(), checkpoint })
    }
}

/// A column of one value a label, which older files do not have.
fn label_lists(columns: &Columns<'_>, name: &str) -> Result<Vec<Vec<f64>>, ArtifactError> {
    if !columns.has(name) {
        return Ok(vec![Vec::new(); columns.n_rows()]);
    }
    Ok(columns.lists::<Float64Type>(name)?.rows().map(<[f64]>::to_vec).collect())
}

//! `thresholds/N/METHOD.parquet`: the probability above which each label is predicted.

use crate::io::columns::{Columns, Lists};
use crate::io::parquet_writer::Entries;
use crate::tables::table::{Table, field, floats, list_of, lists, strings};
use crate::{ArtifactError, canonical_json};
use arrow::array::{ArrayRef, Float64Array, UInt8Array, UInt32Array};
use arrow::datatypes::{DataType, Field, Float64Type};
use hpa_core::{Label, LabelNames, Threshold};
use std::sync::Arc;

/// One threshold a label, with the F1 it reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Names of the labels.
    pub names: LabelNames,
    /// How the thresholds were found, as written on the command line: `exact`, `fixed:0.5`.
    pub method: String,
    /// The metric that was maximised: `macro-f1`.
    pub metric: String,
    /// One row a label.
    pub rows: Vec<ThresholdRow>,
}

/// One label's threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdRow {
    /// Fitted on all samples.
    pub threshold: Threshold,
    /// Entry F was fitted without fold F; none when the predictions have no folds.
    pub fold_threshold: Option<Vec<Threshold>>,
    /// Samples that carry the label.
    pub support: u32,
    /// F1 on the samples the threshold was fitted on: optimistic.
    pub f1_fitted: f64,
    /// F1 of the pooled decisions by `fold_threshold`.
    pub f1_held_out: Option<f64>,
}

impl Table for Thresholds {
    const NAME: &'static str = "thresholds/1";

    fn fields() -> Vec<Field> {
        let float = |name, description| field(name, DataType::Float64, description);
        let fold_threshold = "entry F fitted without fold F; null without folds";
        let held_out = "pooled decisions by `fold_threshold`; null without folds";
        vec![
            field("label", DataType::UInt8, "0 to L - 1"),
            field("name", DataType::Utf8, "name of the label"),
            float("threshold", "predicted when the probability is strictly above"),
            field("fold_threshold", list_of(DataType::Float64), fold_threshold).with_nullable(true),
            field("support", DataType::UInt32, "samples that carry the label"),
            float("f1_fitted", "on the samples of the fit: optimistic"),
            float("f1_held_out", held_out).with_nullable(true),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let rows = || self.rows.iter();
        let by_fold = |row: &ThresholdRow| {
            row.fold_threshold.as_ref().map(|folds| folds.iter().map(|t| t.get()).collect())
        };
        let held_out: Float64Array = rows().map(|row| row.f1_held_out).collect();
        vec![
            Arc::new(UInt8Array::from_iter_values(self.names.labels().map(Label::get))),
            strings(self.names.as_slice()),
            floats(rows().map(|row| row.threshold.get())),
            lists::<Float64Type>(rows().map(by_fold)),
            Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.support))),
            floats(rows().map(|row| row.f1_fitted)),
            Arc::new(held_out),
        ]
    }

    fn entries(&self) -> Entries {
        Entries::from([
            ("label_names", canonical_json(&self.names)),
            ("method", self.method.clone()),
            ("metric", self.metric.clone()),
        ])
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let names = columns.label_names()?;
        let labels = columns.integers("label", 255)?;
        if !labels.iter().copied().eq(0..names.count() as u64) {
            return Err(columns.invalid(format!(
                "column \"label\" is not 0 to {}, one row a label in order",
                names.count() - 1
            )));
        }
        let check = |value: f64| {
            Threshold::try_from(value).map_err(|_| {
                columns.invalid(format!("{value} is not a threshold: expected 0 to 1"))
            })
        };
        let thresholds = columns.floats("threshold")?;
        let by_fold = columns.optional_float_lists("fold_threshold")?;
        let mut by_fold = by_fold.as_ref().map(Lists::rows);
        let support = columns.u32s("support")?;
        let (fitted, held_out) =
            (columns.floats("f1_fitted")?, columns.optional_floats("f1_held_out")?);
        let mut rows = Vec::with_capacity(names.count());
        for label in 0..names.count() {
            let folds = by_fold.as_mut().and_then(Iterator::next);
            let folds = folds.map(|folds| folds.iter().map(|&value| check(value)).collect());
            rows.push(ThresholdRow {
                threshold: check(thresholds[label])?,
                fold_threshold: folds.transpose()?,
                support: support[label],
                f1_fitted: fitted[label],
                f1_held_out: held_out[label],
            });
        }
        let entry = |key| columns.entry(key).unwrap_or("unknown").to_owned();
        Ok(Self { names, method: entry("method"), metric: entry("metric"), rows })
    }
}

//! `thresholds/N/METHOD.parquet`: the probability above which each label is predicted.

use crate::columns::Columns;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance, canonical_json};
use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, ListBuilder, RecordBatch, StringArray, UInt8Array,
    UInt32Array,
};
use hpa_core::{LabelNames, Threshold};
use std::path::Path;
use std::sync::Arc;

/// One threshold a label, and how good it was found to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// What the labels are called.
    pub names: LabelNames,
    /// How the thresholds were found, as written on the command line: `exact`, `fixed:0.5`.
    pub method: String,
    /// What was maximised: `macro-f1`.
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

impl Thresholds {
    fn fold_thresholds(&self) -> ArrayRef {
        let mut lists = ListBuilder::new(Float64Builder::new());
        for row in &self.rows {
            if let Some(thresholds) = &row.fold_threshold {
                for threshold in thresholds {
                    lists.values().append_value(threshold.get());
                }
            }
            lists.append(row.fold_threshold.is_some());
        }
        Arc::new(lists.finish())
    }

    fn batch(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let rows = || self.rows.iter();
        let labels = UInt8Array::from_iter_values(self.names.labels().map(hpa_core::Label::get));
        let names = StringArray::from_iter_values(self.names.as_slice());
        let thresholds = Float64Array::from_iter_values(rows().map(|row| row.threshold.get()));
        let support = UInt32Array::from_iter_values(rows().map(|row| row.support));
        let fitted = Float64Array::from_iter_values(rows().map(|row| row.f1_fitted));
        let held_out: Float64Array = rows().map(|row| row.f1_held_out).collect();
        let columns: [(&str, ArrayRef, bool); 7] = [
            ("label", Arc::new(labels), false),
            ("name", Arc::new(names), false),
            ("threshold", Arc::new(thresholds), false),
            ("fold_threshold", self.fold_thresholds(), true),
            ("support", Arc::new(support), false),
            ("f1_fitted", Arc::new(fitted), false),
            ("f1_held_out", Arc::new(held_out), true),
        ];
        RecordBatch::try_from_iter_with_nullable(columns)
    }
}

impl Artifact for Thresholds {
    const SCHEMA: &'static str = "thresholds/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let names = columns.label_names()?;
        let labels = columns.integers("label", 255)?;
        if !labels.iter().copied().eq(0..names.count() as u64) {
            return Err(columns.invalid(format!(
                "column \"label\" is not 0 to {}, one row a label in order",
                names.count() - 1
            )));
        }
        let rows = read_rows(&columns)?;
        let entry = |key| columns.entry(key).unwrap_or("unknown").to_owned();
        let (method, metric) = (entry("method"), entry("metric"));
        Ok(Loaded { value: Self { names, method, metric, rows }, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let batch = self.batch().map_err(|error| ArtifactError::unwritable(path, error))?;
        let extra = Entries::from([
            ("label_names", canonical_json(&self.names)),
            ("method", self.method.clone()),
            ("metric", self.metric.clone()),
        ]);
        write_table(path, Self::SCHEMA, &batch, provenance, extra)
    }
}

fn read_rows(columns: &Columns<'_>) -> Result<Vec<ThresholdRow>, ArtifactError> {
    let check = |value: f64| {
        Threshold::try_from(value)
            .map_err(|_| columns.invalid(format!("{value} is not a threshold: expected 0 to 1")))
    };
    let fold_thresholds = columns.optional_float_lists("fold_threshold")?;
    let fold_thresholds: Vec<Option<Vec<Threshold>>> = match &fold_thresholds {
        None => vec![None; columns.rows()],
        Some(lists) => lists
            .rows()
            .map(|row| row.iter().map(|&value| check(value)).collect::<Result<_, _>>().map(Some))
            .collect::<Result<_, _>>()?,
    };
    let support = columns.integers("support", u64::from(u32::MAX))?;
    let (fitted, held_out) =
        (columns.floats("f1_fitted")?, columns.optional_floats("f1_held_out")?);
    let thresholds = columns.floats("threshold")?.into_iter().zip(fold_thresholds);
    let scores = support.into_iter().zip(fitted.into_iter().zip(held_out));
    thresholds
        .zip(scores)
        .map(|((threshold, fold_threshold), (support, (f1_fitted, f1_held_out)))| {
            let support = u32::try_from(support).expect("checked while reading");
            let threshold = check(threshold)?;
            Ok(ThresholdRow { threshold, fold_threshold, support, f1_fitted, f1_held_out })
        })
        .collect()
}

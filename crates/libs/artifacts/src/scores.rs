//! `report/scores.parquet`: every score of a run in one table.

use crate::columns::Columns;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use std::path::Path;
use std::sync::Arc;

/// Scores of models and ensembles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// One row a name, split, method and metric.
    pub rows: Vec<ScoreRow>,
}

/// One score with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRow {
    /// The model or ensemble.
    pub name: String,
    /// `oof` or `test`.
    pub split: String,
    /// How the thresholds were found.
    pub method: String,
    /// `macro-f1` …
    pub metric: String,
    /// The score.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

impl Artifact for Scores {
    const SCHEMA: &'static str = "scores/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let texts = ["name", "split", "method", "metric"].map(|name| columns.strings(name));
        let [names, splits, methods, metrics] = texts;
        let (splits, methods, metrics) = (splits?, methods?, metrics?);
        let numbers = ["value", "low", "high"].map(|name| columns.floats(name));
        let [values, lows, highs] = numbers;
        let (values, lows, highs) = (values?, lows?, highs?);
        let rows = (0..).zip(names?).map(|(row, name): (usize, String)| ScoreRow {
            name,
            split: splits[row].clone(),
            method: methods[row].clone(),
            metric: metrics[row].clone(),
            value: values[row],
            low: lows[row],
            high: highs[row],
        });
        Ok(Loaded { value: Self { rows: rows.collect() }, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let texts = |get: fn(&ScoreRow) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(self.rows.iter().map(get)))
        };
        let floats = |get: fn(&ScoreRow) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(self.rows.iter().map(get)))
        };
        let columns: [(&str, ArrayRef, bool); 7] = [
            ("name", texts(|row| &row.name), false),
            ("split", texts(|row| &row.split), false),
            ("method", texts(|row| &row.method), false),
            ("metric", texts(|row| &row.metric), false),
            ("value", floats(|row| row.value), false),
            ("low", floats(|row| row.low), false),
            ("high", floats(|row| row.high), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns)
            .map_err(|error| ArtifactError::unwritable(path, error))?;
        write_table(path, Self::SCHEMA, &batch, provenance, Entries::new())
    }
}

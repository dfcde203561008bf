//! `report/scores.parquet`: every score of a run in one table.

use crate::ArtifactError;
use crate::io::columns::Columns;
use crate::tables::table::{Table, field, floats, strings};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};

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

impl Table for Scores {
    const NAME: &'static str = "scores/1";

    fn fields() -> Vec<Field> {
        let text = |name, description| field(name, DataType::Utf8, description);
        let float = |name, description| field(name, DataType::Float64, description);
        vec![
            text("name", "model or ensemble"),
            text("split", "`oof` or `test`"),
            text("method", "how the thresholds were found"),
            text("metric", "`macro-f1` …"),
            float("value", "the score"),
            float("low", "lower end of the 95 % interval"),
            float("high", "upper end of the 95 % interval"),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let rows = || self.rows.iter();
        vec![
            strings(rows().map(|row| &row.name)),
            strings(rows().map(|row| &row.split)),
            strings(rows().map(|row| &row.method)),
            strings(rows().map(|row| &row.metric)),
            floats(rows().map(|row| row.value)),
            floats(rows().map(|row| row.low)),
            floats(rows().map(|row| row.high)),
        ]
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let (names, splits) = (columns.strings("name")?, columns.strings("split")?);
        let (methods, metrics) = (columns.strings("method")?, columns.strings("metric")?);
        let values = columns.floats("value")?;
        let (lows, highs) = (columns.floats("low")?, columns.floats("high")?);
        let row = |row: usize| ScoreRow {
            name: names[row].clone(),
            split: splits[row].clone(),
            method: methods[row].clone(),
            metric: metrics[row].clone(),
            value: values[row],
            low: lows[row],
            high: highs[row],
        };
        Ok(Self { rows: (0..names.len()).map(row).collect() })
    }
}

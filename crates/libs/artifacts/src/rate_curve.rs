//! `rates/M/fold-F.parquet`: the loss over a growing learning rate.

use crate::columns::Columns;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, UInt32Array};
use std::path::Path;
use std::sync::Arc;

/// What a search for a learning rate saw.
#[derive(Clone, Debug, PartialEq)]
pub struct RateCurve {
    /// One row a step, from 0.
    pub points: Vec<RatePoint>,
    /// The rate at which the smoothed loss falls most steeply.
    pub suggestion: f64,
}

/// One step of the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatePoint {
    /// Its number, from 0.
    pub step: u32,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The loss of its batch, before the step.
    pub loss: f64,
    /// That loss and the ones before it, smoothed.
    pub smooth_loss: f64,
}

impl Artifact for RateCurve {
    const SCHEMA: &'static str = "rate-curve/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let steps = columns.integers("step", u64::from(u32::MAX))?;
        let (rates, losses) = (columns.floats("learning_rate")?, columns.floats("loss")?);
        let smooth = columns.floats("smooth_loss")?;
        let points = steps.iter().zip(0..).map(|(step, row): (_, usize)| RatePoint {
            step: u32::try_from(*step).expect("checked while reading"),
            learning_rate: rates[row],
            loss: losses[row],
            smooth_loss: smooth[row],
        });
        let suggestion = columns.entry("suggestion").and_then(|text| text.parse().ok());
        let suggestion: f64 = suggestion
            .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
            .ok_or_else(|| columns.invalid("metadata suggestion: expected a rate above 0"))?;
        Ok(Loaded { value: Self { points: points.collect(), suggestion }, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let floats = |get: fn(&RatePoint) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(self.points.iter().map(get)))
        };
        let steps = UInt32Array::from_iter_values(self.points.iter().map(|point| point.step));
        let columns: [(&str, ArrayRef, bool); 4] = [
            ("step", Arc::new(steps), false),
            ("learning_rate", floats(|point| point.learning_rate), false),
            ("loss", floats(|point| point.loss), false),
            ("smooth_loss", floats(|point| point.smooth_loss), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns)
            .map_err(|error| ArtifactError::unwritable(path, error))?;
        let extra = Entries::from([("suggestion", format!("{:e}", self.suggestion))]);
        write_table(path, Self::SCHEMA, &batch, provenance, extra)
    }
}

//! `rates/M/fold-F.parquet`: the loss over a growing learning rate, as `lr_find` of fastai has it.

use crate::ArtifactError;
use crate::io::columns::Columns;
use crate::io::parquet_writer::Entries;
use crate::tables::table::{Table, field, floats};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::{DataType, Field};
use std::sync::Arc;

/// The curve of a learning-rate search.
#[derive(Clone, Debug, PartialEq)]
pub struct LrCurve {
    /// One row a step, from 0.
    pub points: Vec<LrCurvePoint>,
    /// The learning rate at which the smoothed loss falls most steeply.
    pub suggestion: f64,
}

/// One step of the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrCurvePoint {
    /// Its number, from 0.
    pub step: u32,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The loss of its batch, before the step.
    pub loss: f64,
    /// Exponential moving average of the losses so far.
    pub smooth_loss: f64,
}

impl Table for LrCurve {
    const NAME: &'static str = "rate-curve/1";

    fn fields() -> Vec<Field> {
        let float = |name, description| field(name, DataType::Float64, description);
        vec![
            field("step", DataType::UInt32, "from 0"),
            float("learning_rate", "of the step, a constant factor above the one before"),
            float("loss", "of the step's batch, before the step"),
            float("smooth_loss", "exponential moving average, decay 0.98, bias corrected"),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let points = || self.points.iter();
        vec![
            Arc::new(UInt32Array::from_iter_values(points().map(|point| point.step))),
            floats(points().map(|point| point.learning_rate)),
            floats(points().map(|point| point.loss)),
            floats(points().map(|point| point.smooth_loss)),
        ]
    }

    fn entries(&self) -> Entries {
        Entries::from([("suggestion", format!("{:e}", self.suggestion))])
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let steps = columns.u32s("step")?;
        let (rates, losses) = (columns.floats("learning_rate")?, columns.floats("loss")?);
        let smooth = columns.floats("smooth_loss")?;
        let points = (0..steps.len()).map(|row| LrCurvePoint {
            step: steps[row],
            learning_rate: rates[row],
            loss: losses[row],
            smooth_loss: smooth[row],
        });
        let suggestion = columns.entry("suggestion").and_then(|text| text.parse().ok());
        let suggestion: f64 = suggestion
            .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
            .ok_or_else(|| columns.invalid("metadata suggestion: expected a rate above 0"))?;
        Ok(Self { points: points.collect(), suggestion })
    }
}

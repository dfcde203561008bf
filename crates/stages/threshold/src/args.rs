//! Arguments of `hpa-threshold`.

use hpa_artifacts::{Folds, Labels, Predictions, Thresholds};
use hpa_cli::{Input, Output, UsageError, in_range};
use hpa_core::Seed;
use hpa_metrics::Metric;
use hpa_threshold::{Calibration, Method, Settings, ThresholdError};
use serde::Serialize;

/// The arguments as typed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The probabilities; with a `fold` column the thresholds are cross-fitted too
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    pub(crate) predictions: Input<Predictions>,
    /// The true labels; predictions of other samples are left out
    #[arg(long, value_name = "LABELS.parquet")]
    pub(crate) labels: Input<Labels>,
    /// Resample the groups of duplicates in this file as a whole [default: each sample by itself]
    #[arg(long, value_name = "FOLDS.parquet")]
    pub(crate) folds: Option<Input<Folds>>,
    /// basinhopping, basinhopping-mratsim, exact, global, fixed:X, coordinate, expected-f1 or
    /// prevalence
    #[arg(long, default_value = "basinhopping")]
    pub(crate) method: Method,
    /// macro-f1, micro-f1, samples-f1, or the same with f2 or f0.5
    #[arg(long, default_value = "macro-f1")]
    pub(crate) metric: Metric,
    /// Seed of the random hops and resamples
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = in_range::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Shrink thresholds of labels with fewer positives than this toward the global one; 0 shrinks
    /// none
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = in_range::<u32>(0..=1_000_000))]
    pub(crate) shrink: u32,
    /// Resamples for the 95 % interval; 0 gives none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = in_range::<u32>(0..=1_000_000))]
    pub(crate) bootstrap: u32,
    /// Calibration of expected-f1
    #[arg(long, value_enum, default_value_t)]
    pub(crate) calibration: Calibration,
    /// Where to write the thresholds
    #[arg(long, value_name = "THRESHOLDS.parquet")]
    pub(crate) out: Output<Thresholds>,
}

/// The settings that determine the thresholds, as recorded in the file.
#[derive(Debug, Serialize)]
pub(crate) struct Recorded {
    method: String,
    metric: String,
    seed: u64,
    shrink: u32,
    calibration: Calibration,
}

impl Args {
    /// The settings of the fit.
    ///
    /// # Errors
    /// When the method cannot maximise the metric.
    pub(crate) fn settings(&self) -> Result<Settings, UsageError> {
        if self.method == Method::Exact && !self.metric.is_separable() {
            return Err(UsageError::new(ThresholdError::Coupled(self.metric).to_string()));
        }
        Ok(Settings {
            method: self.method,
            shrink: self.shrink,
            calibration: self.calibration,
            seed: Seed::new(self.seed),
        })
    }

    pub(crate) fn recorded(&self) -> Recorded {
        Recorded {
            method: self.method.to_string(),
            metric: self.metric.to_string(),
            seed: self.seed,
            shrink: self.shrink,
            calibration: self.calibration,
        }
    }
}

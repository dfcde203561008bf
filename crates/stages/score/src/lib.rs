//! Scores of predictions against the labels, with 95 % intervals.
//!
//! Only labelled samples count. A labelled sample without a prediction is an error;
//! predictions without labels are left out.

mod mean_auc;

pub use mean_auc::MeanAuc;

use hpa_artifacts::{Aligned, ThresholdMismatch, Thresholds, apply_thresholds};
use hpa_core::ProbabilityError;
use hpa_metrics::{Bootstrap, Confusion, Metric, MetricError};
use serde::Serialize;
use std::str::FromStr;

/// A score to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreKind {
    /// An F-score of thresholded predictions.
    F(Metric),
    /// The mean area under the ROC curve of probabilities.
    MeanAuc,
}

/// A score as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// `oof` when the predictions have folds, else `test`.
    pub split: &'static str,
    /// The method that chose the thresholds; `none` for the area under the curve.
    pub method: String,
    /// The metric's name.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// Why nothing can be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The thresholds belong to other labels or folds.
    #[error(transparent)]
    Thresholds(#[from] ThresholdMismatch),
    /// A value that is no probability.
    #[error(transparent)]
    Probability(#[from] ProbabilityError),
    /// Too few positives or negatives everywhere.
    #[error(
        "no label has at least {0} positive and {0} negative samples\n  help: lower --min-positives"
    )]
    NoRanking(usize),
}

/// The F-score of the predictions at the thresholds.
///
/// # Errors
/// When the thresholds belong to other labels or folds.
pub fn f_score(
    data: &Aligned,
    metric: Metric,
    thresholds: &Thresholds,
    bootstrap: &Bootstrap,
) -> Result<Score, ScoreError> {
    let predicted = apply_thresholds(&data.predictions, thresholds)?;
    let confusion = Confusion::new(&data.truth, &predicted, data.n_labels());
    let value = confusion.score(metric);
    let resampled = |weights: &[u32]| confusion.weighted_score(metric, weights);
    Ok(score(data, &thresholds.method, metric.to_string(), value, bootstrap, resampled))
}

/// The mean area under the ROC curve of the labels with at least `min_positives` positive and
/// as many negative samples.
///
/// # Errors
/// When there is no such label.
pub fn mean_auc(
    data: &Aligned,
    min_positives: usize,
    bootstrap: &Bootstrap,
) -> Result<Score, ScoreError> {
    let scores = &data.predictions.probabilities;
    let auc = MeanAuc::new(scores, &data.truth, data.n_labels(), min_positives)?;
    let value =
        auc.weighted(&vec![1; data.n_samples()]).ok_or(ScoreError::NoRanking(min_positives))?;
    // A resample without any label that counts keeps the value.
    let resampled = |weights: &[u32]| auc.weighted(weights).unwrap_or(value);
    Ok(score(data, "none", "mean-auc".to_owned(), value, bootstrap, resampled))
}

fn score(
    data: &Aligned,
    method: &str,
    metric: String,
    value: f64,
    bootstrap: &Bootstrap,
    resampled: impl Fn(&[u32]) -> f64 + Sync,
) -> Score {
    let intervals = bootstrap.intervals(|weights| vec![resampled(weights)]);
    let interval = intervals.first();
    Score {
        split: if data.predictions.folds.is_some() { "oof" } else { "test" },
        method: method.to_owned(),
        metric,
        value,
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
    }
}

impl FromStr for ScoreKind {
    type Err = MetricError;
    fn from_str(text: &str) -> Result<Self, MetricError> {
        if text == "mean-auc" { Ok(Self::MeanAuc) } else { text.parse().map(Self::F) }
    }
}

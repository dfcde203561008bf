//! Scores of predictions against the labels, with 95 % intervals.
//!
//! Only labelled samples count. A labelled sample without a prediction is an error;
//! predictions without labels are left out.

mod mean_auc;

pub use mean_auc::MeanAuc;

use hpa_artifacts::{Folds, Labels, Predictions, ThresholdMismatch, Thresholds};
use hpa_core::{ProbabilityError, SampleId};
use hpa_metrics::{Bootstrap, Confusion, Metric, MetricError};
use serde::Serialize;
use std::collections::HashMap;
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
    /// The labels file has no rows.
    #[error("there is no labelled sample to score")]
    NoLabels,
    /// The labels and the predictions name the labels differently.
    #[error("label {label} is {ours} in --labels and {theirs} in --predictions")]
    Names {
        /// The first that differs.
        label: usize,
        /// Its name in the labels, in quotes, or `missing`.
        ours: String,
        /// Its name in the predictions, in quotes, or `missing`.
        theirs: String,
    },
    /// Labelled samples without a prediction.
    #[error(
        "{count} labelled samples have no prediction: {first}\n  help: predict them too, or take them out of the labels"
    )]
    Unpredicted {
        /// How many.
        count: usize,
        /// The first twenty.
        first: String,
    },
    /// A labelled sample that no fold has.
    #[error("labelled sample {0} is not in the folds file")]
    NoFold(SampleId),
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

/// The labelled samples and their predictions, in the order of the labels.
#[derive(Clone, Debug)]
pub struct LabelledPredictions {
    predictions: Predictions,
    truth: Vec<bool>,
    /// How many predictions have no labels.
    pub left_out: usize,
}

impl LabelledPredictions {
    /// Joins labels and predictions by sample id.
    ///
    /// # Errors
    /// When there is no labelled sample, one has no prediction, or the label names differ.
    pub fn new(labels: &Labels, predictions: &Predictions) -> Result<Self, ScoreError> {
        check_names(labels, predictions)?;
        let row_of: HashMap<&SampleId, usize> = predictions.ids.iter().zip(0..).collect();
        let unpredicted = labels.rows.iter().filter(|row| !row_of.contains_key(&row.id));
        let unpredicted: Vec<&str> = unpredicted.map(|row| row.id.as_str()).collect();
        if !unpredicted.is_empty() {
            let count = unpredicted.len();
            let rest = if count > 20 { ", …" } else { "" };
            let first = unpredicted[..count.min(20)].join(", ") + rest;
            return Err(ScoreError::Unpredicted { count, first });
        }
        let width = labels.names.count();
        let mut truth = vec![false; labels.rows.len() * width];
        for (labelled, truth) in labels.rows.iter().zip(truth.chunks_mut(width)) {
            labelled.labels.as_slice().iter().for_each(|label| truth[label.index()] = true);
        }
        let rows: Vec<usize> = labels.rows.iter().map(|row| row_of[&row.id]).collect();
        let left_out = predictions.ids.len() - rows.len();
        Ok(Self { predictions: select(predictions, &rows), truth, left_out })
    }

    /// How many samples.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.predictions.ids.len()
    }

    /// The F-score of the predictions at the thresholds.
    ///
    /// # Errors
    /// When the thresholds belong to other labels or folds.
    pub fn f_score(
        &self,
        metric: Metric,
        thresholds: &Thresholds,
        bootstrap: &Bootstrap,
    ) -> Result<Score, ScoreError> {
        let decided = hpa_artifacts::apply_thresholds(&self.predictions, thresholds)?;
        let outcomes = Confusion::new(&self.truth, &decided, self.predictions.names.count());
        let value = outcomes.score(metric);
        let resampled = |weights: &[u32]| outcomes.weighted_score(metric, weights);
        Ok(self.score(&thresholds.method, metric.to_string(), value, bootstrap, resampled))
    }

    /// The mean area under the ROC curve of the labels with at least `min_positives`
    /// samples of either kind.
    ///
    /// # Errors
    /// When there is no such label.
    pub fn mean_auc(
        &self,
        min_positives: usize,
        bootstrap: &Bootstrap,
    ) -> Result<Score, ScoreError> {
        let Predictions { names, probabilities, .. } = &self.predictions;
        let auc = MeanAuc::new(probabilities, &self.truth, names.count(), min_positives)?;
        let value =
            auc.weighted(&vec![1; self.n_samples()]).ok_or(ScoreError::NoRanking(min_positives))?;
        // A resample without any label that counts keeps the value.
        let resampled = |weights: &[u32]| auc.weighted(weights).unwrap_or(value);
        Ok(self.score("none", "mean-auc".to_owned(), value, bootstrap, resampled))
    }

    fn score(
        &self,
        method: &str,
        metric: String,
        value: f64,
        bootstrap: &Bootstrap,
        resampled: impl Fn(&[u32]) -> f64 + Sync,
    ) -> Score {
        let intervals = bootstrap.intervals(|weights| vec![resampled(weights)]);
        let interval = intervals.first();
        Score {
            split: if self.predictions.folds.is_some() { "oof" } else { "test" },
            method: method.to_owned(),
            metric,
            value,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        }
    }
}

impl FromStr for ScoreKind {
    type Err = MetricError;
    fn from_str(text: &str) -> Result<Self, MetricError> {
        if text == "mean-auc" { Ok(Self::MeanAuc) } else { text.parse().map(Self::F) }
    }
}

/// The group of duplicates of each labelled sample.
///
/// # Errors
/// When a labelled sample is not in the folds file.
pub fn groups(labels: &Labels, folds: &Folds) -> Result<Vec<u32>, ScoreError> {
    let groups: HashMap<&SampleId, u32> =
        folds.rows.iter().map(|row| (&row.id, row.group)).collect();
    let group =
        |id: &SampleId| groups.get(id).copied().ok_or_else(|| ScoreError::NoFold(id.clone()));
    labels.rows.iter().map(|row| group(&row.id)).collect()
}

fn check_names(labels: &Labels, predictions: &Predictions) -> Result<(), ScoreError> {
    if labels.rows.is_empty() {
        return Err(ScoreError::NoLabels);
    }
    let (ours, theirs) = (labels.names.as_slice(), predictions.names.as_slice());
    let differs = |label: &usize| ours.get(*label) != theirs.get(*label);
    match (0..ours.len().max(theirs.len())).find(differs) {
        None => Ok(()),
        Some(label) => {
            let name = |names: &[String]| {
                names.get(label).map_or("missing".to_owned(), |name| format!("{name:?}"))
            };
            Err(ScoreError::Names { label, ours: name(ours), theirs: name(theirs) })
        }
    }
}

fn select(predictions: &Predictions, rows: &[usize]) -> Predictions {
    let folds = predictions.folds.clone().map(|mut column| {
        column.folds = rows.iter().map(|&row| column.folds[row]).collect();
        column
    });
    Predictions {
        names: predictions.names.clone(),
        ids: rows.iter().map(|&row| predictions.ids[row].clone()).collect(),
        folds,
        probabilities: rows.iter().flat_map(|&row| predictions.row(row)).copied().collect(),
    }
}

//! Scores of decisions against the truth, with intervals.
//!
//! The labelled samples count. One without a prediction is an error; predictions without
//! labels are left out.

use crate::TableError;
use crate::mean_auc::MeanAuc;
use hpa_artifacts::{Folds, Labels, Predictions, Thresholds};
use hpa_core::SampleId;
use hpa_metrics::{Bootstrap, Metric, MetricError, Outcomes};
use serde::Serialize;
use std::collections::HashMap;
use std::str::FromStr;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// An F score of decisions.
    F(Metric),
    /// The mean area under the ROC curve of probabilities.
    MeanAuc,
}

/// A score as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// `oof` when the predictions have folds, else `test`.
    pub split: &'static str,
    /// How the thresholds were found; `none` for the area under the curve.
    pub method: String,
    /// Which score.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// The labelled samples, their predictions in the order of the labels.
#[derive(Clone, Debug)]
pub struct Judged {
    predictions: Predictions,
    truth: Vec<bool>,
    /// Predictions that have no labels.
    pub left_out: usize,
}

impl Judged {
    /// Brings labels and predictions side by side.
    ///
    /// # Errors
    /// When there is no labelled sample, one has no prediction, or the labels are called
    /// otherwise.
    pub fn new(labels: &Labels, predictions: &Predictions) -> Result<Self, TableError> {
        check_names(labels, predictions)?;
        let places: HashMap<&SampleId, usize> = predictions.ids.iter().zip(0..).collect();
        let unpredicted = labels.rows.iter().filter(|row| !places.contains_key(&row.id));
        let unpredicted: Vec<&str> = unpredicted.map(|row| row.id.as_str()).collect();
        if !unpredicted.is_empty() {
            let help = "predict them too, or take them out of the labels";
            return Err(TableError::unpredicted(&unpredicted, "labelled", help));
        }
        let width = labels.names.count();
        let mut truth = vec![false; labels.rows.len() * width];
        for (labelled, truth) in labels.rows.iter().zip(truth.chunks_mut(width)) {
            labelled.labels.as_slice().iter().for_each(|label| truth[label.index()] = true);
        }
        let rows: Vec<usize> = labels.rows.iter().map(|row| places[&row.id]).collect();
        let left_out = predictions.ids.len() - rows.len();
        Ok(Self { predictions: select(predictions, &rows), truth, left_out })
    }

    /// How many samples.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.predictions.ids.len()
    }

    /// The F score of decisions by the thresholds.
    ///
    /// # Errors
    /// When the thresholds belong to other labels or folds.
    pub fn f(
        &self,
        metric: Metric,
        thresholds: &Thresholds,
        plan: &Bootstrap,
    ) -> Result<Scored, TableError> {
        let mismatch = |error: hpa_artifacts::DecideError| TableError::Mismatch(error.to_string());
        let decided = self.predictions.decide(thresholds).map_err(mismatch)?;
        let outcomes = Outcomes::new(&self.truth, &decided, self.predictions.names.count());
        let intervals = plan.intervals(|weights| vec![outcomes.weighted_score(metric, weights)]);
        let interval = intervals.first();
        Ok(Scored {
            split: self.split(),
            method: thresholds.method.clone(),
            metric: metric.to_string(),
            value: outcomes.score(metric),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        })
    }

    /// The mean area under the ROC curve of the labels with at least `min_positives`
    /// samples of either kind.
    ///
    /// # Errors
    /// When there is no such label.
    pub fn mean_auc(&self, min_positives: usize, plan: &Bootstrap) -> Result<Scored, TableError> {
        let Predictions { names, probabilities, .. } = &self.predictions;
        let mismatch = |error: hpa_core::ProbabilityError| TableError::Mismatch(error.to_string());
        let auc = MeanAuc::new(probabilities, &self.truth, names.count(), min_positives)
            .map_err(mismatch)?;
        let value = auc.weighted(&vec![1; self.n_samples()]).ok_or_else(|| {
            TableError::Mismatch(format!(
                "no label has at least {min_positives} samples with it and as many without\n  \
                 help: lower --min-positives"
            ))
        })?;
        // A resample without any label that counts says nothing new.
        let resampled = |weights: &[u32]| vec![auc.weighted(weights).unwrap_or(value)];
        let intervals = plan.intervals(resampled);
        let interval = intervals.first();
        Ok(Scored {
            split: self.split(),
            method: "none".to_owned(),
            metric: "mean-auc".to_owned(),
            value,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        })
    }

    fn split(&self) -> &'static str {
        if self.predictions.folds.is_some() { "oof" } else { "test" }
    }
}

impl FromStr for Score {
    type Err = MetricError;
    fn from_str(text: &str) -> Result<Self, MetricError> {
        if text == "mean-auc" { Ok(Self::MeanAuc) } else { text.parse().map(Self::F) }
    }
}

/// The group of duplicates of each labelled sample.
///
/// # Errors
/// When a labelled sample is not in the folds file.
pub fn groups(labels: &Labels, folds: &Folds) -> Result<Vec<u32>, TableError> {
    let groups: HashMap<&SampleId, u32> =
        folds.rows.iter().map(|row| (&row.id, row.group)).collect();
    let group = |id: &SampleId| {
        groups.get(id).copied().ok_or_else(|| {
            TableError::Mismatch(format!("labelled sample {id} is not in the folds file"))
        })
    };
    labels.rows.iter().map(|row| group(&row.id)).collect()
}

fn check_names(labels: &Labels, predictions: &Predictions) -> Result<(), TableError> {
    if labels.rows.is_empty() {
        return Err(TableError::Mismatch("there is no labelled sample to score".to_owned()));
    }
    let (ours, theirs) = (labels.names.as_slice(), predictions.names.as_slice());
    let differs = |label: &usize| ours.get(*label) != theirs.get(*label);
    match (0..ours.len().max(theirs.len())).find(differs) {
        None => Ok(()),
        Some(label) => {
            let name = |names: &[String]| {
                names.get(label).map_or("missing".to_owned(), |name| format!("{name:?}"))
            };
            Err(TableError::Mismatch(format!(
                "label {label} is {} in --labels and {} in --predictions",
                name(ours),
                name(theirs)
            )))
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

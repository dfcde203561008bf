//! What a search is worth: fitted and held-out scores, their interval, and label by label
//! the gap to the exact optimum and the calibration.

use crate::cross_fit::decide;
use crate::tally::Tally;
use crate::{Aligned, Fit, Problem, Settings, ThresholdError, cross_fit, fit, optimum};
use hpa_artifacts::{ThresholdRow, Thresholds};
use hpa_core::{LabelNames, Threshold};
use hpa_metrics::{Bootstrap, Counts, Interval, Metric, Outcomes, Ranking};
use hpa_metrics::{calibration_error, half_f_gap};
use rayon::prelude::*;
use serde::Serialize;
use std::time::Instant;

/// Bins of the calibration error, as many as its source uses.
const CALIBRATION_BINS: usize = 15;

/// The value printed under `--json`. Scores are in the metric; those of labels are the
/// label's F in the metric's β.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub(crate) method: String,
    pub(crate) metric: String,
    /// On the samples that the thresholds were fitted on: optimistic.
    pub(crate) fitted: f64,
    /// By thresholds fitted without the sample's fold.
    pub(crate) held_out: Option<f64>,
    /// 95 % interval of the held-out score, or of the fitted one without folds.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// The highest fitted score possible; unknown for means over samples. Less `fitted` it is
    /// the method's gap.
    pub(crate) exact: Option<f64>,
    before_polish: Option<f64>,
    /// How much changing any one threshold can still gain, where that is proven.
    certificate: Option<f64>,
    evaluations: u64,
    /// Searching, cross-fitting included; neither reading nor the interval.
    seconds: f64,
    labels: Vec<LabelSummary>,
}

/// One label's part of the [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct LabelSummary {
    label: u8,
    name: String,
    support: u64,
    threshold: f64,
    fitted: f64,
    held_out: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    /// The highest fitted F possible.
    exact: f64,
    roc_auc: Option<f64>,
    calibration_error: f64,
    /// How far F1*/2 lies from the best thresholds; 0 under calibrated probabilities.
    half_f_gap: Option<f64>,
}

/// A search and its worth.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// For the file.
    pub thresholds: Thresholds,
    /// For the screen.
    pub summary: Summary,
}

/// Everything that scores are computed from.
struct Scored<'a> {
    data: &'a Aligned,
    problem: &'a Problem,
    fit: &'a Fit,
    folds: Option<&'a [Fit]>,
    /// Hits and misses of each label by the fitted thresholds.
    fitted: Vec<Counts>,
    held_out: Option<Outcomes>,
}

/// Finds thresholds and scores them; `plan` is the resampling for the interval, if any.
///
/// # Errors
/// When the search fails.
pub fn evaluate(
    data: &Aligned,
    names: &LabelNames,
    metric: Metric,
    settings: &Settings,
    plan: Option<&Bootstrap>,
) -> Result<Evaluation, ThresholdError> {
    let problem = match data.folds {
        Some(_) => Problem::new(metric, &data.scores, &data.truth, data.n_labels)?,
        None => Problem::indivisible(metric, &data.scores, &data.truth, data.n_labels)?,
    };
    let start = Instant::now();
    let found = fit(&problem, settings)?;
    let folds = match &data.folds {
        Some((count, folds)) => Some(cross_fit(&problem, *count, folds, settings)?),
        None => None,
    };
    let seconds = start.elapsed().as_secs_f64();
    let scored = Scored::new(data, &problem, &found, folds.as_deref());
    let summary = scored.summary(names, settings, plan);
    let thresholds = Thresholds {
        names: names.clone(),
        method: settings.method.to_string(),
        metric: metric.to_string(),
        rows: scored.rows()?,
    };
    rayon::spawn(move || drop(problem)); // its memory goes back while the file is written
    Ok(Evaluation { thresholds, summary: Summary { seconds, ..summary } })
}

impl<'a> Scored<'a> {
    fn new(
        data: &'a Aligned,
        problem: &'a Problem,
        fit: &'a Fit,
        folds: Option<&'a [Fit]>,
    ) -> Self {
        let counts = |(column, &threshold): (&Ranking, &f64)| {
            let predicted = column.predicted(threshold);
            column.counts(predicted)
        };
        let fitted = problem.columns().iter().zip(&fit.thresholds).map(counts).collect();
        let held_out = folds
            .zip(data.folds.as_ref())
            .map(|(fits, (_, of_row))| outcomes(data, |row| &fits[of_row[row].index()].thresholds));
        Self { data, problem, fit, folds, fitted, held_out }
    }

    /// The rows of the thresholds file; its scores are F1 whatever the metric.
    fn rows(&self) -> Result<Vec<ThresholdRow>, ThresholdError> {
        let check = |label: usize, value: f64| {
            Threshold::try_from(value).map_err(|source| ThresholdError::Score { label, source })
        };
        let held_out = self.held_out.as_ref().map(Outcomes::label_counts);
        let row = |label: usize| {
            let fold_threshold = self
                .folds
                .map(|fits| fits.iter().map(|fit| check(label, fit.thresholds[label])).collect());
            Ok(ThresholdRow {
                threshold: check(label, self.fit.thresholds[label])?,
                fold_threshold: fold_threshold.transpose()?,
                support: u32::try_from(self.fitted[label].positives())
                    .expect("rows fit in 32 bits"),
                f1_fitted: self.fitted[label].f1(),
                f1_held_out: held_out.as_ref().map(|counts| counts[label].f1()),
            })
        };
        (0..self.data.n_labels).map(row).collect()
    }

    fn summary(
        &self,
        names: &LabelNames,
        settings: &Settings,
        plan: Option<&Bootstrap>,
    ) -> Summary {
        let metric = self.problem.metric();
        let intervals = plan.map_or_else(Vec::new, |plan| self.intervals(plan));
        let total = intervals.first();
        let held_out = self.held_out.as_ref().map(Outcomes::label_counts);
        let labels: Vec<LabelSummary> = names
            .labels()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|label| {
                let label = label.index();
                let held_out = held_out.as_ref().map(|counts| counts[label]);
                let interval = intervals.get(1 + label);
                let name = names.as_slice()[label].clone();
                LabelSummary { name, ..self.label_summary(label, held_out, interval) }
            })
            .collect();
        Summary {
            method: settings.method.to_string(),
            metric: metric.to_string(),
            fitted: Tally::at(self.problem, &self.fit.thresholds).score(),
            held_out: self.held_out.as_ref().map(|outcomes| outcomes.score(metric)),
            low: total.map(|interval| interval.low),
            high: total.map(|interval| interval.high),
            exact: if metric.is_separable() {
                Some(labels.iter().map(|label| label.exact).sum::<f64>() / labels.len() as f64)
            } else {
                optimum(self.problem)
            },
            before_polish: self.fit.before_polish,
            certificate: self.fit.certificate,
            evaluations: self.fit.evaluations
                + self.folds.into_iter().flatten().map(|fit| fit.evaluations).sum::<u64>(),
            seconds: 0.0,
            labels,
        }
    }

    fn label_summary(
        &self,
        label: usize,
        held_out: Option<Counts>,
        interval: Option<&Interval>,
    ) -> LabelSummary {
        let (column, beta) = (&self.problem.columns()[label], self.problem.metric().beta());
        let f = |counts: &Counts| counts.f_beta(beta);
        let best = column.best(beta);
        let best_f1 = if f64::to_bits(beta) == f64::to_bits(1.0) { best } else { column.best(1.0) };
        LabelSummary {
            label: u8::try_from(label).expect("at most 256 labels"),
            name: String::new(),
            support: column.positives() as u64,
            threshold: self.fit.thresholds[label],
            fitted: f(&self.fitted[label]),
            held_out: held_out.as_ref().map(f),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            exact: f(&best.counts),
            roc_auc: column.roc_auc(),
            calibration_error: calibration_error(column.scores(), column.truth(), CALIBRATION_BINS),
            half_f_gap: half_f_gap(column, &best_f1),
        }
    }

    /// The interval of the total, then of each label; thresholds stay as they are.
    fn intervals(&self, plan: &Bootstrap) -> Vec<Interval> {
        let fitted;
        let outcomes = if let Some(outcomes) = &self.held_out {
            outcomes
        } else {
            fitted = outcomes(self.data, |_| &self.fit.thresholds);
            &fitted
        };
        let metric = self.problem.metric();
        plan.intervals(|weights| {
            let counts = outcomes.weighted_label_counts(weights);
            let labels = counts.iter().map(|counts| counts.f_beta(metric.beta()));
            std::iter::once(outcomes.weighted_score(metric, weights)).chain(labels).collect()
        })
    }
}

/// What the thresholds that `of_row` names for each row decide, against the truth.
fn outcomes<'a>(data: &Aligned, of_row: impl Fn(usize) -> &'a [f64]) -> Outcomes {
    Outcomes::new(&data.truth, &decide(&data.scores, data.n_labels, of_row), data.n_labels)
}

//! What a search is worth: fitted and held-out scores, their interval, and label by label
//! the gap to the exact optimum and the calibration.

use crate::optimum;
use crate::search::{Search, outcomes};
use crate::tally::Tally;
use hpa_metrics::{Bootstrap, Counts, Interval, Outcomes};
use hpa_metrics::{calibration_error, half_f_gap};
use rayon::prelude::*;
use serde::Serialize;

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

impl Search<'_> {
    /// What is printed; `plan` is the resampling for the interval, if any.
    #[must_use]
    pub fn summary(&self, plan: Option<&Bootstrap>) -> Summary {
        let metric = self.problem.metric();
        let intervals = plan.map_or_else(Vec::new, |plan| self.intervals(plan));
        let total = intervals.first();
        let held_out = self.held_out.as_ref().map(Outcomes::label_counts);
        let labels: Vec<LabelSummary> = self
            .names
            .labels()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|label| {
                let label = label.index();
                let held_out = held_out.as_ref().map(|counts| counts[label]);
                let interval = intervals.get(1 + label);
                let name = self.names.as_slice()[label].clone();
                LabelSummary { name, ..self.label_summary(label, held_out, interval) }
            })
            .collect();
        Summary {
            method: self.settings.method.to_string(),
            metric: metric.to_string(),
            fitted: Tally::at(&self.problem, &self.fit.thresholds).score(),
            held_out: self.held_out.as_ref().map(|outcomes| outcomes.score(metric)),
            low: total.map(|interval| interval.low),
            high: total.map(|interval| interval.high),
            exact: if metric.is_separable() {
                Some(labels.iter().map(|label| label.exact).sum::<f64>() / labels.len() as f64)
            } else {
                optimum(&self.problem)
            },
            before_polish: self.fit.before_polish,
            certificate: self.fit.certificate,
            evaluations: self.fit.evaluations
                + self.folds.iter().flatten().map(|fit| fit.evaluations).sum::<u64>(),
            seconds: self.seconds,
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
            calibration_error: calibration_error(column, CALIBRATION_BINS),
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

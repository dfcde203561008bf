//! The evaluation of a search: fitted and held-out scores with their interval, and for each label the
//! gap to the exact optimum and the calibration.

use crate::score::IncrementalScore;
use crate::search::{Search, confusion};
use crate::upper_bound;
use hpa_metrics::{Bootstrap, Confusion, calibration_error, half_f_gap};
use rayon::prelude::*;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// Bins of the calibration error, as many as its source uses.
const CALIBRATION_BINS: usize = 15;

/// The value printed under `--json`. Scores are in the metric; those of labels are the
/// label's F in the metric's β.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    method: String,
    metric: String,
    /// On the samples that the thresholds were fitted on: optimistic.
    fitted: f64,
    /// By thresholds fitted without the sample's fold.
    held_out: Option<f64>,
    /// 95 % interval of the held-out score, or of the fitted one without folds.
    low: Option<f64>,
    high: Option<f64>,
    /// The highest possible fitted score; unknown for means over samples.
    exact: Option<f64>,
    before_polish: Option<f64>,
    /// An upper bound on the gain from changing any one threshold, where it is proven.
    certificate: Option<f64>,
    evaluations: u64,
    /// Sorting, searching and cross-fitting; neither reading nor the interval.
    seconds: f64,
    labels: Vec<LabelSummary>,
}

/// One label's part of the [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct LabelSummary {
    label: usize,
    name: String,
    support: usize,
    threshold: f64,
    fitted: f64,
    held_out: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    /// The highest possible fitted F.
    exact: f64,
    roc_auc: Option<f64>,
    calibration_error: f64,
    /// The distance of F1*/2 from the best thresholds; 0 under calibrated probabilities.
    half_f_gap: Option<f64>,
}

impl Search<'_> {
    /// The summary of the search; `bootstrap` gives the interval.
    #[must_use]
    pub fn summary(&self, bootstrap: &Bootstrap) -> Summary {
        let metric = self.problem.metric();
        let beta = metric.beta();
        // The interval of the total, then those of the labels.
        let fitted = || confusion(self.data, |_| &self.fit.thresholds);
        let evaluated = self.held_out.as_ref().map_or_else(|| Cow::Owned(fitted()), Cow::Borrowed);
        let intervals = bootstrap.intervals(|weights| {
            let counts = evaluated.weighted_label_counts(weights);
            let labels = counts.iter().map(|counts| counts.f_beta(beta));
            std::iter::once(evaluated.weighted_score(metric, weights)).chain(labels).collect()
        });
        let held_out_counts = self.held_out.as_ref().map(Confusion::label_counts);
        let of_label = |label: usize| {
            let ranking = &self.problem.rankings()[label];
            let interval = intervals.get(1 + label);
            LabelSummary {
                label,
                name: self.data.predictions.names.as_slice()[label].clone(),
                support: ranking.positives(),
                threshold: self.fit.thresholds[label],
                fitted: self.fitted[label].f_beta(beta),
                held_out: held_out_counts.as_ref().map(|counts| counts[label].f_beta(beta)),
                low: interval.map(|interval| interval.low),
                high: interval.map(|interval| interval.high),
                exact: ranking.best(beta).counts.f_beta(beta),
                roc_auc: ranking.roc_auc(),
                calibration_error: calibration_error(ranking, CALIBRATION_BINS),
                half_f_gap: half_f_gap(ranking, &ranking.best(1.0)),
            }
        };
        let fold_fits = self.fold_fits.iter().flatten();
        Summary {
            method: self.settings.method.to_string(),
            metric: metric.to_string(),
            fitted: IncrementalScore::at(&self.problem, &self.fit.thresholds).value(),
            held_out: self.held_out.as_ref().map(|confusion| confusion.score(metric)),
            low: intervals.first().map(|interval| interval.low),
            high: intervals.first().map(|interval| interval.high),
            exact: upper_bound(&self.problem),
            before_polish: self.fit.before_polish,
            certificate: self.fit.certificate,
            evaluations: self.fit.evaluations + fold_fits.map(|fit| fit.evaluations).sum::<u64>(),
            seconds: self.seconds,
            labels: (0..self.data.n_labels()).into_par_iter().map(of_label).collect(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}: {:.4} fitted", self.metric, self.method, self.fitted)?;
        if let Some(held_out) = self.held_out {
            write!(f, ", {held_out:.4} held out")?;
        }
        if let (Some(low), Some(high)) = (self.low, self.high) {
            write!(f, " (95 % interval {low:.4} to {high:.4})")?;
        }
        if let Some(exact) = self.exact {
            write!(f, "; {:.5} below the optimum", (exact - self.fitted).max(0.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::case;
    use crate::{Calibration, Search, Settings};
    use hpa_artifacts::{Aligned, Predictions};
    use hpa_core::{LabelNames, Seed};
    use hpa_metrics::Bootstrap;

    #[test]
    fn the_line_has_the_score_and_its_gap() {
        let case = case("macro-f1", 300, 1);
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let predictions = Predictions {
            names: LabelNames::try_from(names).unwrap(),
            ids: (0..300).map(|index| format!("s{index}").parse().unwrap()).collect(),
            folds: None,
            probabilities: case.scores,
        };
        let data = Aligned { predictions, truth: case.truth, groups: None, left_out: 0 };
        let settings = Settings {
            method: "exact".parse().unwrap(),
            shrink: 0,
            calibration: Calibration::Platt,
            seed: Seed::new(0),
        };
        let metric = "macro-f1".parse().unwrap();
        let search = Search::run(&data, metric, &settings).unwrap();
        let bootstrap = Bootstrap::of_samples(300, 0, Seed::new(0));
        let text = search.summary(&bootstrap).to_string();
        assert!(text.starts_with("macro-f1 by exact: 0."), "{text}");
        assert!(text.ends_with(" fitted; 0.00000 below the optimum"), "{text}");
    }
}

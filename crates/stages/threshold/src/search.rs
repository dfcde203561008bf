//! The search on given samples: thresholds for the file, and all that their worth is computed from.

use crate::cross_fit::decide;
use crate::{Aligned, Fit, Problem, Settings, ThresholdError, cross_fit, fit};
use hpa_artifacts::{ThresholdRow, Thresholds};
use hpa_core::{LabelNames, Threshold};
use hpa_metrics::{Counts, Metric, Outcomes, Ranking};
use std::time::Instant;

/// A search that is over. Its file and its summary can be made side by side.
#[derive(Debug)]
pub struct Search<'a> {
    pub(crate) data: &'a Aligned,
    pub(crate) names: &'a LabelNames,
    pub(crate) settings: Settings,
    pub(crate) problem: Problem,
    pub(crate) fit: Fit,
    pub(crate) folds: Option<Vec<Fit>>,
    /// Hits and misses of each label by the fitted thresholds.
    pub(crate) fitted: Vec<Counts>,
    pub(crate) held_out: Option<Outcomes>,
    pub(crate) seconds: f64,
}

impl<'a> Search<'a> {
    /// Finds the thresholds, and those without each fold where there are folds.
    ///
    /// # Errors
    /// When the search fails.
    pub fn run(
        data: &'a Aligned,
        names: &'a LabelNames,
        metric: Metric,
        settings: &Settings,
    ) -> Result<Self, ThresholdError> {
        let sorted = if data.folds.is_some() { Problem::new } else { Problem::indivisible };
        let start = Instant::now();
        let problem = sorted(metric, &data.scores, &data.truth, data.n_labels)?;
        let found = fit(&problem, settings)?;
        let folds = match &data.folds {
            Some((count, folds)) => Some(cross_fit(&problem, *count, folds, settings)?),
            None => None,
        };
        let seconds = start.elapsed().as_secs_f64();
        let counts = |(column, &threshold): (&Ranking, &f64)| {
            let predicted = column.predicted(threshold);
            column.counts(predicted)
        };
        let fitted = problem.columns().iter().zip(&found.thresholds).map(counts).collect();
        let held_out = folds
            .as_ref()
            .zip(data.folds.as_ref())
            .map(|(fits, (_, of_row))| outcomes(data, |row| &fits[of_row[row].index()].thresholds));
        let settings = *settings;
        Ok(Self { data, names, settings, problem, fit: found, folds, fitted, held_out, seconds })
    }

    /// The thresholds file; its scores are F1 whatever the metric.
    ///
    /// # Errors
    /// When a threshold is no number in [0, 1].
    pub fn thresholds(&self) -> Result<Thresholds, ThresholdError> {
        let held_out = self.held_out.as_ref().map(Outcomes::label_counts);
        let rows = (0..self.data.n_labels).map(|label| self.row(label, held_out.as_deref()));
        Ok(Thresholds {
            names: self.names.clone(),
            method: self.settings.method.to_string(),
            metric: self.problem.metric().to_string(),
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    fn row(
        &self,
        label: usize,
        held_out: Option<&[Counts]>,
    ) -> Result<ThresholdRow, ThresholdError> {
        let check = |fit: &Fit| {
            Threshold::try_from(fit.thresholds[label])
                .map_err(|source| ThresholdError::Score { label, source })
        };
        let fold_threshold =
            self.folds.as_ref().map(|fits| fits.iter().map(check).collect::<Result<_, _>>());
        Ok(ThresholdRow {
            threshold: check(&self.fit)?,
            fold_threshold: fold_threshold.transpose()?,
            support: u32::try_from(self.fitted[label].positives()).expect("rows fit in 32 bits"),
            f1_fitted: self.fitted[label].f1(),
            f1_held_out: held_out.map(|counts| counts[label].f1()),
        })
    }
}

/// What the thresholds that `of_row` names for each row decide, against the truth.
pub(crate) fn outcomes<'a>(data: &Aligned, of_row: impl Fn(usize) -> &'a [f64]) -> Outcomes {
    Outcomes::new(&data.truth, &decide(&data.scores, data.n_labels, of_row), data.n_labels)
}

//! A complete search: thresholds fitted on all samples and without each fold, and their scores.

use crate::{Fit, Problem, Settings, ThresholdError, cross_fit, fit};
use hpa_artifacts::{Aligned, FoldColumn, Predictions, ThresholdRow, Thresholds, above_thresholds};
use hpa_core::Threshold;
use hpa_metrics::{Confusion, Counts, Metric, Ranking};
use std::time::Instant;

/// A finished search, from which file and summary are made.
#[derive(Debug)]
pub struct Search<'a> {
    pub(crate) data: &'a Aligned,
    pub(crate) settings: Settings,
    pub(crate) problem: Problem,
    pub(crate) fit: Fit,
    pub(crate) fold_fits: Option<Vec<Fit>>,
    /// The counts of each label at the fitted thresholds.
    pub(crate) fitted: Vec<Counts>,
    /// Each sample predicted by the thresholds fitted without its fold.
    pub(crate) held_out: Option<Confusion>,
    pub(crate) seconds: f64,
}

impl<'a> Search<'a> {
    /// Fits the thresholds, and those without each fold where there are folds.
    ///
    /// # Errors
    /// When a fit fails.
    pub fn run(
        data: &'a Aligned,
        metric: Metric,
        settings: &Settings,
    ) -> Result<Self, ThresholdError> {
        let Predictions { probabilities, folds, .. } = &data.predictions;
        let start = Instant::now();
        let problem = Problem::new(metric, probabilities, &data.truth, data.n_labels())?;
        let fit = fit(&problem, settings)?;
        let mut fold_fits = None;
        let mut held_out = None;
        if let Some(FoldColumn { count, folds }) = folds {
            let fits = cross_fit(&problem, *count, folds, settings)?;
            held_out = Some(confusion(data, |sample| &fits[folds[sample].index()].thresholds));
            fold_fits = Some(fits);
        }
        let seconds = start.elapsed().as_secs_f64();
        let counts =
            |(ranking, &threshold): (&Ranking, &f64)| ranking.counts(ranking.predicted(threshold));
        let fitted = problem.rankings().iter().zip(&fit.thresholds).map(counts).collect();
        let settings = *settings;
        Ok(Self { data, settings, problem, fit, fold_fits, fitted, held_out, seconds })
    }

    /// The thresholds file; its scores are F1 whatever the metric.
    ///
    /// # Errors
    /// When a threshold is not in [0, 1].
    ///
    /// # Panics
    /// When there are 2^32 samples or more.
    pub fn thresholds(&self) -> Result<Thresholds, ThresholdError> {
        let held_out = self.held_out.as_ref().map(Confusion::label_counts);
        let row = |label: usize| {
            let threshold = |fit: &Fit| {
                Threshold::try_from(fit.thresholds[label])
                    .map_err(|source| ThresholdError::Score { label, source })
            };
            let fold_thresholds = self
                .fold_fits
                .as_ref()
                .map(|fits| fits.iter().map(threshold).collect::<Result<_, _>>());
            let counts = self.fitted[label];
            Ok(ThresholdRow {
                threshold: threshold(&self.fit)?,
                fold_threshold: fold_thresholds.transpose()?,
                support: u32::try_from(counts.positives()).expect("fewer than 2^32 samples"),
                f1_fitted: counts.f1(),
                f1_held_out: held_out.as_ref().map(|counts| counts[label].f1()),
            })
        };
        Ok(Thresholds {
            names: self.data.predictions.names.clone(),
            method: self.settings.method.to_string(),
            metric: self.problem.metric().to_string(),
            rows: (0..self.data.n_labels()).map(row).collect::<Result<_, ThresholdError>>()?,
        })
    }
}

/// The confusion of the truth with what `thresholds` of each sample predict.
pub(crate) fn confusion<'a>(data: &Aligned, thresholds: impl Fn(usize) -> &'a [f64]) -> Confusion {
    let n_labels = data.n_labels();
    let predicted = above_thresholds(&data.predictions.probabilities, n_labels, thresholds);
    Confusion::new(&data.truth, &predicted, n_labels)
}

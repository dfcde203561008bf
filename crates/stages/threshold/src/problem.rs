//! What is to be maximised: a metric over samples whose scores are sorted label by label.

use crate::ThresholdError;
use hpa_metrics::{Average, BadScore, Metric, Ranking, Rows, rankings};
use rayon::prelude::*;

/// Scores, truth and metric, sorted once for all methods.
#[derive(Clone, Debug)]
pub struct Problem {
    metric: Metric,
    columns: Vec<Ranking>,
    n_samples: usize,
    /// Labels of each row; only where the metric averages over samples. Rows keep their
    /// numbers when others are left out.
    row_positives: Vec<u16>,
}

impl Problem {
    /// Sorts the scores of each label; both matrices are row-major `[samples][n_labels]`.
    ///
    /// # Errors
    /// When a score is not in [0, 1].
    ///
    /// # Panics
    /// When the matrices differ in length or are no whole number of rows.
    pub fn new(
        metric: Metric,
        scores: &[f32],
        truth: &[bool],
        n_labels: usize,
    ) -> Result<Self, ThresholdError> {
        Self::with_rows(metric, (scores, truth), n_labels, Rows::Kept)
    }

    /// The same of a problem that is not asked to [`Self::retain`] rows: smaller where the metric
    /// does not need them either.
    ///
    /// # Errors
    /// As [`Self::new`].
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn indivisible(
        metric: Metric,
        scores: &[f32],
        truth: &[bool],
        n_labels: usize,
    ) -> Result<Self, ThresholdError> {
        let rows = match metric.average {
            Average::Samples => Rows::Kept,
            Average::Macro | Average::Micro => Rows::Forgotten,
        };
        Self::with_rows(metric, (scores, truth), n_labels, rows)
    }

    fn with_rows(
        metric: Metric,
        (scores, truth): (&[f32], &[bool]),
        n_labels: usize,
        rows: Rows,
    ) -> Result<Self, ThresholdError> {
        let columns = rankings(scores, truth, n_labels, rows)
            .map_err(|BadScore { label, source }| ThresholdError::Score { label, source })?;
        let count = |row: &[bool]| u16::try_from(row.iter().filter(|&&truth| truth).count());
        let row_positives = match metric.average {
            Average::Samples => truth
                .chunks_exact(n_labels)
                .map(|row| count(row).expect("at most 256 labels"))
                .collect(),
            Average::Macro | Average::Micro => Vec::new(),
        };
        Ok(Self { metric, columns, n_samples: scores.len() / n_labels, row_positives })
    }

    /// The same problem on the rows that `keep` accepts.
    ///
    /// # Panics
    /// When the problem is [`Self::indivisible`].
    #[must_use]
    pub fn retain(&self, keep: impl Fn(usize) -> bool + Sync) -> Self {
        let columns: Vec<Ranking> =
            self.columns.par_iter().map(|column| column.retain(&keep)).collect();
        let n_samples = columns.first().map_or(0, Ranking::len);
        Self { metric: self.metric, columns, n_samples, row_positives: self.row_positives.clone() }
    }

    /// What is maximised.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// One ranking a label.
    #[must_use]
    pub fn columns(&self) -> &[Ranking] {
        &self.columns
    }

    /// How many samples take part.
    #[must_use]
    pub const fn n_samples(&self) -> usize {
        self.n_samples
    }

    pub(crate) fn row_positives(&self) -> &[u16] {
        &self.row_positives
    }
}

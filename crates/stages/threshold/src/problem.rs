//! What is to be maximised: a metric over samples whose scores are sorted label by label.

use crate::ThresholdError;
use hpa_metrics::{Average, Metric, Ranking};
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
        assert_eq!(scores.len(), truth.len(), "one score for each truth");
        assert!(n_labels > 0 && scores.len().is_multiple_of(n_labels), "whole rows of labels");
        let columns = (0..n_labels)
            .into_par_iter()
            .map(|label| {
                let scores: Vec<f32> =
                    scores.iter().skip(label).step_by(n_labels).copied().collect();
                let truth: Vec<bool> =
                    truth.iter().skip(label).step_by(n_labels).copied().collect();
                Ranking::new(&scores, &truth)
                    .map_err(|error| ThresholdError::Score { label, source: error })
            })
            .collect::<Result<_, _>>()?;
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

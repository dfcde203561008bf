//! The maximisation problem: a metric over samples whose scores are sorted label by label.

use crate::ThresholdError;
use hpa_metrics::{Average, InvalidScore, Metric, Ranking, rankings};
use rayon::prelude::*;

/// Scores, truth and metric, sorted once for all methods.
#[derive(Clone, Debug)]
pub struct Problem {
    metric: Metric,
    rankings: Vec<Ranking>,
    n_samples: usize,
    /// Positive labels of each sample; empty unless the metric averages over samples. Samples keep
    /// their indices when others are left out.
    sample_positives: Vec<u16>,
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
        let rankings = rankings(scores, truth, n_labels)
            .map_err(|InvalidScore { label, source }| ThresholdError::Score { label, source })?;
        let count = |row: &[bool]| u16::try_from(row.iter().filter(|&&truth| truth).count());
        let sample_positives = match metric.average {
            Average::Samples => truth
                .chunks_exact(n_labels)
                .map(|row| count(row).expect("at most 256 labels"))
                .collect(),
            Average::Macro | Average::Micro => Vec::new(),
        };
        Ok(Self { metric, rankings, n_samples: scores.len() / n_labels, sample_positives })
    }

    /// The same problem on the samples whose index `keep` accepts.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(usize) -> bool + Sync) -> Self {
        let rankings: Vec<Ranking> =
            self.rankings.par_iter().map(|ranking| ranking.retain(&keep)).collect();
        let n_samples = rankings.first().map_or(0, Ranking::len);
        Self { rankings, n_samples, sample_positives: self.sample_positives.clone(), ..*self }
    }

    /// The metric to maximise.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// One ranking per label.
    #[must_use]
    pub fn rankings(&self) -> &[Ranking] {
        &self.rankings
    }

    /// The number of samples.
    #[must_use]
    pub const fn n_samples(&self) -> usize {
        self.n_samples
    }

    pub(crate) fn sample_positives(&self) -> &[u16] {
        &self.sample_positives
    }
}

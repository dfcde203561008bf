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
        let columns = rankings(scores, truth, n_labels)?;
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

/// Labels gathered in one pass over a matrix: their numbers lie in a quarter of a cache line.
const GATHERED: usize = 4;

fn rankings(
    scores: &[f32],
    truth: &[bool],
    n_labels: usize,
) -> Result<Vec<Ranking>, ThresholdError> {
    let starts = (0..n_labels).step_by(GATHERED).collect::<Vec<_>>();
    let some = |start: usize| {
        let labels = start..(start + GATHERED).min(n_labels);
        let columns = gather(scores, n_labels, labels.clone());
        let truths = gather(truth, n_labels, labels.clone());
        let columns = labels.zip(columns.iter().zip(&truths));
        let ranking = |(label, (scores, truth)): (usize, (&Vec<f32>, &Vec<bool>))| {
            Ranking::new(scores, truth).map_err(|source| ThresholdError::Score { label, source })
        };
        columns.map(ranking).collect::<Result<Vec<_>, _>>()
    };
    let groups: Vec<Vec<Ranking>> = starts.into_par_iter().map(some).collect::<Result<_, _>>()?;
    Ok(groups.into_iter().flatten().collect())
}

/// Some columns of a row-major matrix.
fn gather<T: Copy>(matrix: &[T], width: usize, columns: std::ops::Range<usize>) -> Vec<Vec<T>> {
    let mut gathered: Vec<Vec<T>> =
        columns.clone().map(|_| Vec::with_capacity(matrix.len() / width)).collect();
    for row in matrix.chunks_exact(width) {
        for (column, &value) in gathered.iter_mut().zip(&row[columns.clone()]) {
            column.push(value);
        }
    }
    gathered
}

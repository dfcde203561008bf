//! The mean over labels of the area under the ROC curve: how well probabilities order
//! samples, whatever the thresholds.
//!
//! A label counts when at least `min_positives` samples carry it and as many do not: with
//! fewer the area is luck. In a resample a label that lost all of either kind is left out
//! of the mean of that resample.
//!
//! Source: Mann & Whitney 1947; a sample drawn twice counts as two.

use hpa_core::ProbabilityError;
use hpa_metrics::Ranking;

/// Labels that count, each sorted once.
#[derive(Clone, Debug)]
pub struct MeanAuc {
    rankings: Vec<Ranking>,
}

impl MeanAuc {
    /// Sorts the scores of each label; both row-major `[samples][n_labels]`.
    ///
    /// # Errors
    /// When a score is no probability.
    pub fn new(
        scores: &[f32],
        truth: &[bool],
        n_labels: usize,
        min_positives: usize,
    ) -> Result<Self, ProbabilityError> {
        let column = |label: usize| {
            let scores: Vec<f32> = scores.iter().skip(label).step_by(n_labels).copied().collect();
            let truth: Vec<bool> = truth.iter().skip(label).step_by(n_labels).copied().collect();
            Ranking::new(&scores, &truth)
        };
        let mut rankings = (0..n_labels).map(column).collect::<Result<Vec<_>, _>>()?;
        rankings.retain(|ranking| {
            let positives = ranking.positives();
            positives.min(ranking.len() - positives) >= min_positives.max(1)
        });
        Ok(Self { rankings })
    }

    /// How many labels count.
    #[must_use]
    pub fn n_labels(&self) -> usize {
        self.rankings.len()
    }

    /// The mean when sample `i` counts `weights[i]` times; `None` when no label counts.
    #[must_use]
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        let areas: Vec<f64> =
            self.rankings.iter().filter_map(|ranking| area(ranking, weights)).collect();
        (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
    }
}

fn area(ranking: &Ranking, weights: &[u32]) -> Option<f64> {
    // Twice the pairs in which the positive stands higher, equal scores counting half.
    let (mut doubled, mut above, mut negatives) = (0_u128, 0_u64, 0_u64);
    let (mut block_positives, mut block_negatives) = (0_u64, 0_u64);
    let mut score = f32::NAN;
    for ((&own, &truth), &row) in ranking.scores().iter().zip(ranking.truth()).zip(ranking.rows()) {
        if own.total_cmp(&score).is_ne() {
            doubled += u128::from(block_negatives) * u128::from(2 * above + block_positives);
            (above, negatives) = (above + block_positives, negatives + block_negatives);
            (block_positives, block_negatives, score) = (0, 0, own);
        }
        let weight = u64::from(weights[row as usize]);
        if truth { block_positives += weight } else { block_negatives += weight }
    }
    doubled += u128::from(block_negatives) * u128::from(2 * above + block_positives);
    (above, negatives) = (above + block_positives, negatives + block_negatives);
    let pairs = above as f64 * negatives as f64;
    (pairs > 0.0).then(|| doubled as f64 / (2.0 * pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_counted_by_hand() {
        // Positives .9 and .5 against negatives .5 and .1: 3 pairs of 4 won, one half.
        let (scores, truth) = ([0.9, 0.5, 0.5, 0.1], [true, true, false, false]);
        let auc = MeanAuc::new(&scores, &truth, 1, 2).unwrap();
        assert_eq!(auc.weighted(&[1; 4]), Some(0.875));
        // The tied negative thrice: 8 pairs, 5 won, 3 halves.
        assert_eq!(auc.weighted(&[1, 1, 3, 1]), Some(6.5 / 8.0));
        assert_eq!(auc.weighted(&[0, 0, 3, 1]), None);
    }

    #[test]
    fn without_weights_it_is_the_library_s() {
        let mut rng = hpa_core::Seed::new(1).rng();
        #[expect(clippy::cast_possible_truncation, reason = "a test's scores")]
        let scores: Vec<f32> =
            (0..500).map(|_| (rng.uniform() * 20.0).floor() as f32 / 20.0).collect();
        let truth: Vec<bool> = (0..500).map(|_| rng.chance(0.3)).collect();
        let ours = MeanAuc::new(&scores, &truth, 1, 1).unwrap().weighted(&[1; 500]);
        assert_eq!(ours, Ranking::new(&scores, &truth).unwrap().roc_auc());
    }

    #[test]
    fn labels_with_too_few_of_either_kind_do_not_count() {
        let truth = [true, true, true, false, true, false];
        let auc = |min| MeanAuc::new(&[0.5; 6], &truth, 2, min).unwrap().n_labels();
        assert_eq!((auc(0), auc(1), auc(2)), (1, 1, 0));
    }
}

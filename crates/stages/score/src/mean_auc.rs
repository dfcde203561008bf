//! Mean area under the ROC curve over labels: how well probabilities rank samples.
//!
//! A label counts when it has at least `min_positives` positive and as many negative samples;
//! with fewer the area is mostly noise. A label that lost all positives or all negatives in a
//! resample is left out of the mean of that resample.
//!
//! Source: Mann & Whitney 1947; a sample drawn twice counts as two.

use hpa_core::ProbabilityError;
use hpa_metrics::Ranking;

/// Rankings of the labels that count.
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
    for ((&own, &truth), &row) in
        ranking.scores().iter().zip(ranking.truth()).zip(ranking.indices())
    {
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
    fn the_area_equals_the_count_of_ordered_pairs() {
        // Positives .9 and .5 against negatives .5 and .1: 3 of 4 pairs ordered, 1 tied.
        let (scores, truth) = ([0.9, 0.5, 0.5, 0.1], [true, true, false, false]);
        let auc = MeanAuc::new(&scores, &truth, 1, 2).unwrap();
        assert_eq!(auc.weighted(&[1; 4]), Some(0.875));
        // The tied negative thrice: 8 pairs, 5 ordered, 3 tied.
        assert_eq!(auc.weighted(&[1, 1, 3, 1]), Some(6.5 / 8.0));
        assert_eq!(auc.weighted(&[0, 0, 3, 1]), None);
    }

    #[test]
    fn unit_weights_give_the_ranking_s_auc() {
        let mut rng = hpa_core::Seed::new(1).rng();
        #[expect(clippy::cast_possible_truncation, reason = "a test's scores")]
        let scores: Vec<f32> =
            (0..500).map(|_| (rng.uniform() * 20.0).floor() as f32 / 20.0).collect();
        let truth: Vec<bool> = (0..500).map(|_| rng.bernoulli(0.3)).collect();
        let ours = MeanAuc::new(&scores, &truth, 1, 1).unwrap().weighted(&[1; 500]);
        assert_eq!(ours, Ranking::new(&scores, &truth).unwrap().roc_auc());
    }

    #[test]
    fn labels_with_too_few_positives_or_negatives_do_not_count() {
        let truth = [true, true, true, false, true, false];
        let auc = |min| MeanAuc::new(&[0.5; 6], &truth, 2, min).unwrap().n_labels();
        assert_eq!((auc(0), auc(1), auc(2)), (1, 1, 0));
    }
}

//! One label's scores in descending order: F as a function of the threshold, its exact maximum,
//! the ROC area.
//!
//! F changes only where the threshold passes a score. A *cut* is a number of samples that can be
//! predicted: tied scores are predicted together. The threshold of a cut is the midpoint of the
//! two neighbouring scores, exact in f64 because scores are f32, hence never equal to a score;
//! predicting nothing has threshold 1, predicting everything has threshold 0. Scores of 0 are
//! never strictly above a threshold in [0, 1], so no cut includes them.
//!
//! Cost: one radix sort and walks over the cuts, all linear; looking up a threshold is a binary
//! search; the hits above a cut come from a table with an entry every 64 samples.

use crate::Counts;
use hpa_core::ProbabilityError;
use rayon::prelude::*;

/// Samples between two entries of the table of hits.
const BLOCK: usize = 64;

/// One label's samples in descending order of their scores.
#[derive(Clone, Debug)]
pub struct Ranking {
    scores: Vec<f32>,
    truth: Vec<bool>,
    indices: Vec<u32>,
    positives: usize,
    /// How many scores are above 0, so that they can be predicted at all.
    predictable: usize,
    /// Entry `i`: the positives among the first `64 i` samples.
    block_hits: Vec<u32>,
}

/// A threshold between two neighbouring scores, and its counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// How many samples are predicted.
    pub predicted: usize,
    /// The midpoint of the lowest predicted score and the highest not predicted.
    pub threshold: f64,
    /// True positives, false positives and false negatives.
    pub counts: Counts,
}

/// A score outside [0, 1], with its label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidScore {
    /// The label's index.
    pub label: usize,
    /// What is wrong with the score.
    pub source: ProbabilityError,
}

/// Ranks the scores of each label; both matrices are row-major `[samples][n_labels]`.
///
/// # Errors
/// When a score is not in [0, 1]: the first of the lowest such label.
///
/// # Panics
/// When the matrices differ in length or are no whole number of rows, or there are 2^32 samples
/// or more.
pub fn rankings(
    scores: &[f32],
    truth: &[bool],
    n_labels: usize,
) -> Result<Vec<Ranking>, InvalidScore> {
    assert_eq!(scores.len(), truth.len(), "one score for each truth");
    assert!(n_labels > 0 && scores.len().is_multiple_of(n_labels), "whole rows of labels");
    let rank = |label: usize| {
        let cells = || (label..scores.len()).step_by(n_labels);
        let column_scores: Vec<f32> = cells().map(|cell| scores[cell]).collect();
        let column_truth: Vec<bool> = cells().map(|cell| truth[cell]).collect();
        Ranking::new(&column_scores, &column_truth).map_err(|source| InvalidScore { label, source })
    };
    let columns: Vec<_> = (0..n_labels).into_par_iter().map(rank).collect();
    columns.into_iter().collect()
}

impl Ranking {
    /// Sorts a label's scores. Tied scores stay in the order of their samples.
    ///
    /// # Errors
    /// When a score is not in [0, 1].
    ///
    /// # Panics
    /// When scores and truth differ in length or there are 2^32 samples or more.
    pub fn new(scores: &[f32], truth: &[bool]) -> Result<Self, ProbabilityError> {
        assert_eq!(scores.len(), truth.len(), "one score for each truth");
        if let Some(&score) = scores.iter().find(|score| !(0.0..=1.0).contains(*score)) {
            return Err(ProbabilityError(f64::from(score)));
        }
        let n_samples = u32::try_from(scores.len()).expect("fewer than 2^32 samples");
        let mut indices: Vec<u32> = (0..n_samples).collect();
        // The radix sort is stable; subtracting from 0 gives 0 and -0 the same key.
        radsort::sort_by_cached_key(&mut indices, |&index| 0.0 - scores[index as usize]);
        Ok(Self::from_sorted(
            indices.iter().map(|&index| scores[index as usize]).collect(),
            indices.iter().map(|&index| truth[index as usize]).collect(),
            indices,
        ))
    }

    fn from_sorted(scores: Vec<f32>, truth: Vec<bool>, indices: Vec<u32>) -> Self {
        let mut block_hits = Vec::with_capacity(scores.len() / BLOCK + 2);
        let mut hits = 0;
        for block in truth.chunks(BLOCK) {
            block_hits.push(hits);
            hits += block.iter().map(|&truth| u32::from(truth)).sum::<u32>();
        }
        block_hits.push(hits);
        let predictable = scores.partition_point(|&score| score > 0.0);
        Self { scores, truth, indices, positives: hits as usize, predictable, block_hits }
    }

    /// The ranking of the samples whose index `keep` accepts; indices stay as they are.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept = |rank: &usize| keep(self.indices[*rank] as usize);
        let ranks: Vec<usize> = (0..self.len()).filter(kept).collect();
        Self::from_sorted(
            ranks.iter().map(|&rank| self.scores[rank]).collect(),
            ranks.iter().map(|&rank| self.truth[rank]).collect(),
            ranks.iter().map(|&rank| self.indices[rank]).collect(),
        )
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// How many samples have the label.
    #[must_use]
    pub fn positives(&self) -> usize {
        self.positives
    }

    /// The scores in descending order.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The truth in the order of the scores.
    #[must_use]
    pub fn truth(&self) -> &[bool] {
        &self.truth
    }

    /// The index of each sample in the order of the scores.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The threshold that predicts exactly the first `predicted` samples.
    #[must_use]
    pub fn threshold(&self, predicted: usize) -> f64 {
        if predicted == 0 {
            return 1.0;
        }
        match self.scores.get(predicted) {
            Some(&next) => f64::midpoint(f64::from(self.scores[predicted - 1]), f64::from(next)),
            None => 0.0,
        }
    }

    /// How many samples this threshold predicts.
    #[must_use]
    pub fn predicted(&self, threshold: f64) -> usize {
        self.scores.partition_point(|&score| f64::from(score) > threshold)
    }

    /// The next cut that predicts more, if there is one.
    #[must_use]
    pub fn next_cut(&self, predicted: usize) -> Option<usize> {
        (predicted < self.predictable).then(|| self.end_of_ties(predicted))
    }

    /// One past the last sample whose score equals that of the sample at `rank`.
    fn end_of_ties(&self, rank: usize) -> usize {
        let score = self.scores[rank];
        rank + self.scores[rank..].iter().take_while(|&&other| other >= score).count()
    }

    /// The next cut that predicts fewer, if there is one.
    #[must_use]
    pub fn previous_cut(&self, predicted: usize) -> Option<usize> {
        let score = self.scores[predicted.checked_sub(1)?];
        let ties = self.scores[..predicted].iter().rev().take_while(|&&other| other <= score);
        Some(predicted - ties.count())
    }

    /// The counts when the first `predicted` samples are predicted.
    #[must_use]
    pub fn counts(&self, predicted: usize) -> Counts {
        self.counts_with(self.hits(predicted), predicted)
    }

    /// How many of the first `predicted` samples have the label.
    #[must_use]
    pub fn hits(&self, predicted: usize) -> usize {
        let block = predicted / BLOCK;
        let rest = &self.truth[block * BLOCK..predicted];
        self.block_hits[block] as usize + rest.iter().filter(|&&truth| truth).count()
    }

    fn counts_with(&self, hits: usize, predicted: usize) -> Counts {
        Counts {
            true_positives: hits as u64,
            false_positives: (predicted - hits) as u64,
            false_negatives: (self.positives - hits) as u64,
        }
    }

    /// Every cut from predicting nothing to predicting all that can be: the whole curve of F
    /// over the threshold, with thresholds descending.
    pub fn cuts(&self) -> impl Iterator<Item = Cut> {
        let (mut predicted, mut hits) = (0, 0);
        let first = Some(Cut { predicted: 0, threshold: 1.0, counts: self.counts_with(0, 0) });
        first.into_iter().chain(std::iter::from_fn(move || {
            let next = self.next_cut(predicted)?;
            hits += self.truth[predicted..next].iter().filter(|&&truth| truth).count();
            predicted = next;
            let counts = self.counts_with(hits, predicted);
            Some(Cut { predicted, threshold: self.threshold(predicted), counts })
        }))
    }

    /// The cut with the highest F; among ties the one that predicts fewest, so a label without
    /// positives gets threshold 1.
    #[must_use]
    pub fn best(&self, beta: f64) -> Cut {
        let (mut best, mut best_hits, mut best_f) = (0, 0, 0.0);
        let (mut hits, mut end) = (0, 0);
        // Only a further hit can raise F.
        while let Some(skipped) = self.truth[end..self.predictable].iter().position(|&hit| hit) {
            let hit = end + skipped;
            end = self.end_of_ties(hit);
            hits += self.truth[hit..end].iter().filter(|&&truth| truth).count();
            let f = self.counts_with(hits, end).f_beta(beta);
            if f > best_f {
                (best, best_hits, best_f) = (end, hits, f);
            }
        }
        let counts = self.counts_with(best_hits, best);
        Cut { predicted: best, threshold: self.threshold(best), counts }
    }

    /// The area under the ROC curve: the probability that a positive scores higher than a
    /// negative, ties counting half; `None` without positives or without negatives.
    ///
    /// Source: Mann & Whitney 1947, whose U this is.
    #[must_use]
    pub fn roc_auc(&self) -> Option<f64> {
        let negatives = self.len() - self.positives;
        if negatives == 0 || self.positives == 0 {
            return None;
        }
        // Twice the number of ordered pairs, so that ties stay whole numbers.
        let (mut doubled_pairs, mut hits_above, mut start) = (0_u128, 0, 0);
        while start < self.len() {
            let end = self.end_of_ties(start);
            let hits = self.truth[start..end].iter().filter(|&&truth| truth).count();
            let misses = end - start - hits;
            doubled_pairs += misses as u128 * (2 * hits_above + hits) as u128;
            hits_above += hits;
            start = end;
        }
        Some(doubled_pairs as f64 / (2.0 * negatives as f64 * self.positives as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranking(scores: &[f32], truth: &[bool]) -> Ranking {
        Ranking::new(scores, truth).unwrap()
    }

    #[test]
    fn the_best_threshold_is_the_midpoint_of_two_scores() {
        let best = ranking(&[0.9, 0.25, 0.75, 0.5], &[true, false, true, false]).best(1.0);
        assert_eq!(best.predicted, 2);
        assert_eq!(best.threshold.to_bits(), 0.625_f64.to_bits());
        assert_eq!(best.counts.f1().to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn of_tied_cuts_the_one_that_predicts_fewest_wins() {
        // One hit of two positives: 1/1 precision then 1/2; F1 2/3 at one, 2/3 at four.
        let best = ranking(&[0.9, 0.8, 0.7, 0.6], &[true, false, false, true]).best(1.0);
        assert_eq!(best.predicted, 1);
    }

    #[test]
    fn a_label_without_positives_is_never_predicted() {
        let best = ranking(&[0.9, 0.8], &[false, false]).best(1.0);
        assert_eq!((best.predicted, best.threshold.to_bits()), (0, 1.0_f64.to_bits()));
    }

    #[test]
    fn constant_scores_are_predicted_together_or_not_at_all() {
        let constant = ranking(&[0.5; 4], &[true, true, true, false]);
        assert_eq!(constant.cuts().count(), 2);
        let best = constant.best(1.0);
        assert_eq!((best.predicted, best.threshold.to_bits()), (4, 0.0_f64.to_bits()));
    }

    #[test]
    fn a_score_of_zero_is_never_predicted() {
        let zeros = ranking(&[0.0, -0.0, 0.5], &[true, true, true]);
        assert_eq!(zeros.cuts().map(|cut| cut.predicted).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(zeros.best(1.0).threshold.to_bits(), 0.25_f64.to_bits());
    }

    #[test]
    fn neighbouring_floats_have_a_threshold_between_them() {
        let high = 0.3_f32;
        let low = f32::from_bits(high.to_bits() - 1);
        let threshold = ranking(&[low, high], &[false, true]).best(1.0).threshold;
        assert!(f64::from(low) < threshold && threshold < f64::from(high));
    }

    #[test]
    fn nan_and_logits_are_refused_and_the_lowest_such_label_named() {
        for score in [f32::NAN, -1.0, 1.5, f32::INFINITY] {
            assert!(Ranking::new(&[0.5, score], &[true, false]).is_err(), "{score}");
        }
        let mut scores = vec![0.5; 6 * 7];
        (scores[2 * 7 + 5], scores[4 * 7 + 3], scores[5 * 7 + 3]) = (f32::NAN, 1.5, -1.0);
        let error = rankings(&scores, &[false; 6 * 7], 7).unwrap_err();
        assert_eq!(error, InvalidScore { label: 3, source: ProbabilityError(1.5) });
    }

    #[test]
    fn an_empty_column_has_one_cut() {
        let empty = ranking(&[], &[]);
        assert!(empty.is_empty() && empty.roc_auc().is_none());
        assert_eq!(empty.best(1.0).threshold.to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn the_roc_area_counts_ties_half() {
        let area = ranking(&[0.9, 0.5, 0.5, 0.1], &[true, true, false, false]).roc_auc();
        assert_eq!(area.unwrap().to_bits(), (3.5_f64 / 4.0).to_bits());
        assert_eq!(
            ranking(&[0.4; 6], &[true, false, true, false, true, false]).roc_auc(),
            Some(0.5)
        );
    }

    /// Few distinct scores, so that ties, 0 and 1 are common; up to several blocks of samples; common
    /// and rare labels.
    fn column() -> impl Strategy<Value = Vec<(f32, bool)>> {
        let score = prop_oneof![(0_u8..=8).prop_map(|n| f32::from(n) / 8.0), 0.0_f32..=1.0];
        let rare = (score.clone(), (0_u8..40).prop_map(|one| one == 0));
        prop_oneof![
            prop::collection::vec((score.clone(), any::<bool>()), 0..40),
            prop::collection::vec((score, any::<bool>()), 0..300),
            prop::collection::vec(rare, 0..300),
        ]
    }

    proptest! {
        #[test]
        fn scores_descend_and_ties_keep_their_order(
            scores in prop::collection::vec(
                prop_oneof![0.0_f32..=1.0, 0.0_f32..=1e-30, 0.4999_f32..=0.5, Just(1.0_f32), Just(0.5)],
                0..3000),
        ) {
            let mut expected: Vec<u32> = (0..).take(scores.len()).collect();
            expected.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            let truth: Vec<bool> = scores.iter().map(|score| score.to_bits() % 3 == 0).collect();
            let ranking = ranking(&scores, &truth);
            prop_assert_eq!(ranking.indices(), &expected[..]);
            for (rank, &index) in expected.iter().enumerate() {
                prop_assert_eq!(ranking.scores()[rank].to_bits(), scores[index as usize].to_bits());
                prop_assert_eq!(ranking.truth()[rank], truth[index as usize]);
            }
        }

        #[test]
        fn the_best_cut_equals_brute_force(column in column(), beta in prop::sample::select(vec![1.0, 2.0, 0.5])) {
            let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
            let ranking = ranking(&scores, &truth);
            let f_at = |threshold: f64| {
                let predicted: Vec<bool> = scores.iter().map(|&s| f64::from(s) > threshold).collect();
                Counts::of(&truth, &predicted).f_beta(beta)
            };
            let brute = scores.iter().map(|&s| f64::from(s)).chain([0.0, 1.0]).map(f_at).fold(0.0, f64::max);
            let best = ranking.best(beta);
            prop_assert_eq!(best.counts.f_beta(beta).to_bits(), brute.to_bits());
            prop_assert_eq!(f_at(best.threshold).to_bits(), brute.to_bits());
        }

        #[test]
        fn every_cut_counts_what_its_threshold_predicts(column in column()) {
            let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
            let ranking = ranking(&scores, &truth);
            let mut previous = None;
            for cut in ranking.cuts() {
                let predicted: Vec<bool> = scores.iter().map(|&s| f64::from(s) > cut.threshold).collect();
                prop_assert_eq!(cut.counts, Counts::of(&truth, &predicted));
                prop_assert_eq!(ranking.predicted(cut.threshold), cut.predicted);
                prop_assert_eq!(ranking.counts(cut.predicted), cut.counts);
                prop_assert_eq!(ranking.previous_cut(cut.predicted), previous);
                previous = Some(cut.predicted);
            }
        }

        #[test]
        fn raising_a_threshold_never_adds_a_label(column in column(), a in 0.0..=1.0, b in 0.0..=1.0) {
            let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
            let ranking = ranking(&scores, &truth);
            prop_assert!(ranking.predicted(f64::max(a, b)) <= ranking.predicted(f64::min(a, b)));
        }

        #[test]
        fn the_roc_area_equals_the_pairs(column in column()) {
            let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
            let (mut won, mut pairs) = (0.0, 0.0);
            for (&yes, _) in scores.iter().zip(&truth).filter(|(_, truth)| **truth) {
                for (&no, _) in scores.iter().zip(&truth).filter(|(_, truth)| !**truth) {
                    pairs += 1.0;
                    won += if yes > no { 1.0 } else if yes < no { 0.0 } else { 0.5 };
                }
            }
            let area = ranking(&scores, &truth).roc_auc();
            prop_assert_eq!(area.is_none(), pairs < 1.0);
            prop_assert!(area.is_none_or(|area| (area - won / pairs).abs() < 1e-12));
        }
    }
}

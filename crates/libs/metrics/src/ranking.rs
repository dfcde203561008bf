//! One label's scores, sorted once, from the highest down: the curve of F over the
//! threshold and its exact maximum.
//!
//! F changes only where the threshold passes a score. A *cut* is a number of samples that
//! can be predicted: equal scores go together. The threshold of a cut is the midpoint of
//! the two neighbouring scores, exact in f64 because scores are f32, hence never equal to
//! a score; predicting nothing has threshold 1, predicting everything has threshold 0.
//! Scores of 0 are never strictly above a threshold in [0, 1], so no cut holds them.
//!
//! Cost: one radix sort, linear; then a walk down the curve is linear, a look-up of a threshold
//! logarithmic and the hits above a cut a look-up in a table with an entry for 64 samples.

use crate::Counts;
use crate::order::{self, Key};
use hpa_core::ProbabilityError;
use std::sync::OnceLock;

/// One label's samples from the highest score to the lowest.
#[derive(Clone, Debug)]
pub struct Ranking {
    scores: Vec<f32>,
    truth: Vec<bool>,
    /// Empty where nobody asks which sample is which.
    rows: Vec<u32>,
    positives: usize,
    /// How many scores are above 0, hence can be predicted at all.
    reachable: usize,
    /// Entry `i`: the positives among the first `64 i` samples.
    block_hits: Vec<u32>,
    /// The cut that was found best first, with the bits of its β: it is asked for again.
    best: OnceLock<(u64, Cut)>,
}

/// Samples between two entries of the table of hits.
pub(crate) const BLOCK: usize = 64;

/// More than F can be off by, relative to itself.
const ROUNDING: f64 = 1e-12;

/// Whether a ranking knows which sample each score belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// It does.
    Kept,
    /// It does not: almost half of its memory is saved.
    Forgotten,
}

/// A threshold between two neighbouring scores, and what it predicts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// How many samples are predicted.
    pub predicted: usize,
    /// The midpoint of the lowest predicted score and the highest not predicted.
    pub threshold: f64,
    /// The hits and misses.
    pub counts: Counts,
}

impl Ranking {
    /// Sorts a label's scores. Equal scores stay in the order of their rows.
    ///
    /// # Errors
    /// When a score is not in [0, 1].
    ///
    /// # Panics
    /// When scores and truth differ in length or there are 2^31 samples or more.
    pub fn new(scores: &[f32], truth: &[bool]) -> Result<Self, ProbabilityError> {
        assert_eq!(scores.len(), truth.len(), "one score for each truth");
        assert!(u32::try_from(2 * scores.len()).is_ok(), "fewer than 2^31 samples");
        if let Some(&score) = scores.iter().find(|score| !(0.0..=1.0).contains(*score)) {
            return Err(ProbabilityError(f64::from(score)));
        }
        let cells = scores.iter().zip(truth).zip(0..);
        let mut keys = cells.map(|((&score, &truth), row)| u64::new(score, row, truth)).collect();
        Ok(Self::of_keys(&mut keys, &mut Vec::new()))
    }

    /// Sorts keys whose rows ascend; what keys and room hold then is of no further use.
    pub(crate) fn of_keys<K: Key>(keys: &mut Vec<K>, room: &mut Vec<K>) -> Self {
        order::sort(keys, room);
        let scores = keys.iter().map(|key| key.score()).collect();
        let truth = keys.iter().map(|key| key.truth()).collect();
        Self::from_sorted(scores, truth, K::rows(keys))
    }

    fn from_sorted(scores: Vec<f32>, truth: Vec<bool>, rows: Vec<u32>) -> Self {
        let mut block_hits = Vec::with_capacity(scores.len() / BLOCK + 2);
        let mut hits = 0;
        for block in truth.chunks(BLOCK) {
            block_hits.push(hits);
            hits += block.iter().map(|&truth| u32::from(truth)).sum::<u32>();
        }
        block_hits.push(hits);
        let reachable = scores.partition_point(|&score| score > 0.0);
        Self {
            scores,
            truth,
            rows,
            positives: hits as usize,
            reachable,
            block_hits,
            best: OnceLock::new(),
        }
    }

    /// The same ranking without the samples that `keep` refuses; row numbers stay.
    ///
    /// # Panics
    /// When the rows were forgotten.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(usize) -> bool) -> Self {
        assert_eq!(self.rows.len(), self.len(), "a ranking that kept its rows");
        let places: Vec<usize> =
            (0..self.len()).filter(|&place| keep(self.rows[place] as usize)).collect();
        let scores = places.iter().map(|&place| self.scores[place]).collect();
        let truth = places.iter().map(|&place| self.truth[place]).collect();
        let rows = places.iter().map(|&place| self.rows[place]).collect();
        Self::from_sorted(scores, truth, rows)
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// How many samples carry the label.
    #[must_use]
    pub fn positives(&self) -> usize {
        self.positives
    }

    /// The scores, highest first.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The truth in the order of the scores.
    #[must_use]
    pub fn truth(&self) -> &[bool] {
        &self.truth
    }

    /// The sample's number in the order of the scores; nothing where rows were forgotten.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The threshold that predicts the first `predicted` samples and no more.
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
        (predicted < self.reachable).then(|| self.end_of_ties(predicted))
    }

    /// Where the samples end whose score is that of the sample at `place`.
    pub(crate) fn end_of_ties(&self, place: usize) -> usize {
        let score = self.scores[place];
        place + self.scores[place..].iter().take_while(|&&other| other >= score).count()
    }

    /// The next cut that predicts less, if there is one.
    #[must_use]
    pub fn previous_cut(&self, predicted: usize) -> Option<usize> {
        let score = self.scores[predicted.checked_sub(1)?];
        let group = self.scores[..predicted].iter().rev().take_while(|&&other| other <= score);
        Some(predicted - group.count())
    }

    /// The hits and misses when the first `predicted` samples are predicted.
    #[must_use]
    pub fn counts(&self, predicted: usize) -> Counts {
        self.counts_with(self.hits(predicted), predicted)
    }

    /// How many of the first `predicted` samples carry the label.
    #[must_use]
    pub fn hits(&self, predicted: usize) -> usize {
        let block = predicted / BLOCK;
        let rest = &self.truth[block * BLOCK..predicted];
        // A block that is just full has its own entry; the table ends with the total.
        self.block_hits[block] as usize + rest.iter().filter(|&&truth| truth).count()
    }

    fn counts_with(&self, hits: usize, predicted: usize) -> Counts {
        Counts {
            true_positives: hits as u64,
            false_positives: (predicted - hits) as u64,
            false_negatives: (self.positives - hits) as u64,
        }
    }

    /// Every cut from predicting nothing to predicting all that can be: the whole curve of
    /// F over the threshold, with thresholds falling.
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

    /// The cut with the highest F; among equals the one that predicts fewest, so a label
    /// without positives gets threshold 1.
    #[must_use]
    pub fn best(&self, beta: f64) -> Cut {
        let (known_beta, best) = *self.best.get_or_init(|| (beta.to_bits(), self.walk(beta)));
        if known_beta == beta.to_bits() { best } else { self.walk(beta) }
    }

    fn walk(&self, beta: f64) -> Cut {
        let (mut best, mut best_hits, mut best_f, mut measured) = (0, 0, 0.0, 0);
        for (start, block) in (0..self.reachable).step_by(BLOCK).zip(self.block_hits.windows(2)) {
            let (mut hits, after) = (block[0] as usize, block[1] as usize);
            // Down the curve only a further hit can raise F, and no cut of the block has more than
            // all of its hits or predicts less than its first place.
            let most = self.counts_with(after, after.max(start + 1)).f_beta(beta);
            if after == measured || most * (1.0 + ROUNDING) < best_f {
                continue;
            }
            let end = self.reachable.min(start + BLOCK);
            for (predicted, &truth) in (start + 1..).zip(&self.truth[start..end]) {
                hits += usize::from(truth);
                if hits > measured && self.is_cut(predicted) {
                    let f = self.counts_with(hits, predicted).f_beta(beta);
                    if f > best_f {
                        (best, best_hits, best_f) = (predicted, hits, f);
                    }
                    measured = hits;
                }
            }
        }
        let counts = self.counts_with(best_hits, best);
        Cut { predicted: best, threshold: self.threshold(best), counts }
    }

    /// Whether the first `predicted` samples, at least one, end a group of equal scores.
    fn is_cut(&self, predicted: usize) -> bool {
        self.scores.get(predicted).is_none_or(|&next| next < self.scores[predicted - 1])
    }
}

#[cfg(test)]
#[path = "ranking_tests.rs"]
mod tests;

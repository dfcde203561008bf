//! The area under the ROC curve of a [`Ranking`]: a walk down its scores.

use crate::Ranking;
use crate::ranking::BLOCK;

// Counts of a block fit 8 bits, sums of its places 16.
const _: () = assert!(BLOCK <= 255);

impl Ranking {
    /// The chance that a sample with the label scores higher than one without, equal scores
    /// counting half; `None` when one kind is missing.
    ///
    /// Source: Mann & Whitney 1947, whose U this is.
    #[must_use]
    pub fn roc_auc(&self) -> Option<f64> {
        let negatives = self.len() - self.positives();
        if negatives == 0 || self.positives() == 0 {
            return None;
        }
        // As if of equal scores the later were lower, twice ...
        let mut doubled = 2 * ordered_pairs(self.truth());
        // ... put right where scores are equal.
        let mut start = 0;
        while let Some(tie) = self.next_tie(start) {
            let end = self.end_of_ties(tie);
            let equal = &self.truth()[tie..end];
            let hits = (self.hits(end) - self.hits(tie)) as u128;
            doubled = doubled + ((end - tie) as u128 - hits) * hits - 2 * ordered_pairs(equal);
            start = end;
        }
        Some(doubled as f64 / (2.0 * negatives as f64 * self.positives() as f64))
    }

    /// The first place from `start` on whose score is that of the next.
    fn next_tie(&self, start: usize) -> Option<usize> {
        let scores = &self.scores()[start..];
        let mut place = 0;
        while place + 1 < scores.len() {
            // Whole blocks are looked at without a branch, and hardly any has ties.
            let end = scores.len().min(place + BLOCK + 1);
            let pairs = || scores[place..end - 1].iter().zip(&scores[place + 1..end]);
            if pairs().map(|(score, next)| u8::from(score <= next)).sum::<u8>() > 0 {
                let within = pairs().position(|(score, next)| score <= next)?;
                return Some(start + place + within);
            }
            place = end - 1;
        }
        None
    }
}

/// How many pairs there are of a sample with the label and a later one without.
fn ordered_pairs(truth: &[bool]) -> u128 {
    let (mut pairs, mut above) = (0, 0);
    for block in truth.chunks(BLOCK) {
        let weighted = block.iter().zip(0_u16..).map(|(&truth, place)| u16::from(truth) * place);
        let (places, hits) = (u64::from(weighted.sum::<u16>()), count(block));
        let length = block.len() as u64;
        // Behind a hit at place p lie length - 1 - p samples, of which some are hits themselves.
        let within = hits * (length - 1) - places - hits * hits.saturating_sub(1) / 2;
        pairs += u128::from(above * (length - hits) + within);
        above += hits;
    }
    pairs
}

fn count(truth: &[bool]) -> u64 {
    truth.iter().map(|&truth| u64::from(truth)).sum()
}

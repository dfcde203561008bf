//! The area under the ROC curve of a [`Ranking`]: a walk down its scores.

use crate::Ranking;

/// Samples counted in 64 bits at a time.
const BLOCK: usize = 64;

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
        // As if each sample without the label came behind those before it in the list, twice ...
        let (mut doubled, mut above) = (0_u128, 0_u64);
        for block in self.truth().chunks(BLOCK) {
            let mut here = 0;
            for &truth in block {
                here += if truth { 0 } else { 2 * above };
                above += u64::from(truth);
            }
            doubled += u128::from(here);
        }
        // ... put right where scores are equal.
        let mut start = 0;
        while let Some(tie) = self.scores()[start..].windows(2).position(|pair| pair[0] <= pair[1])
        {
            start += tie;
            let next = self.end_of_ties(start);
            let (mut hits, mut counted) = (0, 0);
            for &truth in &self.truth()[start..next] {
                counted += if truth { 0 } else { 2 * hits };
                hits += u128::from(truth);
            }
            doubled = doubled + ((next - start) as u128 - hits) * hits - counted;
            start = next;
        }
        Some(doubled as f64 / (2.0 * negatives as f64 * self.positives() as f64))
    }
}

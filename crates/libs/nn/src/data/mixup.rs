//! Mixup: each image of a batch and its targets are blended with those of another sample.
//!
//! Zhang et al. 2017, arXiv 1710.09412, as in fastai 1.0: the pairs are a permutation of the batch,
//! each sample has its own λ from Beta(α, α), and λ is replaced by max(λ, 1 − λ), so that a sample
//! never weighs less than the one that it is mixed with.
//!
//! Shapes: images `[N, S, S, 4]`; targets `[N, L]`, between 0 and 1 after mixing.

use hpa_core::{Rng, SampleId, Seed};

/// Mixup of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixup {
    /// α of Beta(α, α), above 0.
    pub alpha: f64,
    /// Source of random numbers.
    pub seed: Seed,
    /// The epoch, from 0.
    pub epoch: u64,
}

/// The sample that a sample of a batch is mixed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixupPair {
    /// Its index in the batch.
    pub index: usize,
    /// Weight of the sample itself, from ½ to 1; the other has 1 − λ.
    pub lambda: f32,
}

impl Mixup {
    /// A pair for each sample of the batch, drawn from seed, epoch and the batch's ids.
    #[must_use]
    pub fn pairs(&self, ids: &[&SampleId]) -> Vec<MixupPair> {
        let seed = self.seed.derive("mixup").child(self.epoch);
        let mut indices: Vec<usize> = (0..ids.len()).collect();
        let first = ids.first().map_or("", |id| id.as_str());
        seed.derive("partners").derive(first).rng().shuffle(&mut indices);
        let lambda = |(index, id): (usize, &&SampleId)| {
            let mut rng = seed.derive(id.as_str()).child(index as u64).rng();
            let lambda = beta(self.alpha, &mut rng);
            #[expect(clippy::cast_possible_truncation, reason = "levels are f32")]
            let lambda = lambda.max(1.0 - lambda) as f32;
            lambda
        };
        let lambdas = ids.iter().enumerate().map(lambda);
        let pairs = indices.into_iter().zip(lambdas);
        pairs.map(|(index, lambda)| MixupPair { index, lambda }).collect()
    }
}

/// Mixes rows, images or targets, by their pairs.
pub(crate) fn mix(pairs: &[MixupPair], rows: &[f32]) -> Vec<f32> {
    let width = rows.len() / pairs.len().max(1);
    let mut mixed = Vec::with_capacity(rows.len());
    for (own, pair) in rows.chunks_exact(width.max(1)).zip(pairs) {
        let other = &rows[pair.index * width..][..width];
        let (lambda, rest) = (pair.lambda, 1.0 - pair.lambda);
        mixed.extend(own.iter().zip(other).map(|(own, other)| lambda * own + rest * other));
    }
    mixed
}

/// Beta(α, α) by Jöhnk's method (1964): exact, and fast for the small α of mixup.
fn beta(alpha: f64, rng: &mut Rng) -> f64 {
    loop {
        let (x, y) = (rng.uniform().powf(1.0 / alpha), rng.uniform().powf(1.0 / alpha));
        // For a tiny α both may round to 0; try again.
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<SampleId> {
        (0..count).map(|n| format!("sample-{n}").parse().unwrap()).collect()
    }

    fn mixup(alpha: f64) -> Mixup {
        Mixup { alpha, seed: Seed::new(4), epoch: 2 }
    }

    #[test]
    fn beta_has_its_mean_and_variance() {
        for alpha in [0.2, 0.4, 1.0, 2.0] {
            let mut rng = Seed::new(1).rng();
            let draws: Vec<f64> = (0..40_000).map(|_| beta(alpha, &mut rng)).collect();
            let mean = draws.iter().sum::<f64>() / 4e4;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4e4;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.03, "{alpha}: {variance} {expected}");
        }
    }

    #[test]
    fn pairs_are_a_permutation_and_lambda_is_at_least_half() {
        let ids = ids(32);
        let ids: Vec<&SampleId> = ids.iter().collect();
        let pairs = mixup(0.4).pairs(&ids);
        let mut indices: Vec<usize> = pairs.iter().map(|pair| pair.index).collect();
        assert_ne!(indices, (0..32).collect::<Vec<_>>());
        indices.sort_unstable();
        assert_eq!(indices, (0..32).collect::<Vec<_>>());
        assert!(pairs.iter().all(|pair| (0.5..=1.0).contains(&pair.lambda)));
        assert!(pairs.iter().any(|pair| pair.lambda < 0.95));
        assert_eq!(pairs, mixup(0.4).pairs(&ids));
        assert_ne!(pairs, Mixup { epoch: 3, ..mixup(0.4) }.pairs(&ids));
        assert!(mixup(0.4).pairs(&[]).is_empty());
    }

    #[test]
    fn mixing_worked_by_hand() {
        let pairs = [MixupPair { index: 1, lambda: 0.75 }, MixupPair { index: 0, lambda: 1.0 }];
        assert_eq!(mix(&pairs, &[4.0, 0.0, 8.0, 1.0]), [5.0, 0.25, 8.0, 1.0]);
        assert!(mix(&[], &[]).is_empty());
    }
}

//! Mixup: each image of a batch is blended with another one, and so are their labels.
//!
//! Zhang et al. 2017, arXiv 1710.09412, as fastai 1.0 does it: the partners are a permutation of the
//! batch, every sample has a share λ of its own, drawn from Beta(α, α), and λ is replaced by
//! max(λ, 1 − λ), so that a sample never counts less than its partner.
//!
//! Shapes: images `[N, S, S, 4]`; targets `[N, L]`, which become shares between 0 and 1.

use hpa_core::{Rng, SampleId, Seed};

/// How the samples of an epoch are mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixup {
    /// α of Beta(α, α), above 0.
    pub alpha: f64,
    /// Where chance comes from.
    pub seed: Seed,
    /// The epoch, from 0.
    pub epoch: u64,
}

/// What a sample of a batch is mixed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixupPair {
    /// Its place in the batch.
    pub index: usize,
    /// The sample's own share, from ½ to 1; the partner has the rest.
    pub lambda: f32,
}

impl Mixup {
    /// A partner for each sample of the batch; they depend on seed, epoch and the batch's ids.
    #[must_use]
    pub fn partners(&self, ids: &[&SampleId]) -> Vec<MixupPair> {
        let seed = self.seed.derive("mixup").child(self.epoch);
        let mut places: Vec<usize> = (0..ids.len()).collect();
        let first = ids.first().map_or("", |id| id.as_str());
        seed.derive("partners").derive(first).rng().shuffle(&mut places);
        let share = |(at, id): (usize, &&SampleId)| {
            let mut rng = seed.derive(id.as_str()).child(at as u64).rng();
            let share = beta(self.alpha, &mut rng);
            #[expect(clippy::cast_possible_truncation, reason = "levels are 32-bit")]
            let share = share.max(1.0 - share) as f32;
            share
        };
        let shares = ids.iter().enumerate().map(share);
        places
            .into_iter()
            .zip(shares)
            .map(|(place, share)| MixupPair { index: place, lambda: share })
            .collect()
    }
}

/// Blends rows, images or targets, with those of their partners.
pub(crate) fn blend(partners: &[MixupPair], rows: &[f32]) -> Vec<f32> {
    let width = rows.len() / partners.len().max(1);
    let mut blended = Vec::with_capacity(rows.len());
    for (own, partner) in rows.chunks_exact(width.max(1)).zip(partners) {
        let other = &rows[partner.index * width..][..width];
        let (share, rest) = (partner.lambda, 1.0 - partner.lambda);
        blended.extend(own.iter().zip(other).map(|(own, other)| share * own + rest * other));
    }
    blended
}

/// Beta(α, α) by Jöhnk's method (1964): exact, and quick for the small α of mixup.
fn beta(alpha: f64, rng: &mut Rng) -> f64 {
    loop {
        let (x, y) = (rng.uniform().powf(1.0 / alpha), rng.uniform().powf(1.0 / alpha));
        // For a tiny α both may round to 0; the next pair does not.
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
    fn partners_are_a_permutation_and_nobody_is_the_smaller_part() {
        let ids = ids(32);
        let ids: Vec<&SampleId> = ids.iter().collect();
        let partners = mixup(0.4).partners(&ids);
        let mut places: Vec<usize> = partners.iter().map(|partner| partner.index).collect();
        assert_ne!(places, (0..32).collect::<Vec<_>>());
        places.sort_unstable();
        assert_eq!(places, (0..32).collect::<Vec<_>>());
        assert!(partners.iter().all(|partner| (0.5..=1.0).contains(&partner.lambda)));
        assert!(partners.iter().any(|partner| partner.lambda < 0.95));
        assert_eq!(partners, mixup(0.4).partners(&ids));
        assert_ne!(partners, Mixup { epoch: 3, ..mixup(0.4) }.partners(&ids));
        assert!(mixup(0.4).partners(&[]).is_empty());
    }

    #[test]
    fn a_blend_worked_on_paper() {
        let partners = [MixupPair { index: 1, lambda: 0.75 }, MixupPair { index: 0, lambda: 1.0 }];
        assert_eq!(blend(&partners, &[4.0, 0.0, 8.0, 1.0]), [5.0, 0.25, 8.0, 1.0]);
        assert!(blend(&[], &[]).is_empty());
    }
}

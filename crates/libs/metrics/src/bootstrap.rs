//! Bootstrap intervals that resample groups of samples.
//!
//! Samples that show the same field are one unit: drawing them separately would make the
//! interval too narrow. A resample draws as many groups as there are, with replacement;
//! thresholds stay fixed. The same seed gives the same resamples whatever the statistic, so a
//! paired interval of the difference of two systems is that of a statistic that returns the
//! difference.
//!
//! Source: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), ch. 13
//! (percentile interval).

use hpa_core::Seed;
use rayon::prelude::*;

/// The central 95 % of the resampled values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// Which groups are resampled how often, from which seed.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The group of each sample, renumbered from 0 without gaps.
    groups: Vec<u32>,
    n_groups: usize,
    replicates: u32,
    seed: Seed,
}

impl Bootstrap {
    /// Resamples whole groups; sample `i` belongs to group `groups[i]`, an arbitrary number.
    ///
    /// # Panics
    /// When there are 2^32 samples or more.
    #[must_use]
    pub fn new(groups: &[u32], replicates: u32, seed: Seed) -> Self {
        let mut distinct = groups.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let index = |group| distinct.binary_search(group).expect("every group is in the list");
        let groups = groups
            .iter()
            .map(|group| u32::try_from(index(group)).expect("fewer than 2^32 samples"))
            .collect();
        Self { groups, n_groups: distinct.len(), replicates, seed: seed.derive("bootstrap") }
    }

    /// Resamples single samples.
    ///
    /// # Panics
    /// When there are 2^32 samples or more.
    #[must_use]
    pub fn of_samples(n_samples: usize, replicates: u32, seed: Seed) -> Self {
        let n = u32::try_from(n_samples).expect("fewer than 2^32 samples");
        Self::new(&(0..n).collect::<Vec<_>>(), replicates, seed)
    }

    /// The 95 % interval of each value that `statistic` returns; its argument is how often each
    /// sample was drawn. Empty without replicates or samples.
    pub fn intervals(&self, statistic: impl Fn(&[u32]) -> Vec<f64> + Sync) -> Vec<Interval> {
        if self.n_groups == 0 {
            return Vec::new();
        }
        let replicates = (0..self.replicates).into_par_iter();
        let values: Vec<Vec<f64>> =
            replicates.map(|replicate| statistic(&self.weights(replicate))).collect();
        let n_values = values.first().map_or(0, Vec::len);
        let column = |index: usize| values.iter().map(|values| values[index]).collect();
        (0..n_values).map(|index| interval(column(index))).collect()
    }

    /// How often each sample is drawn in one resample. Each resample has a random stream of its
    /// own, so it does not depend on the number of resamples.
    #[must_use]
    pub fn weights(&self, replicate: u32) -> Vec<u32> {
        let mut rng = self.seed.child(u64::from(replicate)).rng();
        let mut drawn = vec![0_u32; self.n_groups];
        for _ in 0..self.n_groups {
            drawn[rng.below(self.n_groups)] += 1;
        }
        self.groups.iter().map(|&group| drawn[group as usize]).collect()
    }
}

fn interval(mut values: Vec<f64>) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
}

/// Quantile with linear interpolation, NumPy's default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to len - 1")]
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - position.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], weights: &[u32]) -> f64 {
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        values.iter().zip(weights).map(|(x, &w)| x * f64::from(w)).sum::<f64>() / total
    }

    #[test]
    fn the_interval_of_a_mean_is_the_textbook_one() {
        let mut rng = Seed::new(5).rng();
        let values: Vec<f64> = (0..400).map(|_| rng.normal()).collect();
        let bootstrap = Bootstrap::of_samples(400, 2000, Seed::new(1));
        let [interval] = bootstrap.intervals(|weights| vec![mean(&values, weights)])[..] else {
            panic!("one value, one interval")
        };
        let width = interval.high - interval.low;
        assert!((width - 2.0 * 1.96 / 20.0).abs() < 0.02, "{width}");
    }

    #[test]
    fn duplicates_in_one_group_widen_the_interval() {
        let mut rng = Seed::new(5).rng();
        let values: Vec<f64> =
            (0..200).map(|_| rng.normal()).flat_map(|value| [value, value]).collect();
        let groups: Vec<u32> = (0..200).flat_map(|group| [7 * group, 7 * group]).collect();
        let width = |bootstrap: &Bootstrap| {
            let interval = bootstrap.intervals(|weights| vec![mean(&values, weights)])[0];
            interval.high - interval.low
        };
        let apart = width(&Bootstrap::of_samples(400, 1000, Seed::new(1)));
        let together = width(&Bootstrap::new(&groups, 1000, Seed::new(1)));
        assert!((together / apart - std::f64::consts::SQRT_2).abs() < 0.15, "{together} {apart}");
    }

    #[test]
    fn the_same_seed_draws_the_same_resamples() {
        let bootstrap = Bootstrap::of_samples(50, 10, Seed::new(3));
        assert_eq!(bootstrap.weights(4), Bootstrap::of_samples(50, 99, Seed::new(3)).weights(4));
        assert_ne!(bootstrap.weights(4), bootstrap.weights(5));
        assert_eq!(bootstrap.weights(4).iter().sum::<u32>(), 50);
    }

    #[test]
    fn without_replicates_or_samples_there_is_no_interval() {
        assert!(Bootstrap::of_samples(9, 0, Seed::new(3)).intervals(|_| vec![0.0]).is_empty());
        assert!(Bootstrap::of_samples(0, 9, Seed::new(3)).intervals(|_| vec![0.0]).is_empty());
    }
}

//! Sampling of label sets for one split.
//!
//! Two margins are fixed before any random draw: how many samples have one, two, … labels (the
//! shares of the real table), and how many have each label (real counts to the power of
//! `label_balance_exponent`, at least `min_positives`). A binary matrix with exactly these row
//! and column sums is built greedily (Gale & Ryser 1957), then randomised by swaps between two
//! samples, which keep both margins. A swap is accepted by the Metropolis rule (1953) with the
//! log lift of each pair and of each single label in the real table as energy, so that labels
//! co-occur as in the real table.

use crate::config::SynthConfig;
use crate::label_statistics::{
    CARDINALITIES, LABEL_COUNTS, LABELS, ROWS, SINGLE_LABEL_COUNTS, pair_count,
};
use hpa_core::{LabelNames, LabelSet, Rng, Seed};

/// Added to observed and expected counts, so that pairs too rare to judge get a lift near 1.
const SMOOTHING: f64 = 1.0;
/// Proposed swaps per sample: the energy is flat after about twenty.
const SWAPS_PER_SAMPLE: usize = 60;

/// Why labels cannot be assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelSamplingError {
    /// Too few samples for the rarest labels.
    #[error(
        "{split}_samples = {samples}: they have {slots} labels in all, but {LABELS} labels with min_positives = {min_positives} need {}\n  help: raise {split}_samples or lower min_positives",
        LABELS * min_positives
    )]
    TooFewSamples {
        /// `train` or `test`.
        split: &'static str,
        /// How many samples there are.
        samples: usize,
        /// Their number of labels in all.
        slots: usize,
        /// The requested minimum.
        min_positives: usize,
    },
    /// No binary matrix has these row and column sums.
    #[error("{0} samples cannot hold the requested labels\n  help: lower min_positives")]
    Infeasible(usize),
}

/// The labels of each of `samples` samples.
///
/// # Errors
/// When there are too few samples to give every label `min_positives`.
pub(crate) fn sample_labels(
    split: &'static str,
    samples: usize,
    config: &SynthConfig,
    seed: Seed,
) -> Result<Vec<LabelSet>, LabelSamplingError> {
    let SynthConfig { label_balance_exponent, min_positives, .. } = *config;
    let mut rng = seed.rng();
    let sizes = cardinalities(samples);
    let slots = sizes.iter().sum();
    if LABELS * min_positives > slots {
        return Err(LabelSamplingError::TooFewSamples { split, samples, slots, min_positives });
    }
    let counts = label_counts(samples, slots, label_balance_exponent, min_positives);
    let mut sets =
        assign(sizes, &counts, &mut rng).ok_or(LabelSamplingError::Infeasible(samples))?;
    swap_labels(&mut sets, &mut rng);
    let names = LabelNames::atlas();
    Ok(sets
        .into_iter()
        .map(|set| names.labels().filter(|l| set >> l.index() & 1 == 1).collect())
        .collect())
}

/// Splits `total` in proportion to `shares` into integers, by largest remainder.
fn apportion(total: usize, shares: &[f64]) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * total as f64).collect();
    let mut parts: Vec<usize> = exact.iter().map(|&part| floor(part)).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| (exact[b] - exact[b].floor()).total_cmp(&(exact[a] - exact[a].floor())));
    let remaining = total - parts.iter().sum::<usize>();
    for &place in order.iter().take(remaining) {
        parts[place] += 1;
    }
    parts
}

/// The integer part of a non-negative number.
fn floor(share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= share <= samples"
    )]
    let floor = share.floor() as usize;
    floor
}

/// The number of labels of each sample.
fn cardinalities(samples: usize) -> Vec<usize> {
    let parts = apportion(samples, &CARDINALITIES.map(f64::from));
    (1..).zip(parts).flat_map(|(size, count)| std::iter::repeat_n(size, count)).collect()
}

/// The number of samples with each label: water-filling between `min_positives` and `samples`.
fn label_counts(
    samples: usize,
    slots: usize,
    label_balance_exponent: f64,
    min_positives: usize,
) -> Vec<usize> {
    let weights = LABEL_COUNTS.map(|count| f64::from(count).powf(label_balance_exponent));
    let counts = |scale: f64| {
        weights.map(|weight| (scale * weight).clamp(min_positives as f64, samples as f64))
    };
    let (mut low, mut high) = (0.0, slots as f64 / weights[27]);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if counts(middle).iter().sum::<f64>() < slots as f64 { low = middle } else { high = middle }
    }
    // Rounding may fall one below the floor only if the floor itself is exceeded, so none does.
    apportion(slots, &counts(high)).into_iter().map(|count| count.min(samples)).collect()
}

/// A binary matrix with these row and column sums, one `u32` a row; `None` if there is none.
fn assign(mut sizes: Vec<usize>, counts: &[usize], rng: &mut Rng) -> Option<Vec<u32>> {
    let mut sets = vec![0_u32; sizes.len()];
    rng.shuffle(&mut sizes);
    let mut labels: Vec<usize> = (0..counts.len()).collect();
    labels.sort_by_key(|&label| std::cmp::Reverse(counts[label]));
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    for label in labels {
        rng.shuffle(&mut order);
        // Most remaining labels first: this fails only if no matrix exists.
        order.sort_by_key(|&sample| std::cmp::Reverse(sizes[sample]));
        for &sample in order.iter().take(counts[label]) {
            sizes[sample] = sizes[sample].checked_sub(1)?;
            sets[sample] |= 1 << label;
        }
    }
    sizes.iter().all(|&left| left == 0).then_some(sets)
}

/// Log lifts of the real table: pairs off the diagonal, single labels on it.
fn affinities() -> [[f64; LABELS]; LABELS] {
    let rows = f64::from(ROWS);
    let log_lift = |observed: u32, expected: f64| {
        ((f64::from(observed) + SMOOTHING) / (expected + SMOOTHING)).ln()
    };
    std::array::from_fn(|a| {
        std::array::from_fn(|b| {
            if a == b {
                return log_lift(
                    SINGLE_LABEL_COUNTS[a],
                    f64::from(LABEL_COUNTS[a]) * f64::from(CARDINALITIES[0]) / rows,
                );
            }
            log_lift(
                pair_count(a, b),
                f64::from(LABEL_COUNTS[a]) * f64::from(LABEL_COUNTS[b]) / rows,
            )
        })
    })
}

fn energy(set: u32, affinity: &[[f64; LABELS]; LABELS]) -> f64 {
    let labels = bits(set);
    match labels.as_slice() {
        [only] => affinity[*only][*only],
        labels => labels
            .iter()
            .enumerate()
            .flat_map(|(place, &a)| labels[place + 1..].iter().map(move |&b| affinity[a][b]))
            .sum(),
    }
}

fn bits(set: u32) -> Vec<usize> {
    (0..LABELS).filter(|label| set >> label & 1 == 1).collect()
}

/// Repeatedly swaps one label of a sample for one of another sample.
fn swap_labels(sets: &mut [u32], rng: &mut Rng) {
    let affinity = affinities();
    for _ in 0..SWAPS_PER_SAMPLE * sets.len() {
        let (one, other) = (rng.below(sets.len()), rng.below(sets.len()));
        let only_one = bits(sets[one] & !sets[other]);
        let only_other = bits(sets[other] & !sets[one]);
        if only_one.is_empty() || only_other.is_empty() {
            continue;
        }
        let swapped =
            1 << only_one[rng.below(only_one.len())] | 1 << only_other[rng.below(only_other.len())];
        let (new_one, new_other) = (sets[one] ^ swapped, sets[other] ^ swapped);
        let before = energy(sets[one], &affinity) + energy(sets[other], &affinity);
        let after = energy(new_one, &affinity) + energy(new_other, &affinity);
        if rng.bernoulli((after - before).exp()) {
            (sets[one], sets[other]) = (new_one, new_other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(
        samples: usize,
        label_balance_exponent: f64,
        min_positives: usize,
        seed: u64,
    ) -> Result<Vec<LabelSet>, LabelSamplingError> {
        let config = SynthConfig { label_balance_exponent, min_positives, ..SynthConfig::DEFAULT };
        sample_labels("test", samples, &config, Seed::new(seed))
    }

    fn counts_of(sets: &[LabelSet]) -> Vec<usize> {
        LabelNames::atlas()
            .labels()
            .map(|label| sets.iter().filter(|set| set.contains(label)).count())
            .collect()
    }

    #[test]
    fn label_counts_keep_the_order_of_the_real_table() {
        let counts = counts_of(&drawn(1800, 0.3, 10, 1).unwrap());
        for a in 0..LABELS {
            for b in 0..LABELS {
                assert!(
                    LABEL_COUNTS[a] <= LABEL_COUNTS[b] || counts[a] >= counts[b],
                    "labels {a} and {b}"
                );
            }
        }
        assert!(counts[0] > 5 * counts[27], "{counts:?}");
    }

    #[test]
    fn exponent_one_keeps_the_real_label_counts() {
        let counts = counts_of(&drawn(31_072, 1.0, 0, 1).unwrap());
        for (label, (&drawn, real)) in counts.iter().zip(LABEL_COUNTS).enumerate() {
            assert!((drawn as f64 - f64::from(real)).abs() <= 1.0, "label {label}: {drawn}");
        }
    }

    #[test]
    fn labels_per_sample_follow_the_real_table() {
        let sets = drawn(31_072, 0.5, 0, 1).unwrap();
        let sizes: Vec<usize> = (1..=5)
            .map(|size| sets.iter().filter(|set| set.as_slice().len() == size).count())
            .collect();
        assert_eq!(sizes, CARDINALITIES.map(|count| count as usize));
    }

    #[test]
    fn labels_co_occur_as_in_the_real_table() {
        let sets = drawn(3000, 0.3, 10, 5).unwrap();
        let names = LabelNames::atlas();
        let [endosomes, lysosomes, spindle, bridge] =
            [9, 10, 17, 16].map(|number| names.label(number).unwrap());
        let with = |a, b| sets.iter().filter(|set| set.contains(a) && set.contains(b)).count();
        assert!(with(lysosomes, endosomes) * 5 > with(lysosomes, lysosomes));
        assert!(with(spindle, bridge) * 8 > with(spindle, spindle));
    }

    #[test]
    fn too_few_samples_for_the_rare_labels_are_refused() {
        let error = drawn(40, 0.3, 10, 1).unwrap_err();
        assert!(error.to_string().contains("need 280"), "{error}");
    }

    proptest! {
        #[test]
        fn every_label_gets_its_minimum(
            samples in 1_usize..900, label_balance_exponent in 0.0..1.0, min_positives in 0_usize..12, seed: u64
        ) {
            match drawn(samples, label_balance_exponent, min_positives, seed) {
                Ok(sets) => {
                    prop_assert_eq!(sets.len(), samples);
                    prop_assert!(counts_of(&sets).iter().all(|&count| count >= min_positives));
                    prop_assert!(sets.iter().all(|set| (1..=5).contains(&set.as_slice().len())));
                }
                Err(LabelSamplingError::TooFewSamples { slots, .. }) => {
                    prop_assert!(LABELS * min_positives > slots);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}

//! Which labels each sample of a part carries.
//!
//! Three things are fixed before any chance: how many samples carry one, two, … labels
//! (the real shares), and how many carry each label (real counts to the power of
//! `tempering`, at least `min_positives`). The labels are dealt so that both hold exactly
//! (Gale & Ryser 1957), then shuffled by swaps between two samples, which keep both.
//! A swap is accepted after Metropolis (1953) with the log lift of each pair and of each
//! lone label in the real table as energy: nuclear spots keep their company, lysosomes stay
//! with endosomes.

use crate::real_table::{ALONE, CARDINALITIES, COUNTS, LABELS, ROWS, together};
use crate::settings::Settings;
use hpa_core::{LabelNames, LabelSet, Rng, Seed};

/// Rows added to seen and expected counts: a pair that chance alone would not show says nothing.
const SMOOTHING: f64 = 1.0;
/// Accepted or refused swaps a sample: the energy is flat after about twenty.
const SWAPS_PER_SAMPLE: usize = 60;

/// Why labels cannot be dealt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Too few samples for the rarest labels.
    #[error(
        "{part}_samples = {samples}: they carry {slots} labels in all, but {LABELS} labels with min_positives = {min_positives} need {}\n  help: raise {part}_samples or lower min_positives",
        LABELS * min_positives
    )]
    TooFewSamples {
        /// `train` or `test`.
        part: &'static str,
        /// How many samples there are.
        samples: usize,
        /// How many labels they carry together.
        slots: usize,
        /// What was asked for.
        min_positives: usize,
    },
    /// No table has these sums.
    #[error("{0} samples cannot hold the labels asked for\n  help: lower min_positives")]
    Infeasible(usize),
}

/// The labels of each of `samples` samples.
///
/// # Errors
/// When there are too few samples to give every label `min_positives`.
pub(crate) fn plan_labels(
    part: &'static str,
    samples: usize,
    settings: &Settings,
    seed: Seed,
) -> Result<Vec<LabelSet>, PlanError> {
    let Settings { tempering, min_positives, .. } = *settings;
    let mut rng = seed.rng();
    let sizes = cardinalities(samples);
    let slots = sizes.iter().sum();
    if LABELS * min_positives > slots {
        return Err(PlanError::TooFewSamples { part, samples, slots, min_positives });
    }
    let counts = label_counts(samples, slots, tempering, min_positives);
    let mut sets = deal(sizes, &counts, &mut rng).ok_or(PlanError::Infeasible(samples))?;
    mix(&mut sets, &mut rng);
    let names = LabelNames::atlas();
    Ok(sets
        .into_iter()
        .map(|set| names.labels().filter(|l| set >> l.index() & 1 == 1).collect())
        .collect())
}

/// Splits `total` in proportion to `shares`, whole numbers by largest remainder.
fn apportion(total: usize, shares: &[f64]) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * total as f64).collect();
    let mut parts: Vec<usize> = exact.iter().map(|&part| whole(part)).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| (exact[b] - exact[b].floor()).total_cmp(&(exact[a] - exact[a].floor())));
    let missing = total - parts.iter().sum::<usize>();
    for &place in order.iter().take(missing) {
        parts[place] += 1;
    }
    parts
}

/// The whole part of a share, which is never negative.
fn whole(share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= share <= samples"
    )]
    let whole = share.floor() as usize;
    whole
}

/// How many labels each sample carries.
fn cardinalities(samples: usize) -> Vec<usize> {
    let parts = apportion(samples, &CARDINALITIES.map(f64::from));
    (1..).zip(parts).flat_map(|(size, count)| std::iter::repeat_n(size, count)).collect()
}

/// How many samples carry each label: water-filling between `min_positives` and `samples`.
fn label_counts(samples: usize, slots: usize, tempering: f64, min_positives: usize) -> Vec<usize> {
    let weights = COUNTS.map(|count| f64::from(count).powf(tempering));
    let level = |scale: f64| {
        weights.map(|weight| (scale * weight).clamp(min_positives as f64, samples as f64))
    };
    let (mut low, mut high) = (0.0, slots as f64 / weights[27]);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if level(middle).iter().sum::<f64>() < slots as f64 { low = middle } else { high = middle }
    }
    // Rounding may fall one below the floor only if the floor itself is exceeded, so none does.
    apportion(slots, &level(high)).into_iter().map(|count| count.min(samples)).collect()
}

/// A table of bits with these row and column sums, or none if there is none.
fn deal(mut sizes: Vec<usize>, counts: &[usize], rng: &mut Rng) -> Option<Vec<u32>> {
    let mut sets = vec![0_u32; sizes.len()];
    rng.shuffle(&mut sizes);
    let mut labels: Vec<usize> = (0..counts.len()).collect();
    labels.sort_by_key(|&label| std::cmp::Reverse(counts[label]));
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    for label in labels {
        rng.shuffle(&mut order);
        // Those with most room left first: this fails only if every way fails.
        order.sort_by_key(|&sample| std::cmp::Reverse(sizes[sample]));
        for &sample in order.iter().take(counts[label]) {
            sizes[sample] = sizes[sample].checked_sub(1)?;
            sets[sample] |= 1 << label;
        }
    }
    sizes.iter().all(|&left| left == 0).then_some(sets)
}

/// Log lifts of the real table: pairs off the diagonal, lone labels on it.
fn affinities() -> [[f64; LABELS]; LABELS] {
    let rows = f64::from(ROWS);
    let log_lift =
        |seen: u32, expected: f64| ((f64::from(seen) + SMOOTHING) / (expected + SMOOTHING)).ln();
    std::array::from_fn(|a| {
        std::array::from_fn(|b| {
            if a == b {
                return log_lift(
                    ALONE[a],
                    f64::from(COUNTS[a]) * f64::from(CARDINALITIES[0]) / rows,
                );
            }
            log_lift(together(a, b), f64::from(COUNTS[a]) * f64::from(COUNTS[b]) / rows)
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

/// Swaps one label of a sample for one of another, again and again.
fn mix(sets: &mut [u32], rng: &mut Rng) {
    let affinity = affinities();
    for _ in 0..SWAPS_PER_SAMPLE * sets.len() {
        let (one, other) = (rng.below(sets.len()), rng.below(sets.len()));
        let (mine, theirs) = (bits(sets[one] & !sets[other]), bits(sets[other] & !sets[one]));
        if mine.is_empty() || theirs.is_empty() {
            continue;
        }
        let exchanged = 1 << mine[rng.below(mine.len())] | 1 << theirs[rng.below(theirs.len())];
        let (new_one, new_other) = (sets[one] ^ exchanged, sets[other] ^ exchanged);
        let before = energy(sets[one], &affinity) + energy(sets[other], &affinity);
        let after = energy(new_one, &affinity) + energy(new_other, &affinity);
        if rng.chance((after - before).exp()) {
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
        tempering: f64,
        min_positives: usize,
        seed: u64,
    ) -> Result<Vec<LabelSet>, PlanError> {
        let settings = Settings { tempering, min_positives, ..Settings::DEFAULT };
        plan_labels("test", samples, &settings, Seed::new(seed))
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
                assert!(COUNTS[a] <= COUNTS[b] || counts[a] >= counts[b], "labels {a} and {b}");
            }
        }
        assert!(counts[0] > 5 * counts[27], "{counts:?}");
    }

    #[test]
    fn without_tempering_the_shares_are_the_real_ones() {
        let counts = counts_of(&drawn(31_072, 1.0, 0, 1).unwrap());
        for (label, (&drawn, real)) in counts.iter().zip(COUNTS).enumerate() {
            assert!((drawn as f64 - f64::from(real)).abs() <= 1.0, "label {label}: {drawn}");
        }
    }

    #[test]
    fn sizes_of_the_sets_follow_the_real_table() {
        let sets = drawn(31_072, 0.5, 0, 1).unwrap();
        let sizes: Vec<usize> = (1..=5)
            .map(|size| sets.iter().filter(|set| set.as_slice().len() == size).count())
            .collect();
        assert_eq!(sizes, CARDINALITIES.map(|count| count as usize));
    }

    #[test]
    fn labels_keep_their_company() {
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
            samples in 1_usize..900, tempering in 0.0..1.0, min_positives in 0_usize..12, seed: u64
        ) {
            match drawn(samples, tempering, min_positives, seed) {
                Ok(sets) => {
                    prop_assert_eq!(sets.len(), samples);
                    prop_assert!(counts_of(&sets).iter().all(|&count| count >= min_positives));
                    prop_assert!(sets.iter().all(|set| (1..=5).contains(&set.as_slice().len())));
                }
                Err(PlanError::TooFewSamples { slots, .. }) => {
                    prop_assert!(LABELS * min_positives > slots);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}

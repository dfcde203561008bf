//! Thresholds that have not seen the samples they are scored on.
//!
//! A fitted threshold has seen the luck of its samples: on the atlas labels with simulated scores
//! the exact optimum is 0.014 too high where fresh data judge (docs/performance.md). Fitting without
//! each fold in turn, and deciding each fold by the thresholds fitted without it, gives
//! decisions for all samples whose score is honest.

use crate::{Fit, Problem, Settings, ThresholdError, fit};
use hpa_core::{Fold, FoldCount};
use rayon::prelude::*;

/// Fits the thresholds once without each fold; entry F has not seen fold F. `folds` holds
/// the fold of each row.
///
/// # Errors
/// When one fold holds every sample, or a fit fails.
pub fn cross_fit(
    problem: &Problem,
    count: FoldCount,
    folds: &[Fold],
    settings: &Settings,
) -> Result<Vec<Fit>, ThresholdError> {
    let seed = settings.seed.derive("fold");
    let without = |held_out: Fold| {
        let rest = problem.retain(|row| folds[row] != held_out);
        if rest.n_samples() == 0 {
            return Err(ThresholdError::OneFold(held_out.get()));
        }
        fit(&rest, &Settings { seed: seed.child(u64::from(held_out.get())), ..*settings })
    };
    count.folds().collect::<Vec<_>>().into_par_iter().map(without).collect()
}

/// Decides row-major scores by the thresholds that `of_row` names for each row.
pub(crate) fn decide<'a>(
    scores: &[f32],
    n_labels: usize,
    of_row: impl Fn(usize) -> &'a [f64],
) -> Vec<bool> {
    let mut decided = Vec::with_capacity(scores.len());
    for (row, scores) in scores.chunks_exact(n_labels).enumerate() {
        let pairs = scores.iter().zip(of_row(row));
        decided.extend(pairs.map(|(&score, &threshold)| f64::from(score) > threshold));
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Calibration;
    use crate::testing::case;
    use hpa_core::Seed;

    fn settings() -> Settings {
        let method = "exact".parse().unwrap();
        Settings { method, shrink: 0, calibration: Calibration::Platt, seed: Seed::new(1) }
    }

    fn folds(n_samples: usize, count: FoldCount) -> Vec<Fold> {
        let number = |row: usize| row as u64 % u64::from(count.get());
        (0..n_samples).map(|row| count.fold(number(row)).unwrap()).collect()
    }

    #[test]
    fn a_fold_has_no_say_in_its_own_thresholds() {
        let count = FoldCount::try_from(3).unwrap();
        let folds = folds(600, count);
        let one = case("macro-f1", 600, 3);
        let mut other = one.clone();
        for row in (0..600).filter(|row| row % 3 == 1) {
            other.truth[3 * row..3 * row + 3].iter_mut().for_each(|truth| *truth = !*truth);
        }
        let [one, other] = [one, other]
            .map(|case| cross_fit(&case.problem(), count, &folds, &settings()).unwrap());
        assert_eq!(one[1], other[1]);
        assert_ne!(one[0], other[0]);
    }

    #[test]
    fn one_fold_for_all_leaves_nothing_to_fit_on() {
        let count = FoldCount::try_from(2).unwrap();
        let all_in_one = vec![count.fold(1).unwrap(); 30];
        let error = cross_fit(&case("macro-f1", 30, 3).problem(), count, &all_in_one, &settings());
        assert!(matches!(error, Err(ThresholdError::OneFold(1))));
    }
}

//! Cross-fitting: thresholds for each fold that were fitted without it.
//!
//! The score on the samples that thresholds were fitted on is optimistic: on the atlas labels with
//! simulated scores the exact optimum is 0.014 above the score on fresh data (docs/performance.md).
//! Fitting without each fold in turn and predicting each fold by those thresholds gives an unbiased
//! score over all samples.

use crate::{Fit, Problem, Settings, ThresholdError, fit};
use hpa_core::{Fold, FoldCount};
use rayon::prelude::*;

/// Fits the thresholds without each fold in turn; entry F was fitted without fold F. `folds` is
/// the fold of each sample.
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
        let rest = problem.retain(|sample| folds[sample] != held_out);
        if rest.n_samples() == 0 {
            return Err(ThresholdError::OneFold(held_out.get()));
        }
        fit(&rest, &Settings { seed: seed.child(u64::from(held_out.get())), ..*settings })
    };
    count.folds().collect::<Vec<_>>().into_par_iter().map(without).collect()
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
        let number = |sample: usize| sample as u64 % u64::from(count.get());
        (0..n_samples).map(|sample| count.fold(number(sample)).unwrap()).collect()
    }

    #[test]
    fn a_fold_does_not_affect_its_own_thresholds() {
        let count = FoldCount::try_from(3).unwrap();
        let folds = folds(600, count);
        let one = case("macro-f1", 600, 3);
        let mut other = one.clone();
        for sample in (0..600).filter(|sample| sample % 3 == 1) {
            other.truth[3 * sample..3 * sample + 3].iter_mut().for_each(|truth| *truth = !*truth);
        }
        let [one, other] = [one, other]
            .map(|case| cross_fit(&case.problem(), count, &folds, &settings()).unwrap());
        assert_eq!(one[1], other[1]);
        assert_ne!(one[0], other[0]);
    }

    #[test]
    fn one_fold_with_all_samples_is_refused() {
        let count = FoldCount::try_from(2).unwrap();
        let all_in_one = vec![count.fold(1).unwrap(); 30];
        let error = cross_fit(&case("macro-f1", 30, 3).problem(), count, &all_in_one, &settings());
        assert!(matches!(error, Err(ThresholdError::OneFold(1))));
    }
}

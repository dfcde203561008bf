//! `exact`: the optimum of each label, for averages over labels.

use super::Fit;
use crate::{Problem, ThresholdError};
use rayon::prelude::*;

/// The best threshold of each label by one walk over its sorted scores. This is the optimum, because
/// F changes only where the threshold passes a score. Of tied cuts the one that predicts fewest.
pub(crate) fn exact(problem: &Problem) -> Result<Fit, ThresholdError> {
    let metric = problem.metric();
    if !metric.is_separable() {
        return Err(ThresholdError::Coupled(metric));
    }
    let rankings = problem.rankings();
    let best = |ranking: &hpa_metrics::Ranking| ranking.best(metric.beta()).threshold;
    // F is computed at each hit and for predicting nothing.
    let evaluations = rankings.iter().map(|ranking| ranking.positives() as u64 + 1).sum();
    Ok(Fit::new(rankings.par_iter().map(best).collect(), evaluations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::IncrementalScore;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_thresholds_beat_the_exact_ones(case in cases(), others in any::<[u16; 3]>()) {
            let problem = case.problem();
            let Ok(fit) = exact(&problem) else {
                prop_assert!(!problem.metric().is_separable());
                return Ok(());
            };
            let others = others.map(|part| f64::from(part) / f64::from(u16::MAX));
            let best = IncrementalScore::at(&problem, &fit.thresholds).value();
            prop_assert!(best >= IncrementalScore::at(&problem, &others).value());
        }
    }

    #[test]
    fn a_metric_that_couples_labels_is_refused() {
        let error = exact(&case("micro-f1", 9, 1).problem()).unwrap_err().to_string();
        assert!(error.contains("micro-f1"), "{error}");
    }
}

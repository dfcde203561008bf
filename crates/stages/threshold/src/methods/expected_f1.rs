//! `expected-f1`: the highest expected F under calibrated probabilities.

use super::Fit;
use crate::{Calibration, Problem};
use hpa_metrics::Ranking;
use rayon::prelude::*;

/// Each label's threshold with the highest expected F, under calibrated probabilities p:
/// (1 + β²)·Σ p of the predicted / (β²·Σ p of all + number predicted), the ratio of the
/// expectations. Of tied cuts the one that predicts fewest; a label without positives is never
/// predicted.
pub(super) fn expected_f1(problem: &Problem, calibration: Calibration) -> Fit {
    let beta = problem.metric().beta();
    let threshold = |ranking: &Ranking| match ranking.positives() {
        0 => 1.0,
        _ => best_threshold(ranking, &calibration.probabilities(ranking), beta),
    };
    let evaluations = problem.rankings().iter().map(|ranking| ranking.len() as u64 + 1).sum();
    Fit::new(problem.rankings().par_iter().map(threshold).collect(), evaluations)
}

fn best_threshold(ranking: &Ranking, probabilities: &[f64], beta: f64) -> f64 {
    let square = beta * beta;
    let all = square * probabilities.iter().sum::<f64>();
    let (mut predicted, mut hits) = (0, 0.0);
    let (mut best, mut best_f) = (0, 0.0);
    while let Some(next) = ranking.next_cut(predicted) {
        hits += probabilities[predicted..next].iter().sum::<f64>();
        predicted = next;
        let f = (1.0 + square) * hits / (all + predicted as f64);
        if f > best_f {
            (best, best_f) = (predicted, f);
        }
    }
    ranking.threshold(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::tests::distorted;

    #[test]
    fn under_calibrated_probabilities_the_threshold_reaches_the_exact_f() {
        let ranking = distorted();
        let best = ranking.best(1.0).counts.f1();
        for calibration in [Calibration::Platt, Calibration::Isotonic] {
            let threshold = best_threshold(&ranking, &calibration.probabilities(&ranking), 1.0);
            let f1 = ranking.counts(ranking.predicted(threshold)).f1();
            assert!(best - f1 < 0.005, "{f1} instead of {best}");
        }
    }
}

//! `coordinate`: coordinate ascent with an exact line search, for metrics that couple the labels.
//!
//! One label after the other gets the cut that is best while all others are fixed, of tied cuts the
//! one that predicts fewest. A round in which no label moves is a certificate: no change of a
//! single threshold, however large, can raise the metric. Changes of several at once still may.

use super::{Fit, global::global};
use crate::Problem;
use crate::score::IncrementalScore;

/// Ascends from the best global threshold until no label can gain.
pub(super) fn coordinate(problem: &Problem) -> Fit {
    let start = global(problem);
    let mut score = IncrementalScore::at(problem, &start.thresholds);
    let mut evaluations = start.evaluations;
    let certificate = loop {
        // The largest gain of a label in this round, and whether any label moved.
        let (mut max_gain, mut moved) = (0.0_f64, false);
        for label in 0..problem.rankings().len() {
            let (current, value) = (score.cut(label), score.value());
            let (best, best_value) = line_search(&mut score, problem, label, &mut evaluations);
            let is_better = best_value > value || (best_value >= value && best < current);
            score.move_to(label, if is_better { best } else { current });
            max_gain = max_gain.max(best_value - value);
            moved |= is_better;
        }
        if !moved {
            break max_gain;
        }
    };
    Fit { certificate: Some(certificate), ..Fit::new(score.thresholds(), evaluations) }
}

/// The best cut of one label while all others are fixed; of tied cuts the one that predicts fewest.
fn line_search(
    score: &mut IncrementalScore<'_>,
    problem: &Problem,
    label: usize,
    evaluations: &mut u64,
) -> (usize, f64) {
    let ranking = &problem.rankings()[label];
    score.move_to(label, 0);
    let (mut best, mut best_value, mut hits_left) = (0, score.value(), ranking.positives());
    // Below the last positive there are only false positives to add, so no metric rises.
    while hits_left > 0
        && let Some(next) = ranking.next_cut(score.cut(label))
    {
        let passed = &ranking.truth()[score.cut(label)..next];
        let hits = passed.iter().filter(|&&truth| truth).count();
        score.move_to(label, next);
        hits_left -= hits;
        if hits > 0 {
            *evaluations += 1;
            if score.value() > best_value {
                (best, best_value) = (next, score.value());
            }
        }
    }
    (best, best_value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_single_threshold_can_raise_the_result(case in cases()) {
            let problem = case.problem();
            let fit = coordinate(&problem);
            let score = IncrementalScore::at(&problem, &fit.thresholds).value();
            for label in 0..3 {
                for cut in problem.rankings()[label].cuts() {
                    let mut other = fit.thresholds.clone();
                    other[label] = cut.threshold;
                    prop_assert!(IncrementalScore::at(&problem, &other).value() <= score);
                }
            }
        }
    }

    #[test]
    fn with_a_mean_over_labels_it_is_the_exact_optimum() {
        let problem = case("macro-f1", 600, 4).problem();
        let score = |thresholds: &[f64]| IncrementalScore::at(&problem, thresholds).value();
        let best = score(&crate::methods::exact::exact(&problem).unwrap().thresholds);
        assert_eq!(score(&coordinate(&problem).thresholds).to_bits(), best.to_bits());
    }
}

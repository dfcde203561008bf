//! Coordinate ascent with an exact line search, for metrics that couple the labels.
//!
//! One label after the other gets the cut that is best while all others stay, among equals the
//! one that predicts fewest. A round in which no label moves is a certificate: no change of a
//! single threshold, however large, can raise the metric. Changes of several at once still may.

use crate::tally::Tally;
use crate::{Fit, Problem};

/// Climbs from the best threshold for all until no label can gain.
pub(crate) fn coordinate(problem: &Problem) -> Fit {
    let start = crate::simple::global(problem);
    let mut tally = Tally::at(problem, &start.thresholds);
    let mut evaluations = start.evaluations;
    let certificate = loop {
        // The most that any label gained in this round, and whether any moved at all.
        let (mut most, mut moved) = (0.0_f64, false);
        for label in 0..problem.columns().len() {
            let (current, score) = (tally.cut(label), tally.score());
            let (best, best_score) = line_search(&mut tally, problem, label, &mut evaluations);
            let better = best_score > score || (best_score >= score && best < current);
            tally.move_to(label, if better { best } else { current });
            (most, moved) = (most.max(best_score - score), moved || better);
        }
        if !moved {
            break most;
        }
    };
    Fit { certificate: Some(certificate), ..Fit::new(tally.thresholds(), evaluations) }
}

/// The best cut of one label while all others stay; among equals the fewest are predicted.
fn line_search(
    tally: &mut Tally<'_>,
    problem: &Problem,
    label: usize,
    evaluations: &mut u64,
) -> (usize, f64) {
    let column = &problem.columns()[label];
    tally.move_to(label, 0);
    let (mut best, mut best_score, mut left) = (0, tally.score(), column.positives());
    // Below the last positive only misses are added: no metric rises there.
    while left > 0
        && let Some(next) = column.next_cut(tally.cut(label))
    {
        let passed = &column.truth()[tally.cut(label)..next];
        let hits = passed.iter().filter(|&&truth| truth).count();
        tally.move_to(label, next);
        left -= hits;
        if hits > 0 {
            *evaluations += 1;
            if tally.score() > best_score {
                (best, best_score) = (next, tally.score());
            }
        }
    }
    (best, best_score)
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
            let score = Tally::at(&problem, &fit.thresholds).score();
            for label in 0..3 {
                for cut in problem.columns()[label].cuts() {
                    let mut other = fit.thresholds.clone();
                    other[label] = cut.threshold;
                    prop_assert!(Tally::at(&problem, &other).score() <= score);
                }
            }
        }
    }

    #[test]
    fn with_a_mean_over_labels_it_is_the_exact_optimum() {
        let problem = case("macro-f1", 600, 4).problem();
        let score = |thresholds: &[f64]| Tally::at(&problem, thresholds).score();
        let best = score(&crate::simple::exact(&problem).unwrap().thresholds);
        assert_eq!(score(&coordinate(&problem).thresholds).to_bits(), best.to_bits());
    }
}

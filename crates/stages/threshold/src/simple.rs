//! Methods that need no search: one for all, exact, prevalence.

use crate::{Fit, Problem, ThresholdError, tally::Tally};
use hpa_metrics::{Cut, Ranking};
use rayon::prelude::*;

/// The best threshold of each label: one walk down its sorted scores, provably the optimum,
/// because F changes only where the threshold passes a score. Among equal F the fewest are
/// predicted.
pub(crate) fn exact(problem: &Problem) -> Result<Fit, ThresholdError> {
    let metric = problem.metric();
    if !metric.is_separable() {
        return Err(ThresholdError::Coupled(metric));
    }
    let columns = problem.columns();
    let best: Vec<Cut> = columns.par_iter().map(|column| column.best(metric.beta())).collect();
    // F is computed at each hit, and of nothing predicted.
    let evaluations = columns.iter().map(|column| column.positives() as u64 + 1).sum();
    Ok(Fit::new(best.iter().map(|cut| cut.threshold).collect(), evaluations))
}

/// The best threshold that all labels share: one walk down the scores of all labels
/// together, the metric kept up to date. Among equals the fewest are predicted.
pub(crate) fn global(problem: &Problem) -> Fit {
    let scores = pooled(problem);
    let mut tally = Tally::new(problem);
    let (mut best, mut best_score, mut evaluations) = (1.0, 0.0, 1);
    let mut start = 0;
    while start < scores.len() && score_of(scores[start]) > 0.0 {
        let score = score_of(scores[start]);
        let mut end = start;
        while end < scores.len() && scores[end] >> 32 == scores[start] >> 32 {
            let label = label_of(scores[end]);
            tally.move_to(label, tally.cut(label) + 1);
            end += 1;
        }
        evaluations += 1;
        if tally.score() > best_score {
            best_score = tally.score();
            let next = scores.get(end).map(|&key| f64::from(score_of(key)));
            best = next.map_or(0.0, |next| f64::midpoint(f64::from(score), next));
        }
        start = end;
    }
    Fit::new(vec![best; problem.columns().len()], evaluations)
}

/// The scores of all labels, highest first: inverted bits above, label below. Within a
/// label they come in the order of its ranking, so the label alone says which sample it is.
fn pooled(problem: &Problem) -> Vec<u64> {
    let mut keys: Vec<u64> = Vec::with_capacity(problem.n_samples() * problem.columns().len());
    for (label, column) in (0_u64..).zip(problem.columns()) {
        keys.extend(column.scores().iter().map(|score| u64::from(!score.to_bits()) << 32 | label));
    }
    keys.par_sort_unstable();
    keys
}

fn score_of(key: u64) -> f32 {
    f32::from_bits(!((key >> 32) as u32))
}

fn label_of(key: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the label")]
    let label = key as u32;
    label as usize
}

/// The threshold at which a label is predicted as often as it is there, or as near to that
/// as ties allow; among equally near the fewest are predicted.
pub(crate) fn prevalence(problem: &Problem) -> Fit {
    let threshold = |column: &Ranking| {
        let distance = |cut: &Cut| cut.predicted.abs_diff(column.positives());
        let nearest = column.cuts().min_by_key(distance).expect("predicting nothing is a cut");
        nearest.threshold
    };
    Fit::new(problem.columns().par_iter().map(threshold).collect(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_global_threshold_equals_brute_force(case in cases()) {
            let problem = case.problem();
            let at = |threshold: f64| Tally::at(&problem, &[threshold; 3]).score();
            let brute = case.scores.iter().map(|&score| f64::from(score))
                .chain([0.0, 1.0]).map(at).fold(0.0, f64::max);
            let found = global(&problem).thresholds;
            prop_assert_eq!(at(found[0]).to_bits(), brute.to_bits());
        }

        #[test]
        fn no_thresholds_beat_the_exact_ones(case in cases(), others in any::<[u16; 3]>()) {
            let problem = case.problem();
            let Ok(fit) = exact(&problem) else {
                prop_assert!(!problem.metric().is_separable());
                return Ok(());
            };
            let others = others.map(|part| f64::from(part) / f64::from(u16::MAX));
            let best = Tally::at(&problem, &fit.thresholds).score();
            prop_assert!(best >= Tally::at(&problem, &others).score());
        }
    }

    #[test]
    fn prevalence_predicts_as_many_as_there_are() {
        let problem = case("macro-f1", 400, 3).problem();
        let fit = prevalence(&problem);
        for (column, &threshold) in problem.columns().iter().zip(&fit.thresholds) {
            assert_eq!(column.predicted(threshold), column.positives());
        }
    }

    #[test]
    fn exact_with_a_metric_that_couples_labels_is_refused() {
        let error = exact(&case("micro-f1", 9, 1).problem()).unwrap_err().to_string();
        assert!(error.contains("micro-f1"), "{error}");
    }
}

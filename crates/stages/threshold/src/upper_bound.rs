//! The highest score that any thresholds reach, by which methods are judged.
//!
//! A mean over labels is maximal where each label is. A micro average couples the labels, but its
//! F = (1 + β²)·hits / (β²·positives + predicted) is a ratio of two sums over labels, so
//! Dinkelbach's method finds the maximum: for a given λ each label independently takes the cut with
//! the highest (1 + β²)·hits - λ·predicted; the F of those cuts is the next λ. λ rises in every
//! round until no thresholds have a higher F. For a mean over samples no such method is known.
//!
//! Source: Dinkelbach, *On nonlinear fractional programming*, Management Science 13 (1967).

use crate::Problem;
use hpa_metrics::{Average, Counts, Ranking};
use rayon::prelude::*;

/// The highest score on the problem's samples; `None` for a mean over samples.
#[must_use]
pub fn upper_bound(problem: &Problem) -> Option<f64> {
    let beta = problem.metric().beta();
    let rankings = problem.rankings();
    match problem.metric().average {
        Average::Macro => {
            let best: Vec<f64> =
                rankings.par_iter().map(|ranking| ranking.best(beta).counts.f_beta(beta)).collect();
            Some(best.iter().sum::<f64>() / best.len() as f64)
        }
        Average::Micro => {
            let mut lambda = 0.0;
            loop {
                let best = rankings.par_iter().map(|ranking| best_counts(ranking, beta, lambda));
                let f = best.collect::<Vec<_>>().into_iter().sum::<Counts>().f_beta(beta);
                if f <= lambda {
                    return Some(lambda);
                }
                lambda = f;
            }
        }
        Average::Samples => None,
    }
}

/// The counts of the cut with the highest (1 + β²)·hits - λ·predicted.
fn best_counts(ranking: &Ranking, beta: f64, lambda: f64) -> Counts {
    let objective = |counts: &Counts| {
        let hits = counts.true_positives as f64;
        (1.0 + beta * beta) * hits - lambda * (hits + counts.false_positives as f64)
    };
    let mut best = ranking.counts(0);
    for cut in ranking.cuts() {
        if objective(&cut.counts) > objective(&best) {
            best = cut.counts;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::IncrementalScore;
    use crate::testing::cases;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_highest_of_all_combinations_of_cuts(case in cases()) {
            let problem = case.problem();
            let cuts: Vec<Vec<usize>> = problem.rankings().iter()
                .map(|ranking| ranking.cuts().map(|cut| cut.predicted).collect()).collect();
            let (mut score, mut highest) = (IncrementalScore::new(&problem), 0.0_f64);
            for &a in &cuts[0] {
                score.move_to(0, a);
                for &b in &cuts[1] {
                    score.move_to(1, b);
                    for &c in &cuts[2] {
                        score.move_to(2, c);
                        highest = highest.max(score.value());
                    }
                }
            }
            let found = upper_bound(&problem);
            prop_assert_eq!(found.is_none(), problem.metric().average == Average::Samples);
            prop_assert!(found.is_none_or(|found| (found - highest).abs() < 1e-12), "{highest}");
        }
    }
}

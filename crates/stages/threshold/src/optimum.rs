//! The highest score that any thresholds reach, to measure methods against.
//!
//! A mean over labels is highest where each label is. A micro average couples the labels, yet
//! its F = (1 + β²)·hits / (β²·positives + predicted) is a ratio of two sums over labels, so
//! Dinkelbach's method finds the highest: at a price λ per sample of the denominator each label by
//! itself picks the cut with the most (1 + β²)·hits - λ·predicted; the F of those cuts is the
//! next λ. λ rises in every round, and when it no longer does no thresholds have a higher F.
//! For a mean over samples no such way is known: there is no optimum to show.
//!
//! Source: Dinkelbach, *On nonlinear fractional programming*, Management Science 13 (1967).

use crate::Problem;
use hpa_metrics::{Average, Counts, Ranking};
use rayon::prelude::*;

/// The highest score on the problem's samples; none for a mean over samples.
#[must_use]
pub fn optimum(problem: &Problem) -> Option<f64> {
    let (columns, beta) = (problem.columns(), problem.metric().beta());
    match problem.metric().average {
        Average::Macro => {
            let best: Vec<f64> =
                columns.par_iter().map(|column| column.best(beta).counts.f_beta(beta)).collect();
            Some(best.iter().sum::<f64>() / best.len() as f64)
        }
        Average::Micro => {
            let mut price = 0.0;
            loop {
                let best = columns.par_iter().map(|column| worthiest(column, beta, price));
                let f = best.collect::<Vec<_>>().into_iter().sum::<Counts>().f_beta(beta);
                if f <= price {
                    return Some(price);
                }
                price = f;
            }
        }
        Average::Samples => None,
    }
}

/// The counts of the cut with the most (1 + β²)·hits - price·predicted.
fn worthiest(column: &Ranking, beta: f64, price: f64) -> Counts {
    let worth = |counts: &Counts| {
        let hits = counts.true_positives as f64;
        (1.0 + beta * beta) * hits - price * (hits + counts.false_positives as f64)
    };
    let mut best = column.counts(0);
    for cut in column.cuts() {
        if worth(&cut.counts) > worth(&best) {
            best = cut.counts;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;
    use crate::testing::cases;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_highest_of_all_combinations_of_cuts(case in cases()) {
            let problem = case.problem();
            let cuts: Vec<Vec<usize>> = problem.columns().iter()
                .map(|column| column.cuts().map(|cut| cut.predicted).collect()).collect();
            let (mut tally, mut highest) = (Tally::new(&problem), 0.0_f64);
            for &a in &cuts[0] {
                tally.move_to(0, a);
                for &b in &cuts[1] {
                    tally.move_to(1, b);
                    for &c in &cuts[2] {
                        tally.move_to(2, c);
                        highest = highest.max(tally.score());
                    }
                }
            }
            let found = optimum(&problem);
            prop_assert_eq!(found.is_none(), problem.metric().average == Average::Samples);
            prop_assert!(found.is_none_or(|found| (found - highest).abs() < 1e-12), "{highest}");
        }
    }
}

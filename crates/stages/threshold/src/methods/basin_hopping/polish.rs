//! Local polish: steps to the neighbouring cut while the metric rises.
//!
//! A label moves to the next cut up or down and continues in that direction as long as the metric
//! rises, until no label gains by one step. It looks one cut ahead, no further: a sweep over all
//! cuts is [`crate::Method::Exact`].

use crate::score::IncrementalScore;
use hpa_metrics::Ranking;

/// Ascends by single steps; returns the number of evaluations.
pub(super) fn polish(score: &mut IncrementalScore<'_>, rankings: &[Ranking]) -> u64 {
    let mut evaluations = 0;
    let mut gain = true;
    while gain {
        gain = false;
        for (label, ranking) in rankings.iter().enumerate() {
            for direction in [Ranking::previous_cut, Ranking::next_cut] {
                gain |= climb(score, label, |cut| direction(ranking, cut), &mut evaluations);
            }
        }
    }
    evaluations
}

fn climb(
    score: &mut IncrementalScore<'_>,
    label: usize,
    neighbour: impl Fn(usize) -> Option<usize>,
    evaluations: &mut u64,
) -> bool {
    let mut gain = false;
    while let Some(next) = neighbour(score.cut(label)) {
        let (cut, value) = (score.cut(label), score.value());
        score.move_to(label, next);
        *evaluations += 1;
        if score.value() <= value {
            score.move_to(label, cut);
            break;
        }
        gain = true;
    }
    gain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cases;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_metric_never_falls_and_no_step_gains_at_the_end(
            case in cases(), start in prop::array::uniform3(0.0..=1.0),
        ) {
            let problem = case.problem();
            let mut score = IncrementalScore::at(&problem, &start);
            let before = score.value();
            polish(&mut score, problem.rankings());
            let after = score.value();
            prop_assert!(after >= before);
            prop_assert!(polish(&mut score, problem.rankings()) <= 6 && score.value() <= after);
        }
    }
}

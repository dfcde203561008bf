//! The last steps of a search: to the neighbouring breakpoint while F rises.
//!
//! A label steps to the next cut up or down and goes on in that direction as long as the metric
//! rises; when no label can gain by one step, it is over. It sees one breakpoint ahead, no
//! further: a sweep over all of them is what [`crate::Method::Exact`] does.

use crate::tally::Tally;
use hpa_metrics::Ranking;

/// Climbs by single steps; returns how many cuts were tried.
pub(crate) fn polish(tally: &mut Tally<'_>, columns: &[Ranking]) -> u64 {
    let (mut tried, mut gain) = (0, true);
    while gain {
        gain = false;
        for (label, column) in columns.iter().enumerate() {
            for direction in [Ranking::previous_cut, Ranking::next_cut] {
                gain |= climb(tally, label, |cut| direction(column, cut), &mut tried);
            }
        }
    }
    tried
}

fn climb(
    tally: &mut Tally<'_>,
    label: usize,
    neighbour: impl Fn(usize) -> Option<usize>,
    tried: &mut u64,
) -> bool {
    let mut gain = false;
    while let Some(next) = neighbour(tally.cut(label)) {
        let (cut, score) = (tally.cut(label), tally.score());
        tally.move_to(label, next);
        *tried += 1;
        if tally.score() <= score {
            tally.move_to(label, cut);
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
        fn it_never_lowers_the_metric_and_ends_where_no_step_gains(
            case in cases(), start in prop::array::uniform3(0.0..=1.0),
        ) {
            let problem = case.problem();
            let mut tally = Tally::at(&problem, &start);
            let before = tally.score();
            polish(&mut tally, problem.columns());
            let after = tally.score();
            prop_assert!(after >= before);
            prop_assert!(polish(&mut tally, problem.columns()) <= 6 && tally.score() <= after);
        }
    }
}

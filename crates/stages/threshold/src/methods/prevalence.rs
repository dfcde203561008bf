//! `prevalence`: as many predictions of each label as there are positives.

use super::Fit;
use crate::Problem;
use hpa_metrics::{Cut, Ranking};
use rayon::prelude::*;

/// The threshold at which a label is predicted as often as it has positives, or as near to that
/// as ties allow; of equally near cuts the one that predicts fewest.
pub(super) fn prevalence(problem: &Problem) -> Fit {
    let threshold = |ranking: &Ranking| {
        let distance = |cut: &Cut| cut.predicted.abs_diff(ranking.positives());
        let nearest = ranking.cuts().min_by_key(distance).expect("predicting nothing is a cut");
        nearest.threshold
    };
    Fit::new(problem.rankings().par_iter().map(threshold).collect(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::case;

    #[test]
    fn as_many_are_predicted_as_there_are_positives() {
        let problem = case("macro-f1", 400, 3).problem();
        let fit = prevalence(&problem);
        for (ranking, &threshold) in problem.rankings().iter().zip(&fit.thresholds) {
            assert_eq!(ranking.predicted(threshold), ranking.positives());
        }
    }
}

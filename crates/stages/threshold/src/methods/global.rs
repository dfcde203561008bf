//! `global`: the best threshold that all labels share.

use super::Fit;
use crate::Problem;
use crate::score::IncrementalScore;
use rayon::prelude::*;

/// The best shared threshold by one walk over the scores of all labels, the metric updated at each
/// step. Of tied thresholds the one that predicts fewest.
pub(crate) fn global(problem: &Problem) -> Fit {
    let samples = pooled(problem);
    let mut score = IncrementalScore::new(problem);
    let (mut best, mut best_score, mut evaluations) = (1.0, 0.0, 1);
    let mut samples = samples.into_iter().peekable();
    while let Some(Sample { score: current, label }) = samples.next_if(|next| next.score > 0.0) {
        let label = usize::from(label);
        score.move_to(label, score.cut(label) + 1);
        let next = samples.peek().map(|next| next.score);
        if next == Some(current) {
            continue; // tied scores are predicted together
        }
        evaluations += 1;
        if score.value() > best_score {
            best_score = score.value();
            best = next.map_or(0.0, |next| f64::midpoint(f64::from(current), f64::from(next)));
        }
    }
    Fit::new(vec![best; problem.rankings().len()], evaluations)
}

/// A score and its label.
struct Sample {
    score: f32,
    label: u16,
}

/// The scores of all labels in descending order. The next sample of a label is the next one of its
/// ranking, so the label is enough to identify it.
fn pooled(problem: &Problem) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(problem.n_samples() * problem.rankings().len());
    for (label, ranking) in (0_u16..).zip(problem.rankings()) {
        samples.extend(ranking.scores().iter().map(|&score| Sample { score, label }));
    }
    samples.par_sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cases;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_global_threshold_equals_brute_force(case in cases()) {
            let problem = case.problem();
            let at = |threshold: f64| IncrementalScore::at(&problem, &[threshold; 3]).value();
            let brute_force = case.scores.iter().map(|&score| f64::from(score))
                .chain([0.0, 1.0]).map(at).fold(0.0, f64::max);
            let found = global(&problem).thresholds;
            prop_assert_eq!(at(found[0]).to_bits(), brute_force.to_bits());
        }
    }
}

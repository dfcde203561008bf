//! Small random problems of three labels for the tests of this crate.

use crate::Problem;
use hpa_core::Seed;
use proptest::prelude::*;

/// A matrix of scores and its truth, both `[samples][3]`.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) metric: &'static str,
    pub(crate) scores: Vec<f32>,
    pub(crate) truth: Vec<bool>,
}

impl Case {
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(self.metric.parse().unwrap(), &self.scores, &self.truth, 3).unwrap()
    }
}

/// Informative scores of a frequent, a middling and a rare label.
pub(crate) fn case(metric: &'static str, n_samples: usize, seed: u64) -> Case {
    let mut rng = Seed::new(seed).rng();
    let (mut scores, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..n_samples {
        for share in [0.4_f64, 0.1, 0.01] {
            let is_positive = rng.bernoulli(share);
            let logit = rng.normal()
                + 1.7 * f64::from(u8::from(is_positive))
                + 0.5 * (share / (1.0 - share)).ln();
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            scores.push((1.0 / (1.0 + (-logit).exp())) as f32);
            truth.push(is_positive);
        }
    }
    Case { metric, scores, truth }
}

/// Edge cases: ties, 0, 1, labels that are never or always positive, few samples.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let score = prop_oneof![(0_u8..=6).prop_map(|n| f32::from(n) / 6.0), 0.0_f32..=1.0];
    let metric = prop::sample::select(vec![
        "macro-f1",
        "micro-f1",
        "samples-f1",
        "macro-f2",
        "micro-f0.5",
        "samples-f2",
    ]);
    (metric, prop::collection::vec((score, any::<bool>()), 3..75)).prop_map(
        |(metric, mut cells)| {
            cells.truncate(cells.len() / 3 * 3);
            let (scores, truth) = cells.into_iter().unzip();
            Case { metric, scores, truth }
        },
    )
}

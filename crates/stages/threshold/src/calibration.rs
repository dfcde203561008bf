//! Calibration of one label's scores to probabilities.
//!
//! Platt: the probability of the label is σ(a·logit(score) + b), fitted by Newton's method on
//! smoothed targets (Platt 1999; the safeguarded steps of Lin, Lin & Weng, *Machine Learning* 68,
//! 2007). Isotonic: the probability is a non-decreasing step function of the score, fitted by
//! pooling adjacent violators (Ayer et al. 1955).

use hpa_metrics::Ranking;

/// How scores are calibrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Calibration {
    /// A logistic curve: two parameters a label, for which few positives suffice.
    #[default]
    Platt,
    /// A non-decreasing step function: any shape, but needs more positives.
    Isotonic,
}

impl Calibration {
    /// Calibrated probabilities in the order of the ranking, descending.
    pub(crate) fn probabilities(self, ranking: &Ranking) -> Vec<f64> {
        match self {
            Self::Platt => platt(ranking),
            Self::Isotonic => isotonic(ranking),
        }
    }
}

fn isotonic(ranking: &Ranking) -> Vec<f64> {
    // Pooled blocks of (hits, samples) in descending order of the score; the share of hits must not
    // rise from one block to the next.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    let mut start = 0;
    while start < ranking.len() {
        let score = ranking.scores()[start];
        let ties = ranking.scores()[start..].iter().take_while(|&&other| other >= score).count();
        let hits = ranking.truth()[start..start + ties].iter().filter(|&&truth| truth).count();
        let mut block = (hits as f64, ties as f64);
        while let Some(&(hits, samples)) = blocks.last()
            && block.0 * samples >= hits * block.1
        {
            block = (block.0 + hits, block.1 + samples);
            blocks.pop();
        }
        blocks.push(block);
        start += ties;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let expand =
        |(hits, samples): (f64, f64)| std::iter::repeat_n(hits / samples, samples as usize);
    blocks.into_iter().flat_map(expand).collect()
}

fn platt(ranking: &Ranking) -> Vec<f64> {
    let logits: Vec<f64> = ranking.scores().iter().map(|&score| logit(score)).collect();
    let positives = ranking.positives() as f64;
    let negatives = ranking.len() as f64 - positives;
    let targets = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let target = |truth: bool| if truth { targets.0 } else { targets.1 };
    let data: Vec<(f64, f64)> =
        logits.iter().zip(ranking.truth()).map(|(&x, &truth)| (x, target(truth))).collect();
    let (slope, offset) = newton(&data, ((positives + 1.0) / (negatives + 1.0)).ln());
    logits.into_iter().map(|x| sigmoid(slope * x + offset)).collect()
}

/// Minimises the cross-entropy of σ(slope·x + offset) against targets.
fn newton(data: &[(f64, f64)], prior: f64) -> (f64, f64) {
    const STEPS: usize = 100;
    let (mut slope, mut offset) = (0.0, prior);
    let mut loss = cross_entropy(data, slope, offset);
    for _ in 0..STEPS {
        // A ridge of 1e-12 keeps constant scores, whose Hessian is singular, solvable.
        let (mut h11, mut h22, mut h12, mut g1, mut g2) = (1e-12, 1e-12, 0.0, 0.0, 0.0);
        for &(x, target) in data {
            let probability = sigmoid(slope * x + offset);
            let weight = probability * (1.0 - probability);
            (h11, h22, h12) = (h11 + x * x * weight, h22 + weight, h12 + x * weight);
            (g1, g2) = (g1 + x * (probability - target), g2 + (probability - target));
        }
        let determinant = h11 * h22 - h12 * h12;
        let step = ((h12 * g2 - h22 * g1) / determinant, (h12 * g1 - h11 * g2) / determinant);
        let descent = g1 * step.0 + g2 * step.1;
        let Some(scale) = (0..30).map(|halvings| 0.5_f64.powi(halvings)).find(|&scale| {
            let new = cross_entropy(data, slope + scale * step.0, offset + scale * step.1);
            new < loss + 1e-4 * scale * descent
        }) else {
            break; // no step lowers the loss: the minimum up to rounding
        };
        (slope, offset) = (slope + scale * step.0, offset + scale * step.1);
        loss = cross_entropy(data, slope, offset);
        if g1.abs().max(g2.abs()) < 1e-7 * data.len() as f64 {
            break;
        }
    }
    (slope, offset)
}

fn cross_entropy(data: &[(f64, f64)], slope: f64, offset: f64) -> f64 {
    let term = |&(x, target): &(f64, f64)| {
        let z = slope * x + offset;
        z.max(0.0) - z * target + (-z.abs()).exp().ln_1p()
    };
    data.iter().map(term).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The logit of the score clamped to [1e-7, 1 - 1e-7].
fn logit(score: f32) -> f64 {
    let score = f64::from(score).clamp(1e-7, 1.0 - 1e-7);
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use hpa_core::Seed;

    /// Scores whose logit is half of the true logit minus 1.
    pub(crate) fn distorted() -> Ranking {
        let mut rng = Seed::new(11).rng();
        let (mut scores, mut truth) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let z = 2.0 * rng.normal() - 1.0;
            truth.push(rng.bernoulli(sigmoid(z)));
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            scores.push(sigmoid(0.5 * z - 1.0) as f32);
        }
        Ranking::new(&scores, &truth).unwrap()
    }

    #[test]
    fn both_calibrations_undo_a_logistic_distortion() {
        let ranking = distorted();
        let [platt, isotonic] = [platt(&ranking), isotonic(&ranking)];
        for (place, &score) in ranking.scores().iter().enumerate().step_by(500) {
            let truth = sigmoid((logit(score) + 1.0) * 2.0);
            assert!((platt[place] - truth).abs() < 0.02, "{} {truth}", platt[place]);
            assert!((isotonic[place] - truth).abs() < 0.12, "{} {truth}", isotonic[place]);
        }
        assert!(isotonic.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn constant_and_extreme_scores_give_probabilities() {
        for scores in [[0.5; 4], [0.0, 1.0, 0.0, 1.0], [0.0; 4], [1.0; 4]] {
            let ranking = Ranking::new(&scores, &[true, true, false, true]).unwrap();
            for calibration in [Calibration::Platt, Calibration::Isotonic] {
                let probabilities = calibration.probabilities(&ranking);
                assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
            }
        }
    }
}

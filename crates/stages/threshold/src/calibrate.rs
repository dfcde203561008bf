//! Calibration of one label's scores, and the threshold with the highest expected F.
//!
//! Platt: the chance of the label is σ(a·logit(score) + b), fitted by Newton's method on
//! targets drawn in from 0 and 1 (Platt 1999; the safeguarded steps of Lin, Lin & Weng,
//! *Machine Learning* 68, 2007). Isotonic: the chance is any rising staircase, fitted by
//! pooling neighbours that are out of order (Ayer et al. 1955).

use crate::{Fit, Problem};
use hpa_metrics::Ranking;
use rayon::prelude::*;
use std::str::FromStr;

/// How scores become chances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calibration {
    /// A logistic curve: two numbers a label, so few positives suffice.
    #[default]
    Platt,
    /// A rising staircase: free in shape, needs more positives.
    Isotonic,
}

/// Text that names no calibration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a calibration: expected platt or isotonic")]
pub struct CalibrationError(String);

impl FromStr for Calibration {
    type Err = CalibrationError;
    fn from_str(text: &str) -> Result<Self, CalibrationError> {
        match text {
            "platt" => Ok(Self::Platt),
            "isotonic" => Ok(Self::Isotonic),
            _ => Err(CalibrationError(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Calibration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Platt => "platt",
            Self::Isotonic => "isotonic",
        })
    }
}

/// Each label's threshold with the highest expected F, under calibrated chances c:
/// (1 + β²)·Σ c of the predicted / (β²·Σ c of all + number predicted), the ratio of the
/// expectations. Among equals the fewest are predicted; without positives none is.
pub(crate) fn expected_f(problem: &Problem, calibration: Calibration) -> Fit {
    let beta = problem.metric().beta();
    let threshold = |column: &Ranking| {
        let chances = match calibration {
            _ if column.positives() == 0 => return 1.0,
            Calibration::Platt => platt(column),
            Calibration::Isotonic => isotonic(column),
        };
        highest_expectation(column, &chances, beta)
    };
    let evaluations = problem.columns().iter().map(|column| column.len() as u64 + 1).sum();
    Fit::new(problem.columns().par_iter().map(threshold).collect(), evaluations)
}

fn highest_expectation(column: &Ranking, chances: &[f64], beta: f64) -> f64 {
    let square = beta * beta;
    let all = square * chances.iter().sum::<f64>();
    let (mut predicted, mut hits) = (0, 0.0);
    let (mut best, mut best_f) = (0, 0.0);
    while let Some(next) = column.next_cut(predicted) {
        hits += chances[predicted..next].iter().sum::<f64>();
        predicted = next;
        let f = (1.0 + square) * hits / (all + predicted as f64);
        if f > best_f {
            (best, best_f) = (predicted, f);
        }
    }
    column.threshold(best)
}

/// Chances in the order of the ranking, falling.
fn isotonic(column: &Ranking) -> Vec<f64> {
    // Blocks of (hits, samples) from the top; a block must not lie above the one before.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    let mut start = 0;
    while start < column.len() {
        let score = column.scores()[start];
        let group = column.scores()[start..].iter().take_while(|&&other| other >= score).count();
        let hits = column.truth()[start..start + group].iter().filter(|&&truth| truth).count();
        let mut block = (hits as f64, group as f64);
        while let Some(&(hits, samples)) = blocks.last()
            && block.0 * samples >= hits * block.1
        {
            block = (block.0 + hits, block.1 + samples);
            blocks.pop();
        }
        blocks.push(block);
        start += group;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let expand =
        |(hits, samples): (f64, f64)| std::iter::repeat_n(hits / samples, samples as usize);
    blocks.into_iter().flat_map(expand).collect()
}

fn platt(column: &Ranking) -> Vec<f64> {
    let logits: Vec<f64> = column.scores().iter().map(|&score| logit(score)).collect();
    let positives = column.positives() as f64;
    let negatives = column.len() as f64 - positives;
    let targets = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let target = |truth: bool| if truth { targets.0 } else { targets.1 };
    let data: Vec<(f64, f64)> =
        logits.iter().zip(column.truth()).map(|(&x, &truth)| (x, target(truth))).collect();
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
            let chance = sigmoid(slope * x + offset);
            let weight = chance * (1.0 - chance);
            (h11, h22, h12) = (h11 + x * x * weight, h22 + weight, h12 + x * weight);
            (g1, g2) = (g1 + x * (chance - target), g2 + (chance - target));
        }
        let determinant = h11 * h22 - h12 * h12;
        let step = ((h12 * g2 - h22 * g1) / determinant, (h12 * g1 - h11 * g2) / determinant);
        let descent = g1 * step.0 + g2 * step.1;
        let Some(shorter) = (0..30).map(|halvings| 0.5_f64.powi(halvings)).find(|&part| {
            let new = cross_entropy(data, slope + part * step.0, offset + part * step.1);
            new < loss + 1e-4 * part * descent
        }) else {
            break; // no step lowers the loss: this is the minimum to rounding
        };
        (slope, offset) = (slope + shorter * step.0, offset + shorter * step.1);
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

/// The logit, with scores kept a f32 rounding away from 0 and 1.
fn logit(score: f32) -> f64 {
    let score = f64::from(score).clamp(1e-7, 1.0 - 1e-7);
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::Seed;

    /// Scores whose logit is half of the true one less one.
    fn distorted() -> Ranking {
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
        let column = distorted();
        let (platt, isotonic) = (platt(&column), isotonic(&column));
        for (place, &score) in column.scores().iter().enumerate().step_by(500) {
            let truth = sigmoid((logit(score) + 1.0) * 2.0);
            assert!((platt[place] - truth).abs() < 0.02, "{} {truth}", platt[place]);
            assert!((isotonic[place] - truth).abs() < 0.12, "{} {truth}", isotonic[place]);
        }
        assert!(isotonic.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn under_calibrated_chances_the_threshold_reaches_the_exact_f() {
        let column = distorted();
        let best = column.best(1.0).counts.f1();
        for chances in [platt(&column), isotonic(&column)] {
            let threshold = highest_expectation(&column, &chances, 1.0);
            let f1 = column.counts(column.predicted(threshold)).f1();
            assert!(best - f1 < 0.005, "{f1} instead of {best}");
        }
    }

    #[test]
    fn constant_scores_and_extreme_ones_are_survived() {
        for scores in [[0.5; 4], [0.0, 1.0, 0.0, 1.0], [0.0; 4], [1.0; 4]] {
            let column = Ranking::new(&scores, &[true, true, false, true]).unwrap();
            for chances in [platt(&column), isotonic(&column)] {
                assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)), "{chances:?}");
            }
        }
    }
}

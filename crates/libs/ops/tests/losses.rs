//! Losses against their textbook form in f64, at the extremes, and by finite differences.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var};
use common::{error, numbers, values};
use hpa_ops::{Reduction, bce_with_logits, focal_loss, weighted_focal_loss};
use proptest::prelude::*;

fn pair(logits: &[f32], targets: &[f32], labels: usize) -> (Var, Tensor) {
    let shape = (logits.len() / labels, labels);
    let logits = Tensor::from_slice(logits, shape, &Device::Cpu).unwrap();
    (Var::from_tensor(&logits).unwrap(), Tensor::from_slice(targets, shape, &Device::Cpu).unwrap())
}

/// The textbook form, accurate for moderate logits.
fn textbook(x: f64, t: f64, gamma: f64) -> f64 {
    let p = 1.0 / (1.0 + (-x).exp());
    let weight = (1.0 / (1.0 + (x * (2.0 * t - 1.0)).exp())).powf(gamma);
    -weight * (t * p.ln() + (1.0 - t) * (1.0 - p).ln())
}

#[test]
fn moderate_logits_give_the_textbook_value_and_slope() {
    let logits: Vec<f32> = numbers(56, 1).iter().map(|v| v * 12.0).collect();
    let targets: Vec<f32> =
        numbers(56, 2).iter().map(|v| if *v > 0.2 { 1.0 } else { 0.0 }).collect();
    for (gamma, reduction, terms) in [
        (0.0, Reduction::Mean, 56.0),
        (2.0, Reduction::SumOverLabelsMeanOverBatch, 2.0),
        (1.5, Reduction::Mean, 56.0),
    ] {
        let (x, t) = pair(&logits, &targets, 28);
        let loss = focal_loss(&x, &t, gamma, reduction).unwrap();
        let of = |d: f64, x: f32, t: f32| textbook(f64::from(x) + d, f64::from(t), gamma);
        let total: f64 = logits.iter().zip(&targets).map(|(x, t)| of(0.0, *x, *t)).sum();
        assert!(error(&values(&loss), &[total / terms]) < 1e-6);
        let gradients = loss.backward().unwrap();
        let step = 1e-5;
        let slopes: Vec<f64> = logits
            .iter()
            .zip(&targets)
            .map(|(x, t)| (of(step, *x, *t) - of(-step, *x, *t)) / (2.0 * step) / terms)
            .collect();
        assert!(error(&values(gradients.get(&x).unwrap()), &slopes) < 1e-5);
    }
}

/// `ln(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + e^-x)` to full precision far below zero.
fn sigmoid(x: f64) -> f64 {
    (-softplus(-x)).exp()
}

/// Binary cross-entropy and its slope, for targets from 0 to 1.
fn cross_entropy(x: f64, t: f64) -> (f64, f64) {
    (t * softplus(-x) + (1.0 - t) * softplus(x), sigmoid(x) - t)
}

/// The focal loss and its slope worked out by hand, for targets 0 and 1: with `u` the logit of the
/// truth and `q = sigmoid(-u)`, the loss is `q^gamma softplus(-u)`.
fn focal(x: f64, t: f64, gamma: f64) -> (f64, f64) {
    let sign = 2.0 * t - 1.0;
    let (q, wrong) = (sigmoid(-sign * x), softplus(-sign * x));
    let weight = q.powf(gamma);
    (weight * wrong, -sign * weight * (gamma * (1.0 - q) * wrong + q))
}

/// Four samples of five labels.
const TERMS: usize = 20;

/// Mostly moderate logits, some where a sigmoid in f32 is 0 or 1.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![8 => -20f32..20.0, 1 => Just(1e4_f32), 1 => Just(-1e4_f32)];
    prop::collection::vec(logit, TERMS)
}

/// Checks a loss and its gradient against the mean over `parts`, the value and slope of each term.
fn check(loss: &Tensor, x: &Var, parts: &[(f64, f64)]) {
    let value = parts.iter().map(|(v, _)| v).sum::<f64>() / parts.len() as f64;
    let slopes: Vec<f64> = parts.iter().map(|(_, d)| d / parts.len() as f64).collect();
    let gradient = values(loss.backward().unwrap().get(x).unwrap());
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    let errors = [error(&values(loss), &[value]), error(&gradient, &slopes)];
    assert!(errors[0] < 1e-5 && errors[1] < 1e-4, "{errors:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_logits_give_the_cross_entropy_and_its_slope(
        logits in logits(),
        targets in prop::collection::vec(prop_oneof![Just(0f32), Just(1f32), 0f32..1.0], TERMS),
    ) {
        let (x, t) = pair(&logits, &targets, 5);
        let loss = bce_with_logits(&x, &t, Reduction::Mean).unwrap();
        let each = logits.iter().zip(&targets);
        let parts: Vec<_> = each.map(|(x, t)| cross_entropy(f64::from(*x), f64::from(*t))).collect();
        check(&loss, &x, &parts);
    }

    #[test]
    fn any_logits_give_the_focal_loss_and_its_slope(
        logits in logits(), gamma in prop_oneof![Just(2f64), 0f64..5.0],
        targets in prop::collection::vec(prop::sample::select(vec![0f32, 1.0]), TERMS),
    ) {
        let (x, t) = pair(&logits, &targets, 5);
        let loss = focal_loss(&x, &t, gamma, Reduction::Mean).unwrap();
        let each = logits.iter().zip(&targets);
        let parts: Vec<_> = each.map(|(x, t)| focal(f64::from(*x), f64::from(*t), gamma)).collect();
        check(&loss, &x, &parts);
    }
}

#[test]
fn extreme_logits_stay_finite_and_exact() {
    let (x, t) = pair(&[1e4, -1e4, 1e4, -1e4, -90.0, 17.0], &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0], 6);
    let loss = bce_with_logits(&x, &t, Reduction::SumOverLabelsMeanOverBatch).unwrap();
    assert!((values(&loss)[0] - 20000.0).abs() < 0.01);
    let gradients = values(loss.backward().unwrap().get(&x).unwrap());
    assert_eq!(gradients[..4], [0.0, 0.0, 1.0, -1.0]);
    let loss = focal_loss(&x, &t, 2.0, Reduction::SumOverLabelsMeanOverBatch).unwrap();
    assert!((values(&loss)[0] - 20000.0).abs() < 0.01);
    let gradients = values(loss.backward().unwrap().get(&x).unwrap());
    assert!(gradients.iter().all(|g| g.is_finite()), "{gradients:?}");
    assert_eq!(gradients[..4], [0.0, 0.0, 1.0, -1.0]);
}

#[test]
fn a_nan_logit_makes_the_loss_nan() {
    let (x, t) = pair(&[0.5, f32::NAN], &[1.0, 0.0], 2);
    for gamma in [0.0, 2.0] {
        let loss = focal_loss(&x, &t, gamma, Reduction::Mean).unwrap();
        assert!(values(&loss)[0].is_nan());
        let gradients = values(loss.backward().unwrap().get(&x).unwrap());
        assert!(!gradients[0].is_nan() && gradients[1].is_nan());
    }
}

/// torch 2.15: `binary_cross_entropy_with_logits(x, t, weight=w, reduction='mean')` and its
/// gradient, x = [[.5, -1, 2], [-.3, .8, 0]], t = [[1, 0, 0], [0, 1, 1]], w = [1, 2.5, 0].
#[test]
fn weights_of_labels_are_pytorchs() {
    let (x, t) = pair(&[0.5, -1.0, 2.0, -0.3, 0.8, 0.0], &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0], 3);
    let loss = weighted_focal_loss(&x, &t, &[1.0, 2.5, 0.0], 0.0, Reduction::Mean).unwrap();
    let gradients = values(loss.backward().unwrap().get(&x).unwrap());
    assert!((values(&loss)[0] - WEIGHTED).abs() < 1e-6, "{}", values(&loss)[0]);
    for (ours, expected) in gradients.iter().zip(WEIGHTED_SLOPES) {
        assert!((ours - expected).abs() < 1e-7, "{ours} {expected}");
    }
    let one = weighted_focal_loss(&x, &t, &[1.0; 3], 2.0, Reduction::Mean).unwrap();
    let plain = focal_loss(&x, &t, 2.0, Reduction::Mean).unwrap();
    assert_eq!(values(&one)[0].to_bits(), values(&plain)[0].to_bits());
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let (x, t) = pair(&[0.5, 1.0], &[1.0, 0.0], 2);
    for weights in [&[1.0][..], &[1.0, -1.0], &[f32::NAN, 1.0], &[1.0, f32::INFINITY]] {
        assert!(weighted_focal_loss(&x, &t, weights, 0.0, Reduction::Mean).is_err(), "{weights:?}");
    }
}

#[test]
fn shapes_and_gammas_out_of_range_are_refused() {
    let (x, t) = pair(&[0.5, 1.0], &[1.0, 0.0], 2);
    assert!(bce_with_logits(&x, &t.t().unwrap(), Reduction::Mean).is_err());
    assert!(focal_loss(&x, &t, -1.0, Reduction::Mean).unwrap_err().to_string().contains("-1"));
    assert!(focal_loss(&x, &t, f64::NAN, Reduction::Mean).is_err());
}

const WEIGHTED: f32 = 0.456_556_35;
const WEIGHTED_SLOPES: [f32; 6] =
    [-0.062_923_44, 0.112_058_93, 0.0, 0.070_926_25, -0.129_177_29, 0.0];

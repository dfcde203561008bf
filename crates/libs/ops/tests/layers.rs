//! Normalisation, pooling, activation and the linear layer against their definitions, where a fixed
//! input tells most; `norm.rs` and `head.rs` have the random shapes.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var};
use common::{error, tensor, values, var};
use hpa_ops::{
    BatchNormEval, Conv2d, RunningStatistics, batch_norm_eval, batch_norm_train, conv2d,
    conv2d_bias_act, fold_batch_norm, global_average_pool, linear, max_pool2d, relu,
};
use proptest::prelude::*;

const EPS: f64 = 1e-5;

/// Batch norm in f64, forward; returns the output, the mean and the unbiased variance.
fn normalise(x: &[f64], gamma: &[f32], beta: &[f32]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let c = gamma.len();
    let rows = (x.len() / c) as f64;
    let column = |k: usize| x.iter().skip(k).step_by(c);
    let mean: Vec<f64> = (0..c).map(|k| column(k).sum::<f64>() / rows).collect();
    let square: Vec<f64> =
        (0..c).map(|k| column(k).map(|v| (v - mean[k]).powi(2)).sum::<f64>()).collect();
    let y = x.iter().enumerate().map(|(i, v)| {
        let k = i % c;
        (v - mean[k]) / (square[k] / rows + EPS).sqrt() * f64::from(gamma[k]) + f64::from(beta[k])
    });
    (y.collect(), mean, square.iter().map(|s| s / (rows - 1.0)).collect())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

#[test]
fn batch_norm_in_evaluation_equals_its_folding_into_the_convolution() {
    let (x, w) = (tensor(&[2, 7, 5, 16], 1), tensor(&[32, 16, 3, 3], 2));
    let (gamma, beta, mean) = (tensor(&[32], 3), tensor(&[32], 4), tensor(&[32], 5));
    let variance = tensor(&[32], 6).abs().unwrap();
    let statistics = RunningStatistics { mean: &mean, variance: &variance };
    let spec = Conv2d { stride: 1, padding: 1, groups: 1 };
    let y = conv2d(&x, &w, &spec).unwrap();
    let arguments = BatchNormEval {
        weight: &gamma,
        bias: &beta,
        statistics,
        residual: None,
        relu: true,
        eps: EPS,
    };
    let expected = batch_norm_eval(&y, &arguments).unwrap();
    let (w, bias) = fold_batch_norm(&w, (&gamma, &beta), statistics, EPS).unwrap();
    let got = conv2d_bias_act(&x, (&w, &bias), &spec, None, true).unwrap();
    assert!(error(&values(&got), &wide(&values(&expected))) < 2e-5);
}

#[test]
fn frozen_batch_norm_passes_gradients_to_input_gamma_and_beta() {
    let (x, gamma, beta) = (var(&[1, 2, 2, 3], 1), var(&[3], 2), var(&[3], 3));
    let (mean, variance) = (tensor(&[3], 4), tensor(&[3], 5).abs().unwrap());
    let statistics = RunningStatistics { mean: &mean, variance: &variance };
    let arguments = BatchNormEval {
        weight: &gamma,
        bias: &beta,
        statistics,
        residual: None,
        relu: false,
        eps: EPS,
    };
    let gradients = batch_norm_eval(&x, &arguments).unwrap().sum_all().unwrap().backward().unwrap();
    let scale: Vec<f64> = values(&gamma)
        .iter()
        .zip(values(&variance))
        .map(|(g, v)| f64::from(*g) / (f64::from(v) + EPS).sqrt())
        .collect();
    let expected: Vec<f64> = (0..12).map(|i| scale[i % 3]).collect();
    assert!(error(&values(gradients.get(&x).unwrap()), &expected) < 1e-6);
    assert_eq!(values(gradients.get(&beta).unwrap()), [4.0; 3]);
}

#[test]
fn batch_norm_gives_gradients_to_those_that_ask_and_to_nobody_else() {
    let (x, gamma, beta) = (var(&[2, 3, 2, 3], 1), var(&[3], 2), var(&[3], 3));
    let (mean, variance) = (tensor(&[3], 4), tensor(&[3], 5).abs().unwrap());
    let statistics = RunningStatistics { mean: &mean, variance: &variance };
    let gradients = |x: &Tensor, weight: &Tensor, bias: &Tensor, is_frozen: bool| {
        let (residual, relu, eps) = (None, true, EPS);
        let frozen = BatchNormEval { weight, bias, statistics, residual, relu, eps };
        let y = if is_frozen {
            batch_norm_eval(x, &frozen).unwrap()
        } else {
            batch_norm_train(x, (weight, bias), residual, relu, eps).unwrap().0
        };
        y.sqr().unwrap().sum_all().unwrap().backward().unwrap()
    };
    for is_frozen in [false, true] {
        let all = gradients(&x, &gamma, &beta, is_frozen);
        let of_weights = gradients(&x.detach(), &gamma, &beta, is_frozen);
        let of_input = gradients(&x, &gamma.detach(), &beta.detach(), is_frozen);
        assert_eq!(values(all.get(&x).unwrap()), values(of_input.get(&x).unwrap()));
        for weight in [&gamma, &beta] {
            assert_eq!(values(all.get(weight).unwrap()), values(of_weights.get(weight).unwrap()));
            assert!(of_input.get(weight).is_none());
        }
        assert!(of_weights.get(&x).is_none());
    }
}

#[test]
fn a_large_mean_does_not_eat_the_variance() {
    let x: Vec<f32> = (0..4096).map(|i| 1000.0 + (i % 7) as f32 * 0.125).collect();
    let x = Tensor::from_vec(x, (1, 64, 64, 1), &Device::Cpu).unwrap();
    let (one, zero) = (tensor(&[1], 1).ones_like().unwrap(), tensor(&[1], 1).zeros_like().unwrap());
    let (_, statistics) = batch_norm_train(&x, (&one, &zero), None, false, EPS).unwrap();
    let (_, _, variance) = normalise(&wide(&values(&x)), &[1.0], &[0.0]);
    assert!(error(&values(&statistics.variance_unbiased), &variance) < 1e-4);
}

#[test]
fn the_first_maximum_takes_the_gradient_and_the_padding_never_wins() {
    let x = Var::new(&[[[[-1.0_f32], [-1.0]], [[-1.0], [-1.0]]]], &Device::Cpu).unwrap();
    let y = max_pool2d(&x, 3, 2, 1).unwrap();
    assert_eq!(values(&y), [-1.0]);
    let gradients = y.sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&x).unwrap()), [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_nan_wins_the_pool_and_passes_the_rectifier() {
    let x = Tensor::new(&[[[[1.0_f32], [f32::NAN]], [[3.0], [-4.0]]]], &Device::Cpu).unwrap();
    assert!(values(&max_pool2d(&x, 2, 2, 0).unwrap())[0].is_nan());
    let y = values(&relu(&x).unwrap());
    assert!(y[1].is_nan());
    assert_eq!(y[2..], [3.0, 0.0]);
    let infinite = x.affine(0.0, f64::NEG_INFINITY).unwrap().nan_to_low();
    assert_eq!(values(&max_pool2d(&infinite, 2, 2, 0).unwrap()), [f32::NEG_INFINITY]);
}

trait NanToLow {
    fn nan_to_low(&self) -> Tensor;
}

impl NanToLow for Tensor {
    fn nan_to_low(&self) -> Tensor {
        self.zeros_like().unwrap().affine(1.0, f64::NEG_INFINITY).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn max_pool_equals_the_definition(
        n in 1usize..3, h in 1usize..9, w in 1usize..9, c in 1usize..20,
        kernel in 1usize..4, stride in 1usize..4, padding in 0usize..2,
    ) {
        prop_assume!(padding * 2 <= kernel && h + 2 * padding >= kernel && w + 2 * padding >= kernel);
        let x = var(&[n, h, w, c], 1);
        let xs = values(&x);
        let y = max_pool2d(&x, kernel, stride, padding).unwrap();
        let side = |s: usize| (s + 2 * padding - kernel) / stride + 1;
        let (oh, ow) = (side(h), side(w));
        let dy = tensor(&[n, oh, ow, c], 2);
        let dys = values(&dy);
        let (mut expected, mut dx) = (Vec::new(), vec![0.0; xs.len()]);
        for (index, dy) in dys.iter().enumerate() {
            let (k, ox, oy, b) = (index % c, index / c % ow, index / c / ow % oh, index / c / ow / oh);
            let mut best: Option<usize> = None;
            for py in (oy * stride)..(oy * stride + kernel) {
                for px in (ox * stride)..(ox * stride + kernel) {
                    if py < padding || px < padding || py - padding >= h || px - padding >= w {
                        continue;
                    }
                    let at = ((b * h + py - padding) * w + px - padding) * c + k;
                    if best.is_none_or(|best| xs[at] > xs[best]) {
                        best = Some(at);
                    }
                }
            }
            let best = best.unwrap();
            expected.push(f64::from(xs[best]));
            dx[best] += f64::from(*dy);
        }
        prop_assert!(error(&values(&y), &expected) == 0.0);
        let gradients = y.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
        prop_assert!(error(&values(gradients.get(&x).unwrap()), &dx) < 1e-6);
    }
}

#[test]
fn the_global_average_and_its_gradient_are_means() {
    let x = var(&[2, 3, 5, 7], 1);
    let expected = x.mean((1, 2)).unwrap();
    let y = global_average_pool(&x).unwrap();
    assert!(error(&values(&y), &wide(&values(&expected))) < 1e-6);
    let gradients = y.sum_all().unwrap().backward().unwrap();
    assert!(values(gradients.get(&x).unwrap()).iter().all(|v| (v - 1.0 / 15.0).abs() < 1e-8));
}

#[test]
fn linear_equals_candles_product_with_all_three_gradients() {
    let (x, w, b) = (var(&[5, 33], 1), var(&[28, 33], 2), var(&[28], 3));
    let dy = tensor(&[5, 28], 4);
    let ours = linear(&x, &w, &b).unwrap();
    let theirs = x.matmul(&w.t().unwrap()).unwrap().broadcast_add(&b).unwrap();
    assert!(error(&values(&ours), &wide(&values(&theirs))) < 1e-6);
    let ours = ours.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
    let theirs = theirs.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
    for parameter in [&x, &w, &b] {
        let expected = wide(&values(theirs.get(parameter).unwrap()));
        assert!(error(&values(ours.get(parameter).unwrap()), &expected) < 1e-6);
    }
}

#[test]
fn the_rectifier_has_no_gradient_at_zero() {
    let x = Var::new(&[-1.0_f32, 0.0, 2.0], &Device::Cpu).unwrap();
    let gradients = relu(&x).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&x).unwrap()), [0.0, 0.0, 1.0]);
}

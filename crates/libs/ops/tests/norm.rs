//! Batch normalisation, with and without residual and ReLU, against its definition in f64.
//!
//! Inputs are uniform with variance 1 around an offset, and in training every channel has at least
//! 18 values: over very few, or all alike, the gradient is a difference of nearly equal numbers, and
//! f32 has no digits left for it. Where ReLU's input lies within 1e-3 of 0, rounding may decide the
//! side; the gradient of the output is set to zero there, for the reference and for ours alike.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var};
use common::{error, numbers, tensor, values, var};
use hpa_ops::{
    BatchNormEval, Conv2d, RunningStatistics, batch_norm_eval, batch_norm_train, conv2d,
    conv2d_bias_act, fold_batch_norm,
};
use proptest::prelude::*;

const EPS: f64 = 1e-5;
/// Bounds relative to the largest value, before ReLU: its outputs may be tiny.
const FORWARD: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;
/// Bound of gamma's and beta's gradients relative to the largest sum of their terms' magnitudes:
/// the sum itself may cancel to nothing.
const SUM: f64 = 1e-5;
/// Bound of what is only copied or averaged.
const EXACT: f64 = 1e-6;

/// Uniform numbers with variance 1.
fn input(shape: &[usize], offset: f32) -> Var {
    let len = shape.iter().product();
    let x = numbers(len, 1).iter().map(|v| v * 12_f32.sqrt() + offset).collect();
    Var::from_tensor(&Tensor::from_vec(x, shape, &Device::Cpu).unwrap()).unwrap()
}

fn wide(tensor: &Tensor) -> Vec<f64> {
    values(tensor).into_iter().map(f64::from).collect()
}

/// The largest magnitude.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// The largest difference, relative to `scale`.
fn relative(got: &[f32], expected: &[f64], scale: f64) -> f64 {
    error(got, expected) * largest(expected).max(1e-30) / scale.max(1e-30)
}

/// Sums per channel of `value(index)`, divided by `by`.
fn sums(len: usize, c: usize, by: f64, value: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..c).map(|k| (k..len).step_by(c).map(&value).sum::<f64>() / by).collect()
}

/// Mean and biased variance of each channel.
fn moments(x: &[f64], c: usize) -> [Vec<f64>; 2] {
    let rows = (x.len() / c) as f64;
    let mean = sums(x.len(), c, rows, |i| x[i]);
    let variance = sums(x.len(), c, rows, |i| (x[i] - mean[i % c]).powi(2));
    [mean, variance]
}

/// What a normalisation is given and gives: all that its gradients need.
struct Layer {
    gamma: Vec<f64>,
    /// `1 / sqrt(variance + eps)`.
    scale: Vec<f64>,
    /// `(x - mean) * scale`.
    normal: Vec<f64>,
    /// Before ReLU.
    y: Vec<f64>,
}

impl Layer {
    fn new(x: &[f64], [gamma, beta]: [&Tensor; 2], [mean, variance]: &[Vec<f64>; 2]) -> Self {
        let (gamma, beta) = (wide(gamma), wide(beta));
        let c = gamma.len();
        let scale: Vec<f64> = variance.iter().map(|v| 1.0 / (v + EPS).sqrt()).collect();
        let normal: Vec<f64> =
            x.iter().enumerate().map(|(i, x)| (x - mean[i % c]) * scale[i % c]).collect();
        let y = normal.iter().enumerate().map(|(i, v)| v * gamma[i % c] + beta[i % c]).collect();
        Self { gamma, scale, normal, y }
    }

    /// The gradients of `gamma` and `beta` from that of `y`.
    fn affine_gradients(&self, d: &[f64]) -> [Vec<f64>; 2] {
        let c = self.gamma.len();
        [sums(d.len(), c, 1.0, |i| d[i] * self.normal[i]), sums(d.len(), c, 1.0, |i| d[i])]
    }

    /// The sums of the magnitudes of the terms of `affine_gradients`.
    fn magnitudes(&self, d: &[f64]) -> [Vec<f64>; 2] {
        let c = self.gamma.len();
        let terms = |i: usize| (d[i] * self.normal[i]).abs();
        [sums(d.len(), c, 1.0, terms), sums(d.len(), c, 1.0, |i| d[i].abs())]
    }

    /// The gradient of `x` where the statistics are those of `x`, or else fixed.
    fn input_gradient(&self, d: &[f64], train: bool) -> Vec<f64> {
        let c = self.gamma.len();
        let [product, sum] = self.affine_gradients(d);
        let rows = (d.len() / c) as f64;
        let mean = |i: usize| (sum[i % c] + self.normal[i] * product[i % c]) / rows;
        let through = |i: usize| if train { d[i] - mean(i) } else { d[i] };
        (0..d.len()).map(|i| self.gamma[i % c] * self.scale[i % c] * through(i)).collect()
    }
}

/// One draw: the shape, the inputs and the gradient from above.
struct Draw {
    x: Var,
    gamma: Var,
    beta: Var,
    residual: Option<Var>,
    relu: bool,
    weights: Vec<f32>,
}

impl Draw {
    fn new(shape: [usize; 4], offset: f32, [residual, relu]: [bool; 2]) -> Self {
        let c = shape[3];
        let residual = residual.then(|| var(&shape, 4));
        let (gamma, beta) = (var(&[c], 2), var(&[c], 3));
        let weights = numbers(shape.iter().product(), 5);
        Self { x: input(&shape, offset), gamma, beta, residual, relu, weights }
    }

    /// Holds the output `y` and all gradients to those of `layer`.
    fn check(mut self, y: &Tensor, mut layer: Layer, train: bool) {
        if let Some(residual) = &self.residual {
            for (y, r) in layer.y.iter_mut().zip(wide(residual)) {
                *y += r;
            }
        }
        let mut expected = layer.y.clone();
        if self.relu {
            for y in &mut expected {
                *y = y.max(0.0);
            }
            for (weight, y) in self.weights.iter_mut().zip(&layer.y) {
                *weight = if y.abs() < 1e-3 { 0.0 } else { *weight };
            }
        }
        let forward = relative(&values(y), &expected, largest(&layer.y));
        assert!(forward < FORWARD, "{forward}");
        let weights = Tensor::from_slice(&self.weights, y.shape(), &Device::Cpu).unwrap();
        let gradients = y.mul(&weights).unwrap().sum_all().unwrap().backward().unwrap();
        let passes = |y: f64| !self.relu || y > 0.0;
        let each = self.weights.iter().zip(&layer.y);
        let d: Vec<f64> = each.map(|(w, y)| if passes(*y) { f64::from(*w) } else { 0.0 }).collect();
        let magnitudes: [f64; 2] = layer.magnitudes(&d).map(|sums| largest(&sums));
        let hold = |name: &str, of: &Var, expected: &[f64], [scale, bound]: [f64; 2]| {
            let error = relative(&values(gradients.get(of).unwrap()), expected, scale);
            assert!(error < bound, "gradient of {name}: {error}");
        };
        let [dgamma, dbeta] = layer.affine_gradients(&d);
        let dx = layer.input_gradient(&d, train);
        hold("x", &self.x, &dx, [largest(&dx), GRADIENT]);
        hold("gamma", &self.gamma, &dgamma, [magnitudes[0], SUM]);
        hold("beta", &self.beta, &dbeta, [magnitudes[1], SUM]);
        if let Some(residual) = &self.residual {
            hold("residual", residual, &d, [largest(&d), EXACT]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn batch_norm_in_training_equals_the_definition(
        n in 2usize..5, h in 3usize..7, w in 3usize..8, c in 1usize..40, offset in -9f32..9.0,
        residual: bool, relu: bool,
    ) {
        let draw = Draw::new([n, h, w, c], offset, [residual, relu]);
        let (x, rest) = (wide(&draw.x), draw.residual.as_deref());
        let moments = moments(&x, c);
        let affine = (draw.gamma.as_tensor(), draw.beta.as_tensor());
        let (y, statistics) = batch_norm_train(&draw.x, affine, rest, relu, EPS).unwrap();
        let rows = (n * h * w) as f64;
        let unbiased: Vec<f64> = moments[1].iter().map(|v| v * rows / (rows - 1.0)).collect();
        // A mean may cancel to nothing as well, so that the spread, which is 1, counts too.
        let e = relative(&values(&statistics.mean), &moments[0], largest(&moments[0]).max(1.0));
        assert!(e < EXACT, "mean: {e}");
        let e = error(&values(&statistics.variance_unbiased), &unbiased);
        assert!(e < FORWARD, "variance: {e}");
        let layer = Layer::new(&x, [&draw.gamma, &draw.beta], &moments);
        draw.check(&y, layer, true);
    }

    #[test]
    fn frozen_batch_norm_equals_the_definition(
        n in 1usize..5, h in 3usize..7, w in 3usize..8, c in 1usize..40, offset in -9f32..9.0,
        residual: bool, relu: bool,
    ) {
        let draw = Draw::new([n, h, w, c], offset, [residual, relu]);
        let (mean, variance) = (tensor(&[c], 6), tensor(&[c], 7).affine(1.0, 1.0).unwrap());
        let arguments = BatchNormEval {
            weight: &draw.gamma,
            bias: &draw.beta,
            statistics: RunningStatistics { mean: &mean, variance: &variance },
            residual: draw.residual.as_deref(),
            relu,
            eps: EPS,
        };
        let y = batch_norm_eval(&draw.x, &arguments).unwrap();
        let fixed = [wide(&mean), wide(&variance)];
        let layer = Layer::new(&wide(&draw.x), [&draw.gamma, &draw.beta], &fixed);
        draw.check(&y, layer, false);
    }
}

/// The reference's own gradient is the slope of its output, by central differences in f64.
#[test]
fn the_reference_is_a_derivative() {
    let (x, gamma, beta) = (input(&[2, 3, 3, 2], 0.5), var(&[2], 2), var(&[2], 3));
    let (x, d) = (wide(&x), wide(&tensor(&[36], 5)));
    let layer = |x: &[f64]| Layer::new(x, [&gamma, &beta], &moments(x, 2));
    let slopes = layer(&x).input_gradient(&d, true);
    for (i, slope) in slopes.iter().enumerate() {
        let loss = |step: f64| -> f64 {
            let mut moved = x.clone();
            moved[i] += step;
            layer(&moved).y.iter().zip(&d).map(|(y, d)| y * d).sum()
        };
        let difference = (loss(1e-5) - loss(-1e-5)) / 2e-5;
        assert!((difference - slope).abs() < 1e-8, "{difference} {slope}");
    }
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
    assert!(error(&values(&got), &wide(&expected)) < 2e-5);
}

#[test]
fn batch_norm_gives_gradients_only_where_they_are_required() {
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
fn a_large_mean_does_not_cancel_the_variance() {
    let x: Vec<f32> = (0..4096).map(|i| 1000.0 + (i % 7) as f32 * 0.125).collect();
    let x = Tensor::from_vec(x, (1, 64, 64, 1), &Device::Cpu).unwrap();
    let (one, zero) = (tensor(&[1], 1).ones_like().unwrap(), tensor(&[1], 1).zeros_like().unwrap());
    let (_, statistics) = batch_norm_train(&x, (&one, &zero), None, false, EPS).unwrap();
    let [_, variance] = moments(&wide(&x), 1);
    let unbiased = variance[0] * 4096.0 / 4095.0;
    assert!(error(&values(&statistics.variance_unbiased), &[unbiased]) < 1e-4);
}

//! Convolution and linear layer with bf16 products, against the definition in f64 on rounded
//! operands.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::Tensor;
use common::{
    Case, assert_same_for_any_threads, bits, error, grouped_channels, tensor, values, var,
};
use hpa_ops::{Conv2d, Precision, conv2d_with_precision, linear_with_precision};
use proptest::prelude::*;

/// Products of bf16 are exact; the sums in f32 and Winograd's transforms are rounded.
const BOUND: f64 = 2e-5;

/// Whether this CPU has bf16 products; prints why not.
fn is_available() -> bool {
    Precision::Bf16.check().inspect_err(|error| eprintln!("skipped: {error}")).is_ok()
}

fn rounded(value: f32) -> f32 {
    half::bf16::from_f32(value).to_f32()
}

fn check(sizes: [usize; 5], kernel: [usize; 2], spec: [usize; 3]) {
    let case = Case::new(sizes, kernel, spec);
    let conv = |x: &Tensor, w: &Tensor| conv2d_with_precision(x, w, &case.spec(), Precision::Bf16);
    let errors = case.errors(conv, rounded);
    assert!(errors.iter().all(|e| *e < BOUND), "{case:?}: {errors:?}");
}

#[test]
fn the_layers_of_a_resnet_equal_the_definition_on_rounded_operands() {
    if !is_available() {
        return;
    }
    check([2, 28, 26, 4, 64], [7, 7], [2, 3, 1]);
    check([2, 15, 13, 32, 48], [3, 3], [2, 1, 1]);
    check([2, 14, 14, 32, 64], [1, 1], [2, 0, 1]);
    check([3, 9, 7, 40, 28], [1, 1], [1, 0, 1]);
    check([3, 11, 9, 64, 80], [3, 3], [1, 1, 1]);
    check([5, 2, 2, 64, 96], [3, 3], [1, 1, 1]);
    check([2, 9, 7, 24, 24], [3, 3], [1, 1, 24]);
    check([2, 6, 7, 12, 18], [3, 1], [1, 1, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape_equals_the_definition_on_rounded_operands(
        n in 1usize..4, h in 1usize..12, w in 1usize..12, c_in in 1usize..40, c_out in 1usize..40,
        kh in 1usize..5, kw in 1usize..5, stride in 1usize..4, padding in 0usize..3,
    ) {
        prop_assume!(is_available() && h + 2 * padding >= kh && w + 2 * padding >= kw);
        check([n, h, w, c_in, c_out], [kh, kw], [stride, padding, 1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_grouped_convolution_equals_the_definition_on_rounded_operands(
        n in 1usize..4, h in 1usize..12, w in 1usize..12, channels in grouped_channels(),
        kernel in 1usize..6, stride in 1usize..4, padding in 0usize..3,
    ) {
        let [groups, c_in, c_out] = channels;
        prop_assume!(is_available() && h + 2 * padding >= kernel && w + 2 * padding >= kernel);
        check([n, h, w, c_in, c_out], [kernel, kernel], [stride, padding, groups]);
    }
}

#[test]
fn the_linear_layer_equals_the_definition_on_rounded_operands() {
    if !is_available() {
        return;
    }
    let (x, w, b) = (var(&[5, 37], 1), var(&[28, 37], 2), var(&[28], 3));
    let y = linear_with_precision(&x, &w, &b, Precision::Bf16).unwrap();
    let round = |t: &Tensor| values(t).into_iter().map(rounded).collect::<Vec<f32>>();
    let (rx, rw, b) = (round(&x), round(&w), values(&b));
    let product = |n: usize, o: usize| -> f64 {
        (0..37).map(|i| f64::from(rx[n * 37 + i]) * f64::from(rw[o * 37 + i])).sum()
    };
    let expected: Vec<f64> =
        (0..5 * 28).map(|i| product(i / 28, i % 28) + f64::from(b[i % 28])).collect();
    assert!(error(&values(&y), &expected) < BOUND);
    assert!(y.sum_all().unwrap().backward().unwrap().get(&x).is_some());
}

#[test]
fn bf16_gives_the_same_bits_for_any_number_of_threads() {
    if !is_available() {
        return;
    }
    let run = || -> Vec<Tensor> {
        let (x, w) = (var(&[6, 21, 19, 24], 1), var(&[72, 24, 3, 3], 2));
        let spec = Conv2d { stride: 2, padding: 1, groups: 1 };
        let y = conv2d_with_precision(&x, &w, &spec, Precision::Bf16).unwrap();
        let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        vec![y, gradients.get(&x).unwrap().clone(), gradients.get(&w).unwrap().clone()]
    };
    assert_same_for_any_threads(|| run().iter().map(bits).collect::<Vec<_>>());
}

#[test]
fn a_nan_is_not_rounded_away() {
    if !is_available() {
        return;
    }
    let x = Tensor::full(f32::NAN, (1, 3, 3, 2), &candle_core::Device::Cpu).unwrap();
    let spec = Conv2d { stride: 1, padding: 1, groups: 1 };
    let y = conv2d_with_precision(&x, &tensor(&[4, 2, 3, 3], 1), &spec, Precision::Bf16).unwrap();
    assert!(values(&y).iter().all(|v| v.is_nan()));
}

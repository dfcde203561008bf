//! Products of bf16 against the definition in f64 on operands rounded to bf16.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::Tensor;
use common::{Case, error, reference, tensor, values, var};
use hpa_ops::{Conv2d, Precision, conv2d_with_precision, linear_with_precision};
use proptest::prelude::*;

/// Products of bf16 are exact; what is left is the rounding of sums in f32, and of Winograd's
/// transforms.
const BOUND: f64 = 2e-5;

/// Whether bf16 can be tested here; says so where it cannot.
fn is_here() -> bool {
    Precision::Bf16.check().inspect_err(|error| eprintln!("skipped: {error}")).is_ok()
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect()
}

/// Errors of the output and of both gradients.
fn errors(case: &Case) -> [f64; 3] {
    let (x, w) = (var(&case.x(), 1), var(&case.weight(), 2));
    let dy = tensor(&case.y(), 3);
    let spec = Conv2d { stride: case.stride, padding: case.padding, groups: case.groups };
    let y = conv2d_with_precision(&x, &w, &spec, Precision::Bf16).unwrap();
    let gradients = y.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
    let [rx, rw, rdy] = [values(&x), values(&w), values(&dy)].map(|v| rounded(&v));
    let expected = reference(case, &rx, &rw, &rdy);
    let got = [&y, gradients.get(&x).unwrap(), gradients.get(&w).unwrap()];
    std::array::from_fn(|i| error(&values(got[i]), &expected[i]))
}

fn check(sizes: [usize; 5], [kh, kw]: [usize; 2], [stride, padding, groups]: [usize; 3]) {
    let [n, h, w, c_in, c_out] = sizes;
    let case = Case { n, h, w, c_in, c_out, kh, kw, stride, padding, groups };
    let errors = errors(&case);
    assert!(errors.iter().all(|e| *e < BOUND), "{case:?}: {errors:?}");
}

#[test]
fn the_layers_of_a_resnet_equal_the_definition_on_rounded_operands() {
    if !is_here() {
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
        prop_assume!(is_here() && h + 2 * padding >= kh && w + 2 * padding >= kw);
        check([n, h, w, c_in, c_out], [kh, kw], [stride, padding, 1]);
    }
}

/// Grouped convolutions: `groups` times so many channels in and out, depthwise where both are 1.
fn grouped(
    (n, h, w): (usize, usize, usize),
    (groups, inputs, outputs): (usize, usize, usize),
    (kernel, stride, padding): (usize, usize, usize),
) -> bool {
    let fits = h + 2 * padding >= kernel && w + 2 * padding >= kernel;
    if fits {
        let sizes = [n, h, w, groups * inputs, groups * outputs];
        check(sizes, [kernel, kernel], [stride, padding, groups]);
    }
    fits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_grouped_convolution_equals_the_definition_on_rounded_operands(
        size in (1usize..4, 1usize..12, 1usize..12),
        channels in (2usize..7, 1usize..6, 1usize..6),
        kernel in (1usize..5, 1usize..4, 0usize..3),
    ) {
        prop_assume!(is_here());
        prop_assume!(grouped(size, channels, kernel));
    }

    #[test]
    fn any_depthwise_convolution_equals_the_definition_on_rounded_operands(
        size in (1usize..4, 1usize..12, 1usize..12),
        channels in 2usize..70,
        multiple in 1usize..3,
        kernel in (1usize..6, 1usize..4, 0usize..3),
    ) {
        prop_assume!(is_here());
        prop_assume!(grouped(size, (channels, 1, multiple), kernel));
    }
}

#[test]
fn the_linear_layer_equals_the_definition_on_rounded_operands() {
    if !is_here() {
        return;
    }
    let (x, w, b) = (var(&[5, 37], 1), var(&[28, 37], 2), var(&[28], 3));
    let y = linear_with_precision(&x, &w, &b, Precision::Bf16).unwrap();
    let (rx, rw, b) = (rounded(&values(&x)), rounded(&values(&w)), values(&b));
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
    if !is_here() {
        return;
    }
    let run = || -> Vec<Tensor> {
        let (x, w) = (var(&[6, 21, 19, 24], 1), var(&[72, 24, 3, 3], 2));
        let spec = Conv2d { stride: 2, padding: 1, groups: 1 };
        let y = conv2d_with_precision(&x, &w, &spec, Precision::Bf16).unwrap();
        let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        vec![y, gradients.get(&x).unwrap().clone(), gradients.get(&w).unwrap().clone()]
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bits = |t: &Tensor| values(t).into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        pool.install(|| run().iter().map(bits).collect::<Vec<_>>())
    };
    let one = with(1);
    assert!(one == with(2) && one == with(3));
}

#[test]
fn a_nan_is_not_rounded_away() {
    if !is_here() {
        return;
    }
    let x = Tensor::full(f32::NAN, (1, 3, 3, 2), &candle_core::Device::Cpu).unwrap();
    let spec = Conv2d { stride: 1, padding: 1, groups: 1 };
    let y = conv2d_with_precision(&x, &tensor(&[4, 2, 3, 3], 1), &spec, Precision::Bf16).unwrap();
    assert!(values(&y).iter().all(|v| v.is_nan()));
}

//! Convolutions against the definition in f64, for every algorithm.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::Tensor;
use common::{Case, error, grouped_channels, numbers, tensor, values, var};
use hpa_ops::{Conv2d, conv2d, conv2d_bias_act};
use proptest::prelude::*;

/// Direct sums have rounding errors only.
const DIRECT: f64 = 5e-6;
/// Winograd's transforms cancel: the bound stated by its module.
const WINOGRAD: f64 = 2e-5;

/// Whether Winograd may be used for this shape.
fn may_be_winograd(case: &Case) -> bool {
    [case.kh, case.kw, case.stride, case.groups] == [3, 3, 1, 1]
        && case.c_in.is_multiple_of(16)
        && case.c_out.is_multiple_of(16)
}

fn check(case: &Case, bound: f64) {
    let errors = case.errors(|x, w| conv2d(x, w, &case.spec()), |v| v);
    assert!(errors.iter().all(|e| *e < bound), "{case:?}: {errors:?} against {bound}");
}

#[test]
fn the_layers_of_a_resnet_equal_the_definition() {
    check(&Case::new([2, 28, 26, 4, 64], [7, 7], [2, 3, 1]), DIRECT);
    check(&Case::new([2, 15, 13, 32, 48], [3, 3], [2, 1, 1]), DIRECT);
    check(&Case::new([2, 14, 14, 32, 64], [1, 1], [2, 0, 1]), DIRECT);
    check(&Case::new([3, 9, 7, 40, 28], [1, 1], [1, 0, 1]), DIRECT);
    check(&Case::new([1, 12, 12, 128, 160], [1, 1], [1, 0, 1]), DIRECT);
}

#[test]
fn winograd_keeps_its_error_bound_on_every_code_path() {
    for (sizes, padding) in [
        ([2, 14, 14, 32, 64], 1),
        ([2, 7, 9, 64, 32], 1),
        ([3, 5, 6, 16, 80], 0),
        ([1, 4, 3, 144, 16], 2),
        ([2, 2, 2, 64, 64], 1),
        ([20, 16, 16, 32, 48], 1),
        ([5, 31, 30, 16, 16], 1),
        ([1, 1, 1, 16, 16], 1),
    ] {
        check(&Case::new(sizes, [3, 3], [1, padding, 1]), WINOGRAD);
    }
}

#[test]
fn maps_of_a_few_pixels_equal_the_definition() {
    check(&Case::new([5, 2, 2, 64, 96], [3, 3], [1, 1, 1]), DIRECT);
    check(&Case::new([3, 4, 4, 32, 64], [3, 3], [2, 1, 1]), DIRECT);
    check(&Case::new([2, 1, 3, 32, 32], [3, 3], [1, 1, 1]), DIRECT);
    check(&Case::new([2, 7, 7, 32, 32], [3, 3], [4, 0, 1]), DIRECT);
    check(&Case::new([2, 1, 1, 32, 32], [2, 2], [2, 3, 1]), DIRECT);
}

#[test]
fn grouped_and_depthwise_equal_the_definition() {
    check(&Case::new([2, 9, 7, 24, 24], [3, 3], [1, 1, 24]), DIRECT);
    check(&Case::new([2, 9, 8, 24, 48], [5, 5], [2, 2, 24]), DIRECT);
    check(&Case::new([2, 6, 7, 12, 18], [3, 1], [1, 1, 3]), DIRECT);
}

#[test]
fn rectangular_kernels_and_wide_padding_work() {
    check(&Case::new([1, 5, 6, 3, 5], [1, 4], [1, 3, 1]), DIRECT);
    check(&Case::new([2, 3, 3, 5, 33], [2, 2], [3, 4, 1]), DIRECT);
}

/// Whether the output and both gradients have at least eight values: a single sum may cancel to
/// almost zero, and then no relative bound holds.
fn has_enough_values(case: &Case) -> bool {
    [case.x(), case.y(), case.weight()].iter().all(|shape| shape.iter().product::<usize>() >= 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape_equals_the_definition(
        n in 1usize..4, h in 1usize..12, w in 1usize..12, c_in in 1usize..40, c_out in 1usize..40,
        kh in 1usize..5, kw in 1usize..5, stride in 1usize..4, padding in 0usize..3,
    ) {
        let case = Case::new([n, h, w, c_in, c_out], [kh, kw], [stride, padding, 1]);
        prop_assume!(case.fits() && has_enough_values(&case));
        check(&case, if may_be_winograd(&case) { WINOGRAD } else { DIRECT });
    }
}

/// Channel counts for which Winograd is used.
fn winograd_channels() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![16_usize, 32, 48, 64])
}

proptest! {
    // The naive reference of one case takes up to a second.
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_winograd_shape_equals_the_definition(
        n in 1usize..4, h in 3usize..41, w in 3usize..41, c_in in winograd_channels(), c_out in winograd_channels(),
    ) {
        prop_assume!(h != w);
        let case = Case::new([n, h, w, c_in, c_out], [3, 3], [1, 1, 1]);
        prop_assert!(may_be_winograd(&case));
        check(&case, WINOGRAD);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_grouped_shape_equals_the_definition(
        n in 1usize..4, h in 5usize..20, w in 5usize..20, channels in grouped_channels(),
        kernel in prop::sample::select(vec![3_usize, 5]), stride in 1usize..3, same: bool,
    ) {
        let [groups, c_in, c_out] = channels;
        let padding = if same { kernel / 2 } else { 0 };
        let sizes = [n, h, w, c_in, c_out];
        let case = Case::new(sizes, [kernel, kernel], [stride, padding, groups]);
        prop_assume!(has_enough_values(&case));
        check(&case, DIRECT);
    }
}

#[test]
fn an_input_that_requires_no_gradient_gets_none() {
    let case = Case::new([1, 6, 6, 16, 16], [3, 3], [1, 1, 1]);
    let (x, w) = (var(&case.x(), 1), var(&case.weight(), 2));
    let image = x.as_detached_tensor();
    let loss = conv2d(&image, &w, &case.spec()).unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    assert!(gradients.get(&w).is_some());
    assert!(gradients.get(&image).is_none());
}

#[test]
fn a_nan_pixel_reaches_every_output_whose_window_has_it() {
    for (channels, kernel, padding) in [(16, 3, 1), (5, 3, 1), (16, 1, 0)] {
        let mut x = numbers(8 * 8 * channels, 1);
        x[(3 * 8 + 3) * channels] = f32::NAN;
        let x = Tensor::from_vec(x, (1, 8, 8, channels), &candle_core::Device::Cpu).unwrap();
        let w = tensor(&[16, channels, kernel, kernel], 2);
        let y = conv2d(&x, &w, &Conv2d { stride: 1, padding, groups: 1 }).unwrap();
        let y = values(&y);
        for row in 3 - padding..=3 + padding {
            for column in 3 - padding..=3 + padding {
                assert!(y[(row * 8 + column) * 16..][..16].iter().all(|v| v.is_nan()));
            }
        }
    }
}

#[test]
fn conv2d_bias_act_adds_bias_and_residual_and_applies_relu() {
    for case in [
        Case::new([2, 6, 5, 16, 32], [3, 3], [1, 1, 1]),
        Case::new([3, 7, 9, 32, 48], [3, 3], [1, 1, 1]),
        Case::new([20, 17, 15, 16, 80], [3, 3], [1, 1, 1]),
        Case::new([2, 9, 7, 5, 33], [3, 3], [2, 1, 1]),
        Case::new([2, 5, 6, 40, 28], [1, 1], [1, 0, 1]),
        Case::new([3, 2, 2, 32, 64], [3, 3], [1, 1, 1]),
        Case::new([2, 6, 7, 12, 18], [3, 3], [1, 1, 3]),
    ] {
        let (x, w, bias) =
            (tensor(&case.x(), 1), tensor(&case.weight(), 2), tensor(&[case.c_out], 3));
        let residual = tensor(&case.y(), 4);
        let plain = conv2d(&x, &w, &case.spec()).unwrap();
        let expected = plain.broadcast_add(&bias).unwrap().add(&residual).unwrap().relu().unwrap();
        let got = conv2d_bias_act(&x, (&w, &bias), &case.spec(), Some(&residual), true).unwrap();
        let expected: Vec<f64> = values(&expected).into_iter().map(f64::from).collect();
        assert!(error(&values(&got), &expected) < 1e-6, "{case:?}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused_with_both_shapes() {
    let (x, w) = (tensor(&[1, 4, 4, 3], 1), tensor(&[8, 4, 3, 3], 2));
    let message = conv2d(&x, &w, &Conv2d::default()).unwrap_err().to_string();
    assert!(message.contains("[8, 4, 3, 3]") && message.contains("[1, 4, 4, 3]"), "{message}");
    let small = tensor(&[1, 2, 2, 4], 1);
    let message = conv2d(&small, &w, &Conv2d::default()).unwrap_err().to_string();
    assert!(message.contains("does not fit"), "{message}");
}

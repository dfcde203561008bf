//! Convolutions against the definition in f64, for every kernel that a shape may be given to.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::Tensor;
use common::{Case, error, numbers, reference, tensor, values, var};
use hpa_ops::{Conv2d, conv2d, conv2d_bias_act};
use proptest::prelude::*;

/// Direct sums are off by rounding alone.
const DIRECT: f64 = 5e-6;
/// Winograd's transforms cancel: the bound that the module states.
const WINOGRAD: f64 = 2e-5;

fn spec(case: &Case) -> Conv2d {
    Conv2d { stride: case.stride, padding: case.padding, groups: case.groups }
}

/// Errors of the output and both gradients.
fn errors(case: &Case) -> [f64; 3] {
    let (x, w) = (var(&case.x(), 1), var(&case.weight(), 2));
    let dy = tensor(&case.y(), 3);
    let y = conv2d(&x, &w, &spec(case)).unwrap();
    assert_eq!(y.dims(), case.y());
    let gradients = y.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
    let expected = reference(case, &values(&x), &values(&w), &values(&dy));
    let got = [&y, gradients.get(&x).unwrap(), gradients.get(&w).unwrap()];
    std::array::from_fn(|i| error(&values(got[i]), &expected[i]))
}

/// Whether Winograd's kernels may be given this shape.
fn may_be_winograd(case: &Case) -> bool {
    [case.kh, case.kw, case.stride, case.groups] == [3, 3, 1, 1]
        && case.c_in.is_multiple_of(16)
        && case.c_out.is_multiple_of(16)
}

fn check(case: &Case, bound: f64) {
    let errors = errors(case);
    assert!(errors.iter().all(|e| *e < bound), "{case:?}: {errors:?} against {bound}");
}

fn case(sizes: [usize; 5], [kh, kw]: [usize; 2], [stride, padding, groups]: [usize; 3]) -> Case {
    let [n, h, w, c_in, c_out] = sizes;
    Case { n, h, w, c_in, c_out, kh, kw, stride, padding, groups }
}

#[test]
fn the_layers_of_a_resnet_equal_the_definition() {
    check(&case([2, 28, 26, 4, 64], [7, 7], [2, 3, 1]), DIRECT);
    check(&case([2, 15, 13, 32, 48], [3, 3], [2, 1, 1]), DIRECT);
    check(&case([2, 14, 14, 32, 64], [1, 1], [2, 0, 1]), DIRECT);
    check(&case([3, 9, 7, 40, 28], [1, 1], [1, 0, 1]), DIRECT);
    check(&case([1, 12, 12, 128, 160], [1, 1], [1, 0, 1]), DIRECT);
}

#[test]
fn winograd_holds_its_bound_on_every_way_through_it() {
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
        check(&case(sizes, [3, 3], [1, padding, 1]), WINOGRAD);
    }
}

#[test]
fn maps_of_a_few_pixels_equal_the_definition() {
    check(&case([5, 2, 2, 64, 96], [3, 3], [1, 1, 1]), DIRECT);
    check(&case([3, 4, 4, 32, 64], [3, 3], [2, 1, 1]), DIRECT);
    check(&case([2, 1, 3, 32, 32], [3, 3], [1, 1, 1]), DIRECT);
    check(&case([2, 7, 7, 32, 32], [3, 3], [4, 0, 1]), DIRECT);
    check(&case([2, 1, 1, 32, 32], [2, 2], [2, 3, 1]), DIRECT);
}

#[test]
fn grouped_and_depthwise_equal_the_definition() {
    check(&case([2, 9, 7, 24, 24], [3, 3], [1, 1, 24]), DIRECT);
    check(&case([2, 9, 8, 24, 48], [5, 5], [2, 2, 24]), DIRECT);
    check(&case([2, 6, 7, 12, 18], [3, 1], [1, 1, 3]), DIRECT);
}

#[test]
fn rectangular_kernels_and_wide_padding_work() {
    check(&case([1, 5, 6, 3, 5], [1, 4], [1, 3, 1]), DIRECT);
    check(&case([2, 3, 3, 5, 33], [2, 2], [3, 4, 1]), DIRECT);
}

/// Whether the output and both gradients have at least eight numbers: a lone sum may cancel to
/// nothing, and then no bound relative to it holds.
fn is_telling(case: &Case) -> bool {
    [case.x(), case.y(), case.weight()].iter().all(|shape| shape.iter().product::<usize>() >= 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape_equals_the_definition(
        n in 1usize..4, h in 1usize..12, w in 1usize..12, c_in in 1usize..40, c_out in 1usize..40,
        kh in 1usize..5, kw in 1usize..5, stride in 1usize..4, padding in 0usize..3,
    ) {
        prop_assume!(h + 2 * padding >= kh && w + 2 * padding >= kw);
        let case = case([n, h, w, c_in, c_out], [kh, kw], [stride, padding, 1]);
        prop_assume!(is_telling(&case));
        check(&case, if may_be_winograd(&case) { WINOGRAD } else { DIRECT });
    }
}

/// Whole vectors of channels, which Winograd takes.
fn vectors() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![16_usize, 32, 48, 64])
}

proptest! {
    // The naive reference of one case takes up to a second.
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_shape_of_winograds_equals_the_definition(
        n in 1usize..4, h in 3usize..41, w in 3usize..41, c_in in vectors(), c_out in vectors(),
    ) {
        prop_assume!(h != w);
        let case = case([n, h, w, c_in, c_out], [3, 3], [1, 1, 1]);
        prop_assert!(may_be_winograd(&case));
        check(&case, WINOGRAD);
    }
}

/// Groups, input channels and output channels: two groups, four, or one a channel (depthwise, with
/// one or two outputs each).
fn grouped_channels() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![
        (prop::sample::select(vec![2_usize, 4]), 1_usize..13, 1_usize..13)
            .prop_map(|(groups, i, o)| [groups, groups * i, groups * o]),
        (2_usize..70, 1_usize..3).prop_map(|(c, multiplier)| [c, c, c * multiplier]),
    ]
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
        let case = case(sizes, [kernel, kernel], [stride, padding, groups]);
        prop_assume!(is_telling(&case));
        check(&case, DIRECT);
    }
}

#[test]
fn an_input_that_asks_for_no_gradient_gets_none() {
    let case = case([1, 6, 6, 16, 16], [3, 3], [1, 1, 1]);
    let (x, w) = (var(&case.x(), 1), var(&case.weight(), 2));
    let image = x.as_detached_tensor();
    let loss = conv2d(&image, &w, &spec(&case)).unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    assert!(gradients.get(&w).is_some());
    assert!(gradients.get(&image).is_none());
}

#[test]
fn a_nan_pixel_reaches_every_output_that_sees_it() {
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
fn the_folded_form_adds_bias_and_residual_and_rectifies() {
    for case in [
        case([2, 6, 5, 16, 32], [3, 3], [1, 1, 1]),
        case([3, 7, 9, 32, 48], [3, 3], [1, 1, 1]),
        case([20, 17, 15, 16, 80], [3, 3], [1, 1, 1]),
        case([2, 9, 7, 5, 33], [3, 3], [2, 1, 1]),
        case([2, 5, 6, 40, 28], [1, 1], [1, 0, 1]),
        case([3, 2, 2, 32, 64], [3, 3], [1, 1, 1]),
        case([2, 6, 7, 12, 18], [3, 3], [1, 1, 3]),
    ] {
        let (x, w, bias) =
            (tensor(&case.x(), 1), tensor(&case.weight(), 2), tensor(&[case.c_out], 3));
        let residual = tensor(&case.y(), 4);
        let plain = conv2d(&x, &w, &spec(&case)).unwrap();
        let expected = plain.broadcast_add(&bias).unwrap().add(&residual).unwrap().relu().unwrap();
        let got = conv2d_bias_act(&x, (&w, &bias), &spec(&case), Some(&residual), true).unwrap();
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

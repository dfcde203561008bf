//! Pooling and the linear layer against their definitions in f64.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var};
use common::{error, tensor, values, var};
use hpa_ops::{global_average_pool, linear, max_pool2d, relu};
use proptest::prelude::*;

/// Bounds relative to the largest expected value.
const FORWARD: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;

/// `y`, `dx`, `dw` and `db` of `y = x w^T + b`, with `x` of rows of `inner` and `w` of `outer` rows.
fn linear_by_hand([inner, outer]: [usize; 2], [x, w, b]: [&[f32]; 3], dy: &[f32]) -> [Vec<f64>; 4] {
    let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
    let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; b.len()]);
    for (at, slope) in dy.iter().enumerate() {
        let (row, column, slope) = (at / outer, at % outer, f64::from(*slope));
        y[at] = f64::from(b[column]);
        db[column] += slope;
        for place in 0..inner {
            let (xi, wi) = (row * inner + place, column * inner + place);
            y[at] += f64::from(x[xi]) * f64::from(w[wi]);
            dx[xi] += slope * f64::from(w[wi]);
            dw[wi] += slope * f64::from(x[xi]);
        }
    }
    [y, dx, dw, db]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn linear_equals_the_definition(n in 1usize..40, inner in 1usize..150, outer in 1usize..70) {
        // A single sum may cancel to almost zero, and then no relative bound holds.
        prop_assume!(n * outer >= 8);
        let (x, w, b) = (var(&[n, inner], 1), var(&[outer, inner], 2), var(&[outer], 3));
        let dy = tensor(&[n, outer], 4);
        let y = linear(&x, &w, &b).unwrap();
        prop_assert_eq!(y.dims(), [n, outer]);
        let gradients = y.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
        let inputs = [&values(&x)[..], &values(&w), &values(&b)];
        let [expected, slopes @ ..] = linear_by_hand([inner, outer], inputs, &values(&dy));
        let forward = error(&values(&y), &expected);
        assert!(forward < FORWARD, "{forward}");
        for (parameter, expected) in [&x, &w, &b].into_iter().zip(&slopes) {
            let error = error(&values(gradients.get(parameter).unwrap()), expected);
            assert!(error < GRADIENT, "{:?}: {error}", parameter.dims());
        }
    }

    #[test]
    fn the_global_average_equals_the_definition(
        n in 1usize..5, h in 1usize..20, w in 1usize..20, c in 1usize..70,
    ) {
        let (x, dy) = (var(&[n, h, w, c], 1), tensor(&[n, c], 2));
        let y = global_average_pool(&x).unwrap();
        prop_assert_eq!(y.dims(), [n, c]);
        let gradients = y.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
        let (mut expected, dys, pixels) = (vec![0.0; n * c], values(&dy), h * w);
        let mut dx = Vec::new();
        for (at, x) in values(&x).iter().enumerate() {
            let of = at / (pixels * c) * c + at % c;
            expected[of] += f64::from(*x) / pixels as f64;
            dx.push(f64::from(dys[of]) / pixels as f64);
        }
        let forward = error(&values(&y), &expected);
        let backward = error(&values(gradients.get(&x).unwrap()), &dx);
        assert!(forward < FORWARD && backward < GRADIENT, "{forward} {backward}");
    }
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
fn a_nan_wins_the_pool_and_passes_relu() {
    let x = Tensor::new(&[[[[1.0_f32], [f32::NAN]], [[3.0], [-4.0]]]], &Device::Cpu).unwrap();
    assert!(values(&max_pool2d(&x, 2, 2, 0).unwrap())[0].is_nan());
    let y = values(&relu(&x).unwrap());
    assert!(y[1].is_nan());
    assert_eq!(y[2..], [3.0, 0.0]);
    let infinite = Tensor::full(f32::NEG_INFINITY, x.shape(), &Device::Cpu).unwrap();
    assert_eq!(values(&max_pool2d(&infinite, 2, 2, 0).unwrap()), [f32::NEG_INFINITY]);
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

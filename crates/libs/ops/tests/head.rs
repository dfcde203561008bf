//! The global average and the linear layer on any shape, against sums in f64.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{error, tensor, values, var};
use hpa_ops::{global_average_pool, linear};
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
        // One lone sum may cancel to nothing, and then no bound relative to it holds.
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

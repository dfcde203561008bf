//! Functions of a few variables.
#![expect(clippy::many_single_char_names, reason = "the letters of the sources")]

use std::f64::consts::TAU;

/// MGH 5.
pub(crate) fn beale(x: &[f64]) -> (f64, Vec<f64>) {
    let (a, b) = (x[0], x[1]);
    let (mut f, mut g) = (0.0, vec![0.0; 2]);
    for (i, y) in (1..).zip([1.5, 2.25, 2.625]) {
        let r = y - a * (1.0 - b.powi(i));
        f += r * r;
        g[0] += 2.0 * r * (b.powi(i) - 1.0);
        g[1] += 2.0 * r * a * f64::from(i) * b.powi(i - 1);
    }
    (f, g)
}

/// MGH 14, HS 38.
pub(crate) fn wood(x: &[f64]) -> (f64, Vec<f64>) {
    let (a, b, c, d) = (x[0], x[1], x[2], x[3]);
    let (p, q) = (b - a * a, d - c * c);
    let f = 100.0 * p * p + (1.0 - a).powi(2) + 90.0 * q * q + (1.0 - c).powi(2);
    let cross = 10.1 * ((b - 1.0).powi(2) + (d - 1.0).powi(2)) + 19.8 * (b - 1.0) * (d - 1.0);
    let g = vec![
        -400.0 * p * a - 2.0 * (1.0 - a),
        200.0 * p + 20.2 * (b - 1.0) + 19.8 * (d - 1.0),
        -360.0 * q * c - 2.0 * (1.0 - c),
        180.0 * q + 20.2 * (d - 1.0) + 19.8 * (b - 1.0),
    ];
    (f + cross, g)
}

/// MGH 7.
pub(crate) fn helical_valley(x: &[f64]) -> (f64, Vec<f64>) {
    let (a, b, c) = (x[0], x[1], x[2]);
    let theta = b.atan2(a) / TAU + f64::from(u8::from(a < 0.0 && b < 0.0));
    let rho = a.hypot(b);
    let (p, q) = (10.0 * (c - 10.0 * theta), 10.0 * (rho - 1.0));
    let (along_a, along_b) = (-b / (TAU * rho * rho), a / (TAU * rho * rho));
    let g = vec![
        -200.0 * p * along_a + 20.0 * q * a / rho,
        -200.0 * p * along_b + 20.0 * q * b / rho,
        20.0 * p + 2.0 * c,
    ];
    (p * p + q * q + c * c, g)
}

/// MGH 4.
pub(crate) fn brown_badly_scaled(x: &[f64]) -> (f64, Vec<f64>) {
    let (p, q, r) = (x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0);
    (p * p + q * q + r * r, vec![2.0 * (p + r * x[1]), 2.0 * (q + r * x[0])])
}

/// MGH 2.
pub(crate) fn freudenstein_roth(x: &[f64]) -> (f64, Vec<f64>) {
    let (a, b) = (x[0], x[1]);
    let p = -13.0 + a + ((5.0 - b) * b - 2.0) * b;
    let q = -29.0 + a + ((b + 1.0) * b - 14.0) * b;
    let (dp, dq) = (10.0 * b - 3.0 * b * b - 2.0, 3.0 * b * b + 2.0 * b - 14.0);
    (p * p + q * q, vec![2.0 * (p + q), 2.0 * (p * dp + q * dq)])
}

/// MGH 6 with m = 10.
pub(crate) fn jennrich_sampson(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = (0.0, vec![0.0; 2]);
    for i in 1..=10 {
        let i = f64::from(i);
        let (e, h) = ((i * x[0]).exp(), (i * x[1]).exp());
        let r = 2.0 + 2.0 * i - e - h;
        f += r * r;
        g[0] -= 2.0 * r * i * e;
        g[1] -= 2.0 * r * i * h;
    }
    (f, g)
}

/// MGH 18 with m = 13.
pub(crate) fn biggs_exp6(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = (0.0, vec![0.0; 6]);
    for i in 1..=13 {
        let t = 0.1 * f64::from(i);
        let y = (-t).exp() - 5.0 * (-10.0 * t).exp() + 3.0 * (-4.0 * t).exp();
        let (e, h, k) = ((-t * x[0]).exp(), (-t * x[1]).exp(), (-t * x[4]).exp());
        let r = x[2] * e - x[3] * h + x[5] * k - y;
        f += r * r;
        let parts = [-t * x[2] * e, t * x[3] * h, e, -h, -t * x[5] * k, k];
        for (g, part) in g.iter_mut().zip(parts) {
            *g += 2.0 * r * part;
        }
    }
    (f, g)
}

/// HS 3.
pub(crate) fn hs3(x: &[f64]) -> (f64, Vec<f64>) {
    let d = x[1] - x[0];
    (x[1] + 1e-5 * d * d, vec![-2e-5 * d, 1.0 + 2e-5 * d])
}

/// HS 4.
pub(crate) fn hs4(x: &[f64]) -> (f64, Vec<f64>) {
    ((x[0] + 1.0).powi(3) / 3.0 + x[1], vec![(x[0] + 1.0).powi(2), 1.0])
}

/// HS 5.
pub(crate) fn hs5(x: &[f64]) -> (f64, Vec<f64>) {
    let (c, d) = ((x[0] + x[1]).cos(), x[0] - x[1]);
    let f = (x[0] + x[1]).sin() + d * d - 1.5 * x[0] + 2.5 * x[1] + 1.0;
    (f, vec![c + 2.0 * d - 1.5, c - 2.0 * d + 2.5])
}

/// HS 45.
pub(crate) fn hs45(x: &[f64]) -> (f64, Vec<f64>) {
    let without = |skip: usize| -> f64 {
        x.iter().enumerate().filter(|&(i, _)| i != skip).map(|(_, x)| x).product()
    };
    let g = (0..x.len()).map(|i| -without(i) / 120.0).collect();
    (2.0 - x.iter().product::<f64>() / 120.0, g)
}

/// HS 110.
pub(crate) fn hs110(x: &[f64]) -> (f64, Vec<f64>) {
    let root = x.iter().product::<f64>().powf(0.2);
    let term = |x: &f64| (x - 2.0).ln().powi(2) + (10.0 - x).ln().powi(2);
    let slope = |x: &f64| {
        2.0 * (x - 2.0).ln() / (x - 2.0) - 2.0 * (10.0 - x).ln() / (10.0 - x) - 0.2 * root / x
    };
    (x.iter().map(term).sum::<f64>() - root, x.iter().map(slope).collect())
}

/// `CUTEst CAMEL6`.
pub(crate) fn camel6(x: &[f64]) -> (f64, Vec<f64>) {
    let (a, b) = (x[0], x[1]);
    let f = 4.0 * a.powi(2) - 2.1 * a.powi(4) + a.powi(6) / 3.0 + a * b - 4.0 * b.powi(2);
    let g = vec![8.0 * a - 8.4 * a.powi(3) + 2.0 * a.powi(5) + b, a - 8.0 * b + 16.0 * b.powi(3)];
    (f + 4.0 * b.powi(4), g)
}

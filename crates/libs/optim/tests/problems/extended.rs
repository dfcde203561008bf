//! Functions of any number of variables, from Moré, Garbow & Hillstrom.
#![expect(clippy::many_single_char_names, reason = "the letters of the sources")]

/// MGH 21: pairs.
pub(crate) fn rosenbrock(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = (0.0, Vec::with_capacity(x.len()));
    for pair in x.chunks_exact(2) {
        let (r, s) = (pair[1] - pair[0] * pair[0], 1.0 - pair[0]);
        f += 100.0 * r * r + s * s;
        g.extend([-400.0 * r * pair[0] - 2.0 * s, 200.0 * r]);
    }
    (f, g)
}

/// Every variable with the next, as in `CUTEst GENROSE`.
pub(crate) fn chained_rosenbrock(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = (0.0, vec![0.0; x.len()]);
    for i in 0..x.len() - 1 {
        let (r, s) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
        f += 100.0 * r * r + s * s;
        g[i] += -400.0 * r * x[i] - 2.0 * s;
        g[i + 1] += 200.0 * r;
    }
    (f, g)
}

/// MGH 22: fours.
pub(crate) fn powell_singular(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = (0.0, Vec::with_capacity(x.len()));
    for four in x.chunks_exact(4) {
        let (a, b, c, d) = (four[0], four[1], four[2], four[3]);
        let (p, q, r, s) = (a + 10.0 * b, c - d, b - 2.0 * c, a - d);
        f += p * p + 5.0 * q * q + r.powi(4) + 10.0 * s.powi(4);
        let (cube_r, cube_s) = (r.powi(3), s.powi(3));
        g.extend([2.0 * p + 40.0 * cube_s, 20.0 * p + 4.0 * cube_r]);
        g.extend([10.0 * q - 8.0 * cube_r, -10.0 * q - 40.0 * cube_s]);
    }
    (f, g)
}

/// MGH 26.
pub(crate) fn trigonometric(x: &[f64]) -> (f64, Vec<f64>) {
    let cosines: f64 = x.iter().map(|x| x.cos()).sum();
    let n = x.len() as f64;
    let residual = |(i, x): (usize, &f64)| n - cosines + (i + 1) as f64 * (1.0 - x.cos()) - x.sin();
    let r: Vec<f64> = x.iter().enumerate().map(residual).collect();
    let total: f64 = r.iter().sum();
    let slope = |(i, x): (usize, &f64)| {
        2.0 * (x.sin() * total + r[i] * ((i + 1) as f64 * x.sin() - x.cos()))
    };
    (r.iter().map(|r| r * r).sum(), x.iter().enumerate().map(slope).collect())
}

/// MGH 30.
pub(crate) fn broyden_tridiagonal(x: &[f64]) -> (f64, Vec<f64>) {
    let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
    let (mut f, mut g) = (0.0, vec![0.0; x.len()]);
    for (i, &here) in x.iter().enumerate() {
        let left = i.checked_sub(1).map_or(0.0, at);
        let r = (3.0 - 2.0 * here) * here - left - 2.0 * at(i + 1) + 1.0;
        f += r * r;
        g[i] += 2.0 * r * (3.0 - 4.0 * here);
        if i > 0 {
            g[i - 1] -= 2.0 * r;
        }
        if i + 1 < x.len() {
            g[i + 1] -= 4.0 * r;
        }
    }
    (f, g)
}

/// MGH 23.
pub(crate) fn penalty_1(x: &[f64]) -> (f64, Vec<f64>) {
    let q = x.iter().map(|x| x * x).sum::<f64>() - 0.25;
    let f = 1e-5 * x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() + q * q;
    (f, x.iter().map(|x| 2e-5 * (x - 1.0) + 4.0 * q * x).collect())
}

/// MGH 25.
pub(crate) fn variably_dimensioned(x: &[f64]) -> (f64, Vec<f64>) {
    let numbered = || x.iter().enumerate().map(|(i, x)| ((i + 1) as f64, x - 1.0));
    let s: f64 = numbered().map(|(i, d)| i * d).sum();
    let f = numbered().map(|(_, d)| d * d).sum::<f64>() + s.powi(2) + s.powi(4);
    (f, numbered().map(|(i, d)| 2.0 * d + (2.0 * s + 4.0 * s.powi(3)) * i).collect())
}

/// MGH 35 with m = n.
pub(crate) fn chebyquad(x: &[f64]) -> (f64, Vec<f64>) {
    let n = x.len() as f64;
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x - 1.0).collect();
    let (mut before, mut slope_before) = (vec![1.0; x.len()], vec![0.0; x.len()]);
    let (mut now, mut slope_now) = (y.clone(), vec![2.0; x.len()]);
    let (mut f, mut g) = (0.0, vec![0.0; x.len()]);
    for i in 1..=x.len() {
        let integral = if i.is_multiple_of(2) { 1.0 / ((i * i - 1) as f64) } else { 0.0 };
        let r = now.iter().sum::<f64>() / n + integral;
        f += r * r;
        for j in 0..x.len() {
            g[j] += 2.0 * r * slope_now[j] / n;
            let next = 2.0 * y[j] * now[j] - before[j];
            let slope_next = 4.0 * now[j] + 2.0 * y[j] * slope_now[j] - slope_before[j];
            (before[j], now[j]) = (now[j], next);
            (slope_before[j], slope_now[j]) = (slope_now[j], slope_next);
        }
    }
    (f, g)
}

/// MGH 28.
pub(crate) fn discrete_boundary(x: &[f64]) -> (f64, Vec<f64>) {
    let h = 1.0 / (x.len() + 1) as f64;
    let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
    let (mut f, mut g) = (0.0, vec![0.0; x.len()]);
    for (i, &here) in x.iter().enumerate() {
        let t = here + h * (i + 1) as f64 + 1.0;
        let left = i.checked_sub(1).map_or(0.0, at);
        let r = 2.0 * here - left - at(i + 1) + h * h * t.powi(3) / 2.0;
        f += r * r;
        g[i] += 2.0 * r * (2.0 + 1.5 * h * h * t * t);
        if i > 0 {
            g[i - 1] -= 2.0 * r;
        }
        if i + 1 < x.len() {
            g[i + 1] -= 2.0 * r;
        }
    }
    (f, g)
}

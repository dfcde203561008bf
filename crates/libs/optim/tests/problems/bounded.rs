//! Functions of any number of variables whose minimum owes its place to the bounds.
#![expect(clippy::many_single_char_names, reason = "the letters of the sources")]

/// An elastic-plastic string under load 5 (`CUTEst TORSION`, on a line).
pub(crate) fn torsion(x: &[f64]) -> (f64, Vec<f64>) {
    let h = 1.0 / (x.len() + 1) as f64;
    let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
    let (mut f, mut g) = (0.0, Vec::with_capacity(x.len()));
    for (i, &here) in x.iter().enumerate() {
        let bent = (2.0 * here - i.checked_sub(1).map_or(0.0, at) - at(i + 1)) / h;
        f += 0.5 * here * bent - 5.0 * h * here;
        g.push(bent - 5.0 * h);
    }
    (f, g)
}

/// Sum of `i (x_i - 2 sin i)²`.
pub(crate) fn scaled_bowl(x: &[f64]) -> (f64, Vec<f64>) {
    let terms =
        x.iter().enumerate().map(|(i, x)| ((i + 1) as f64, x - 2.0 * ((i + 1) as f64).sin()));
    let g = terms.clone().map(|(i, d)| 2.0 * i * d).collect();
    (terms.map(|(i, d)| i * d * d).sum(), g)
}

/// `CUTEst BDEXP`.
pub(crate) fn bdexp(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = (0.0, vec![0.0; x.len()]);
    for i in 0..x.len() - 2 {
        let (s, z) = (x[i] + x[i + 1], x[i + 2]);
        let e = (-z * s).exp();
        f += s * e;
        g[i] += e * (1.0 - z * s);
        g[i + 1] += e * (1.0 - z * s);
        g[i + 2] -= e * s * s;
    }
    (f, g)
}

/// `CUTEst BIGGSB1`.
pub(crate) fn biggsb1(x: &[f64]) -> (f64, Vec<f64>) {
    let last = x.len() - 1;
    let mut f = (x[0] - 1.0).powi(2) + (1.0 - x[last]).powi(2);
    let mut g = vec![0.0; x.len()];
    g[0] += 2.0 * (x[0] - 1.0);
    g[last] -= 2.0 * (1.0 - x[last]);
    for i in 0..last {
        let d = x[i + 1] - x[i];
        f += d * d;
        g[i + 1] += 2.0 * d;
        g[i] -= 2.0 * d;
    }
    (f, g)
}

/// `CUTEst NONSCOMP`.
pub(crate) fn nonscomp(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut f, mut g) = ((x[0] - 1.0).powi(2), vec![0.0; x.len()]);
    g[0] = 2.0 * (x[0] - 1.0);
    for i in 1..x.len() {
        let r = x[i] - x[i - 1] * x[i - 1];
        f += 4.0 * r * r;
        g[i] += 8.0 * r;
        g[i - 1] -= 16.0 * r * x[i - 1];
    }
    (f, g)
}

/// A linear function, whose minimum is a corner: costs of alternating sign.
pub(crate) fn linear(x: &[f64]) -> (f64, Vec<f64>) {
    let cost = |i: usize| (1 + (i + 1) % 7) as f64 * if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    let g: Vec<f64> = (0..x.len()).map(cost).collect();
    (g.iter().zip(x).map(|(c, x)| c * x).sum(), g)
}

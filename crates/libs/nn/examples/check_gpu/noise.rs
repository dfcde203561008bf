//! How far apart two curves of losses may lie.
//!
//! Training amplifies the last bit: two runs that round differently drift apart however right both
//! are. How far is measured, not guessed: the processor trains once more from weights that are
//! off by one part in a million (in 256 for bf16, which has 8 bits), and what that changes is what
//! rounding changes. Losses are compared as means over windows of steps.

const WINDOWS: usize = 10;
/// A run that is right lies this many times the measured noise away, at most.
const MARGIN: f64 = 4.0;
/// And never is a difference below this part of the loss held against it.
const FLOOR: f64 = 2e-3;

/// The largest difference of two curves in relation to what it may be.
pub(crate) fn distance(curve: &[f64], reference: &[f64], disturbed: &[f64]) -> f64 {
    let [curve, reference, disturbed] = [curve, reference, disturbed].map(means);
    let noise = reference.iter().zip(&disturbed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let apart = |(a, b): (&f64, &f64)| (a - b).abs() / (MARGIN * noise + FLOOR * b.abs());
    curve.iter().zip(&reference).map(apart).fold(0.0, f64::max)
}

fn means(curve: &[f64]) -> Vec<f64> {
    let width = curve.len().div_ceil(WINDOWS).max(1);
    curve.chunks(width).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect()
}

//! Allowed difference between the loss curves of two devices.
//!
//! Training amplifies rounding: correct runs that round differently drift apart. The effect is
//! measured by training on the CPU once more from weights that differ by one part in a million (in
//! 256 for bf16, which has 8 bits). Losses are compared as means over windows of steps.

const WINDOWS: usize = 10;
/// Allowed multiple of the measured effect of rounding.
const MARGIN: f64 = 4.0;
/// Difference relative to the loss that is always allowed.
const FLOOR: f64 = 2e-3;

/// The largest difference of two curves relative to the allowed difference.
pub(crate) fn distance(curve: &[f64], reference: &[f64], disturbed: &[f64]) -> f64 {
    let [curve, reference, disturbed] = [curve, reference, disturbed].map(means);
    let noise = reference.iter().zip(&disturbed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let relative = |(a, b): (&f64, &f64)| (a - b).abs() / (MARGIN * noise + FLOOR * b.abs());
    curve.iter().zip(&reference).map(relative).fold(0.0, f64::max)
}

fn means(curve: &[f64]) -> Vec<f64> {
    let width = curve.len().div_ceil(WINDOWS).max(1);
    curve.chunks(width).map(|window| window.iter().sum::<f64>() / window.len() as f64).collect()
}

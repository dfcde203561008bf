//! Plot geometry as SVG text: scales, ticks, paths and markers.
//!
//! Units: user units of the view box, one CSS pixel at natural size. Coordinates are written
//! with one decimal, so that the page does not depend on the last bit of a value.

use std::fmt::Write;

/// A linear map from values to coordinates of one axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// Maps `from` (values) onto `to` (coordinates); an empty range is widened.
    pub(crate) fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        let from = if from.1 > from.0 { from } else { (from.0 - 0.5, from.0 + 0.5) };
        Self { from, to }
    }

    /// The coordinate of a value, clamped to the axis.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = (value - self.from.0) / (self.from.1 - self.from.0);
        self.to.0 + share.clamp(0.0, 1.0) * (self.to.1 - self.to.0)
    }
}

/// A coordinate as text.
pub(crate) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

/// A path through points given as coordinates.
pub(crate) fn path(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (index, &(x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        write!(text, "{command}{} {}", coordinate(x), coordinate(y)).expect("into memory");
    }
    text
}

/// The outline of the marker of a series.
pub(crate) fn marker(series: usize, (x, y): (f64, f64), size: f64) -> String {
    let corners: &[(f64, f64)] = match series % 4 {
        0 => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.1, 0.9), (-1.1, 0.9)],
        _ => &[(0.0, 1.2), (1.1, -0.9), (-1.1, -0.9)],
    };
    let corners: Vec<_> = corners.iter().map(|c| (x + c.0 * size, y + c.1 * size)).collect();
    path(&corners) + "Z"
}

/// Round numbers (1, 2 or 5 times a power of ten apart) inside a range, about `count`.
pub(crate) fn ticks(low: f64, high: f64, count: u32) -> Vec<f64> {
    let rough = (high - low) / f64::from(count);
    if !rough.is_finite() || rough <= 0.0 {
        return vec![low];
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = *step.iter().find(|&&step| step >= rough * 0.999).unwrap_or(&step[3]);
    let first = (low / step - 1e-9).ceil();
    (0..=2 * count + 2)
        .map(|number| (first + f64::from(number)) * step)
        .take_while(|&tick| tick <= high + step * 1e-9)
        .collect()
}

/// A tick's label: as many decimals as its neighbours need, no more than three.
pub(crate) fn tick_label(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let labels = |low, high| -> Vec<String> {
            ticks(low, high, 4).into_iter().map(tick_label).collect()
        };
        assert_eq!(labels(0.0, 1.0), ["0", "0.5", "1"]);
        assert_eq!(labels(0.13, 0.92), ["0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(0.0, 17.0), ["0", "5", "10", "15"]);
        assert_eq!(labels(3.0, 3.0), ["3"]);
        assert_eq!(ticks(f64::NAN, 1.0, 4).len(), 1);
    }

    #[test]
    fn a_scale_clamps_values() {
        let scale = Scale::new((0.0, 2.0), (100.0, 0.0));
        assert_eq!(coordinate(scale.at(0.5)), "75.0");
        assert_eq!(coordinate(scale.at(9.0)), "0.0");
        assert_eq!(coordinate(Scale::new((1.0, 1.0), (0.0, 10.0)).at(1.0)), "5.0");
    }
}

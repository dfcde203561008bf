//! Antialiased resizing to a square.
//!
//! Both sides are scaled apart, columns first. Where the picture shrinks, `area` averages
//! the source pixels that an output pixel covers, each weighted by the part of it that is
//! covered; `lanczos` weights them by a windowed sine three output pixels wide, which is
//! sharper and may overshoot (then it is clamped). Where it grows, `area` would only repeat
//! pixels, so it interpolates linearly between centres, and `lanczos` is its own usual self.
//!
//! Sums are f32 in a fixed order and rounded once, so the result is the same on every
//! machine and within one grey level of exact arithmetic.
//! Source: the weights are those of OpenCV's `INTER_AREA` and Pillow's `LANCZOS`.

use crate::{Plane, Samples, boxes};

/// How source pixels are weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Mean over the covered area.
    #[default]
    Area,
    /// Lanczos with three lobes.
    Lanczos,
}

/// `plane` as `side × side` grey levels from 0 to 255.
///
/// # Panics
/// When `side` is 0.
#[must_use]
pub fn resize(plane: &Plane, side: usize, filter: Filter) -> Vec<u8> {
    let mut levels = Vec::with_capacity(side * side);
    resize_into(plane, side, filter, &mut levels);
    levels
}

/// Adds `plane` as `side × side` grey levels from 0 to 255 to `out`.
///
/// # Panics
/// When `side` is 0.
pub fn resize_into(plane: &Plane, side: usize, filter: Filter, out: &mut Vec<u8>) {
    let sides = (plane.width(), plane.height());
    match plane.samples() {
        Samples::Eight(samples) if sides == (side, side) => out.extend_from_slice(samples),
        Samples::Eight(samples)
            if filter == Filter::Area && side > 0 && box_means(samples, sides, side, out) => {}
        _ => out.extend(scaled(plane, side, filter).into_iter().map(round_level)),
    }
}

/// Adds the means over whole boxes; adds nothing and says `false` where there are none.
#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is one")]
fn box_means(samples: &[u8], sides: (usize, usize), side: usize, out: &mut Vec<u8>) -> bool {
    let pixels = u32::try_from((sides.0 / side).pow(2)).unwrap_or(u32::MAX);
    match pixels {
        // The usual case: with a divisor that the compiler knows it needs no division.
        4 => boxes::each_row_of_sums(samples, sides, side, |row| {
            out.extend(row.iter().map(|sum| ((sum + 2) / 4) as u8));
        }),
        _ => boxes::each_row_of_sums(samples, sides, side, |row| {
            out.extend(row.iter().map(|sum| ((sum + pixels / 2) / pixels) as u8));
        }),
    }
}

/// `plane` as `side × side` grey levels from 0 to 255, before rounding.
pub(crate) fn scaled(plane: &Plane, side: usize, filter: Filter) -> Vec<f32> {
    assert!(side > 0, "a picture has at least one pixel a side");
    let down = taps(plane.height(), side, filter);
    let across = taps(plane.width(), side, filter);
    let mut column_sums = vec![0.0; plane.width()];
    let mut out = Vec::with_capacity(side * side);
    for rows in &down {
        column_sums.fill(0.0);
        for (offset, &weight) in rows.weights.iter().enumerate() {
            add_row(plane, rows.start + offset, weight, &mut column_sums);
        }
        out.extend(across.iter().map(|columns| columns.sum(&column_sums)));
    }
    out
}

/// Adds `weight` times row `row`, in levels from 0 to 255, to the sums of all columns.
fn add_row(plane: &Plane, row: usize, weight: f32, column_sums: &mut [f32]) {
    let width = plane.width();
    let span = row * width..(row + 1) * width;
    match plane.samples() {
        Samples::Eight(samples) => {
            for (sum, &level) in column_sums.iter_mut().zip(&samples[span]) {
                *sum += weight * f32::from(level);
            }
        }
        Samples::Sixteen(samples) => {
            let weight = weight / 257.0; // 65535 becomes 255
            for (sum, &level) in column_sums.iter_mut().zip(&samples[span]) {
                *sum += weight * f32::from(level);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
fn round_level(level: f32) -> u8 {
    (level + 0.5).clamp(0.0, 255.0) as u8
}

/// The source pixels that make one output pixel; their weights sum to 1.
struct Taps {
    start: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn sum(&self, line: &[f32]) -> f32 {
        let pixels = &line[self.start..self.start + self.weights.len()];
        pixels.iter().zip(&self.weights).map(|(pixel, weight)| pixel * weight).sum()
    }
}

/// One set of taps for each output pixel of a side.
fn taps(source: usize, target: usize, filter: Filter) -> Vec<Taps> {
    let scale = source as f64 / target as f64; // source pixels in one output pixel
    let one = |index: usize| match filter {
        Filter::Area if scale >= 1.0 => {
            let (from, to) = (index as f64 * scale, (index + 1) as f64 * scale);
            window(source, from, to, |pixel| to.min(pixel + 1.0) - from.max(pixel))
        }
        Filter::Area => {
            let centre = (index as f64 + 0.5) * scale;
            window(source, centre - 1.0, centre + 1.0, |pixel| {
                (1.0 - (pixel + 0.5 - centre).abs()).max(0.0)
            })
        }
        Filter::Lanczos => {
            let (centre, stretch) = ((index as f64 + 0.5) * scale, scale.max(1.0));
            let reach = 3.0 * stretch;
            window(source, centre - reach, centre + reach, |pixel| {
                lanczos((pixel + 0.5 - centre) / stretch)
            })
        }
    };
    (0..target).map(one).collect()
}

/// Weights of the source pixels that touch `from..to`, normalised.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped; sums are f32"
)]
fn window(source: usize, from: f64, to: f64, weight: impl Fn(f64) -> f64) -> Taps {
    let start = from.floor().clamp(0.0, source as f64 - 1.0) as usize;
    let end = (to.ceil().clamp(1.0, source as f64) as usize).max(start + 1);
    let raw: Vec<f64> = (start..end).map(|pixel| weight(pixel as f64)).collect();
    let total: f64 = raw.iter().sum();
    Taps { start, weights: raw.iter().map(|weight| (weight / total) as f32).collect() }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let angle = std::f64::consts::PI * x;
        if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle }
    };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plane(width: usize, height: usize, seed: usize) -> Plane {
        let level = |v: usize| u8::try_from((v * v / 7 + v * (seed + 1) * 37) % 256).unwrap();
        Plane::new(width, height, Samples::Eight((0..width * height).map(level).collect())).unwrap()
    }

    /// Exact box averages: every source pixel is cut into `target²` equal parts.
    fn box_average(plane: &Plane, target: usize) -> Vec<f64> {
        let Samples::Eight(samples) = plane.samples() else { panic!("8 bits") };
        let (width, height) = (plane.width(), plane.height());
        let mut sums = vec![0u64; target * target];
        for y in 0..height * target {
            for x in 0..width * target {
                let covered = y / height * target + x / width;
                sums[covered] += u64::from(samples[y / target * width + x / target]);
            }
        }
        sums.iter().map(|&sum| sum as f64 / (width * height) as f64).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn shrinking_is_the_exact_box_average(side in 1usize..24, target in 1usize..24, seed in 0usize..99) {
            prop_assume!(target <= side);
            let plane = plane(side, side, seed);
            for (got, exact) in resize(&plane, target, Filter::Area).iter().zip(box_average(&plane, target)) {
                prop_assert!((f64::from(*got) - exact).abs() < 0.51);
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let plane = plane(31, 31, 3);
        let Samples::Eight(samples) = plane.samples() else { panic!("8 bits") };
        assert_eq!(&resize(&plane, 31, Filter::Area), samples);
        assert_eq!(&resize(&plane, 31, Filter::Lanczos), samples);
    }

    #[test]
    fn sixteen_bits_shrink_to_the_levels_of_eight() {
        let levels: Vec<u16> = (0..64 * 64).map(|v: u16| v * 16).collect();
        let deep = Plane::new(64, 64, Samples::Sixteen(levels.clone())).unwrap();
        for (got, level) in resize(&deep, 64, Filter::Area).iter().zip(levels) {
            assert!((f64::from(*got) - f64::from(level) / 257.0).abs() < 0.51);
        }
    }

    #[test]
    fn growing_interpolates_and_stays_within_the_source() {
        let plane = Plane::new(2, 2, Samples::Eight(vec![0, 100, 0, 100])).unwrap();
        assert_eq!(resize(&plane, 4, Filter::Area)[..4], [0, 25, 75, 100]);
    }

    #[test]
    fn a_flat_plane_stays_flat_with_either_filter() {
        for level in [0, 1, 128, 255] {
            let flat = Plane::new(50, 50, Samples::Eight(vec![level; 2500])).unwrap();
            for filter in [Filter::Area, Filter::Lanczos] {
                for side in [1, 7, 32, 49, 64] {
                    assert!(resize(&flat, side, filter).iter().all(|&v| v == level));
                }
            }
        }
    }
}

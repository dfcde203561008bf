//! Antialiased resizing to a square.
//!
//! Separable, columns first. When downscaling, `Area` averages the source pixels that an
//! output pixel covers, each weighted by its covered fraction; `Lanczos` weights them by a
//! windowed sinc with a radius of three output pixels, which is sharper and may ring (then
//! the result is clamped). When upscaling, `Area` interpolates linearly, and `Lanczos` is the
//! usual one.
//!
//! Sums are f32 in a fixed order, rounded once, so the result is the same on every machine
//! and within one grey level of exact arithmetic.
//! Source: the weights are those of OpenCV's `INTER_AREA` and Pillow's `LANCZOS`.

use crate::{Plane, Samples, block_sums};

/// The interpolation filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResizeFilter {
    /// Mean over the covered area.
    #[default]
    Area,
    /// Lanczos with three lobes.
    Lanczos,
}

/// Resizes `plane` to `side × side` grey levels from 0 to 255.
///
/// # Panics
/// When `side` is 0.
#[must_use]
pub fn resize(plane: &Plane, side: usize, filter: ResizeFilter) -> Vec<u8> {
    let mut levels = Vec::with_capacity(side * side);
    resize_into(plane, side, filter, &mut levels);
    levels
}

/// Same as [`resize`], appending to `out`.
///
/// # Panics
/// When `side` is 0.
pub fn resize_into(plane: &Plane, side: usize, filter: ResizeFilter, out: &mut Vec<u8>) {
    let (width, height) = (plane.width(), plane.height());
    if let Samples::U8(samples) = plane.samples() {
        if width == side && height == side {
            out.extend_from_slice(samples);
            return;
        }
        if filter == ResizeFilter::Area
            && let Some(block) = block_sums::block_side(width, height, side)
        {
            append_block_means(samples, width, block, out);
            return;
        }
    }
    out.extend(resize_unrounded(plane, side, filter).into_iter().map(round_level));
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is at most 255")]
fn append_block_means(samples: &[u8], width: usize, block: usize, out: &mut Vec<u8>) {
    if block == 2 {
        // The usual case; a divisor known at compile time needs no division.
        block_sums::for_each_row_of_sums(samples, width, block, |row| {
            out.extend(row.iter().map(|sum| ((sum + 2) / 4) as u8));
        });
    } else {
        let pixels = u32::try_from(block * block).expect("a block has at most 256 px a side");
        block_sums::for_each_row_of_sums(samples, width, block, |row| {
            out.extend(row.iter().map(|sum| ((sum + pixels / 2) / pixels) as u8));
        });
    }
}

/// Resizes to `side × side` grey levels from 0 to 255, before rounding.
pub(crate) fn resize_unrounded(plane: &Plane, side: usize, filter: ResizeFilter) -> Vec<f32> {
    assert!(side > 0, "the output has at least one pixel");
    let row_kernels = kernels(plane.height(), side, filter);
    let column_kernels = kernels(plane.width(), side, filter);
    let mut column_sums = vec![0.0; plane.width()];
    let mut out = Vec::with_capacity(side * side);
    for kernel in &row_kernels {
        column_sums.fill(0.0);
        for (offset, &weight) in kernel.weights.iter().enumerate() {
            add_row(plane, kernel.start + offset, weight, &mut column_sums);
        }
        out.extend(column_kernels.iter().map(|kernel| kernel.apply(&column_sums)));
    }
    out
}

/// Adds `weight` times row `row`, in levels from 0 to 255, to the sums of all columns.
fn add_row(plane: &Plane, row: usize, weight: f32, column_sums: &mut [f32]) {
    let width = plane.width();
    let span = row * width..(row + 1) * width;
    match plane.samples() {
        Samples::U8(samples) => {
            for (sum, &level) in column_sums.iter_mut().zip(&samples[span]) {
                *sum += weight * f32::from(level);
            }
        }
        Samples::U16(samples) => {
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

/// The weights of one output pixel's source pixels along one axis; they sum to 1.
struct Kernel {
    start: usize,
    weights: Vec<f32>,
}

impl Kernel {
    fn apply(&self, line: &[f32]) -> f32 {
        let pixels = &line[self.start..self.start + self.weights.len()];
        pixels.iter().zip(&self.weights).map(|(pixel, weight)| pixel * weight).sum()
    }
}

/// One kernel for each output pixel along one axis.
fn kernels(source: usize, target: usize, filter: ResizeFilter) -> Vec<Kernel> {
    let scale = source as f64 / target as f64; // source pixels per output pixel
    let kernel = |index: usize| match filter {
        ResizeFilter::Area if scale >= 1.0 => {
            let (from, to) = (index as f64 * scale, (index + 1) as f64 * scale);
            normalized(source, from, to, |pixel| to.min(pixel + 1.0) - from.max(pixel))
        }
        ResizeFilter::Area => {
            let centre = (index as f64 + 0.5) * scale;
            normalized(source, centre - 1.0, centre + 1.0, |pixel| {
                (1.0 - (pixel + 0.5 - centre).abs()).max(0.0)
            })
        }
        ResizeFilter::Lanczos => {
            let centre = (index as f64 + 0.5) * scale;
            let stretch = scale.max(1.0);
            let radius = 3.0 * stretch;
            normalized(source, centre - radius, centre + radius, |pixel| {
                lanczos((pixel + 0.5 - centre) / stretch)
            })
        }
    };
    (0..target).map(kernel).collect()
}

/// The weights of the source pixels that overlap `from..to`, scaled to sum to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped; sums are f32"
)]
fn normalized(source: usize, from: f64, to: f64, weight: impl Fn(f64) -> f64) -> Kernel {
    let start = from.floor().clamp(0.0, source as f64 - 1.0) as usize;
    let end = (to.ceil().clamp(1.0, source as f64) as usize).max(start + 1);
    let raw: Vec<f64> = (start..end).map(|pixel| weight(pixel as f64)).collect();
    let total: f64 = raw.iter().sum();
    Kernel { start, weights: raw.iter().map(|weight| (weight / total) as f32).collect() }
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
        Plane::new(width, height, Samples::U8((0..width * height).map(level).collect())).unwrap()
    }

    /// Exact box averages: every source pixel is split into `target²` equal parts.
    fn box_average(plane: &Plane, target: usize) -> Vec<f64> {
        let Samples::U8(samples) = plane.samples() else { panic!("8 bits") };
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
        fn area_downscaling_is_the_exact_box_average(side in 1usize..24, target in 1usize..24, seed in 0usize..99) {
            prop_assume!(target <= side);
            let plane = plane(side, side, seed);
            for (got, exact) in resize(&plane, target, ResizeFilter::Area).iter().zip(box_average(&plane, target)) {
                prop_assert!((f64::from(*got) - exact).abs() < 0.51);
            }
        }
    }

    #[test]
    fn resizing_to_the_same_size_changes_nothing() {
        let plane = plane(31, 31, 3);
        let Samples::U8(samples) = plane.samples() else { panic!("8 bits") };
        assert_eq!(&resize(&plane, 31, ResizeFilter::Area), samples);
        assert_eq!(&resize(&plane, 31, ResizeFilter::Lanczos), samples);
    }

    #[test]
    fn levels_of_16_bits_are_divided_by_257() {
        let levels: Vec<u16> = (0..64 * 64).map(|v: u16| v * 16).collect();
        let deep = Plane::new(64, 64, Samples::U16(levels.clone())).unwrap();
        for (got, level) in resize(&deep, 64, ResizeFilter::Area).iter().zip(levels) {
            assert!((f64::from(*got) - f64::from(level) / 257.0).abs() < 0.51);
        }
    }

    #[test]
    fn upscaling_interpolates_linearly() {
        let plane = Plane::new(2, 2, Samples::U8(vec![0, 100, 0, 100])).unwrap();
        assert_eq!(resize(&plane, 4, ResizeFilter::Area)[..4], [0, 25, 75, 100]);
    }

    #[test]
    fn a_flat_plane_stays_flat_with_either_filter() {
        for level in [0, 1, 128, 255] {
            let flat = Plane::new(50, 50, Samples::U8(vec![level; 2500])).unwrap();
            for filter in [ResizeFilter::Area, ResizeFilter::Lanczos] {
                for side in [1, 7, 32, 49, 64] {
                    assert!(resize(&flat, side, filter).iter().all(|&v| v == level));
                }
            }
        }
    }
}

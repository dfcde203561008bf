//! 64-bit perceptual hash (pHash): near-duplicate images differ in few bits.
//!
//! The plane is downscaled to 32×32 and its two-dimensional DCT-II computed; each bit says
//! whether one of the 8×8 lowest frequencies is above the median of the 63 AC coefficients.
//! Bit `8 * v + u` is horizontal frequency `u`, vertical frequency `v`; bit 0 (DC) is always
//! 0, so that brightness does not count.
//!
//! A blank plane, one that varies by less than one grey level over the 32×32 means, hashes to
//! 0, and no other plane does. The arithmetic is on integers from the means on, so the bits
//! are the same on every machine.
//!
//! Source: the construction is that of pHash (Zauner, *Implementation and Benchmarking of
//! Perceptual Image Hash Functions*, 2010), with median and 32×32 as in `imagehash`.

use std::sync::LazyLock;

use crate::resize::{ResizeFilter, resize_unrounded};
use crate::{Plane, Samples, block_sums};

/// Side of the downscaled plane.
const SIDE: usize = 32;
/// Frequencies kept in each direction.
const FREQUENCIES: usize = 8;
/// Means are integers in units of 1/256 grey level.
const UNITS_PER_LEVEL: i64 = 256;

/// The hash of one plane; 0 when it is blank.
#[must_use]
pub fn perceptual_hash(plane: &Plane) -> u64 {
    let levels = block_means(plane);
    let darkest = levels.iter().min().copied().unwrap_or(0);
    let brightest = levels.iter().max().copied().unwrap_or(0);
    if brightest - darkest < UNITS_PER_LEVEL {
        return 0;
    }
    let frequencies = low_frequencies(&levels);
    let mut sorted = frequencies[1..].to_vec();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    let bit = |(index, &value): (usize, &i64)| u64::from(index > 0 && value > median) << index;
    let hash = frequencies.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit);
    // A plane of high frequencies alone may set no bit; 0 is reserved for blank planes.
    if hash == 0 { 1 } else { hash }
}

/// Number of bits in which two hashes differ.
#[must_use]
pub const fn hamming_distance(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

/// The plane downscaled to 32×32, in units of 1/256 grey level.
#[expect(clippy::cast_possible_truncation, reason = "at most 255 * 256")]
fn block_means(plane: &Plane) -> Vec<i64> {
    if let Samples::U8(samples) = plane.samples()
        && let Some(block) = block_sums::block_side(plane.width(), plane.height(), SIDE)
    {
        let pixels = i64::try_from(block * block).expect("a block has at most 256 px a side");
        let mut means = Vec::with_capacity(SIDE * SIDE);
        block_sums::for_each_row_of_sums(samples, plane.width(), block, |row| {
            let mean = |&sum: &u32| (i64::from(sum) * UNITS_PER_LEVEL + pixels / 2) / pixels;
            means.extend(row.iter().map(mean));
        });
        return means;
    }
    let to_units = |level: f32| i64::from((level * UNITS_PER_LEVEL as f32).round() as i32);
    resize_unrounded(plane, SIDE, ResizeFilter::Area).into_iter().map(to_units).collect()
}

/// The 8×8 lowest frequencies of the DCT-II of 32×32 levels, row-major in `v`.
fn low_frequencies(levels: &[i64]) -> Vec<i64> {
    let cosines = &*COSINES;
    let across: Vec<i64> = levels
        .chunks_exact(SIDE)
        .flat_map(|row| cosines.iter().map(move |basis| dot(basis, row.iter())))
        .collect(); // [32, 8]
    let column = |u: usize| across.iter().skip(u).step_by(FREQUENCIES);
    cosines.iter().flat_map(|basis| (0..FREQUENCIES).map(|u| dot(basis, column(u)))).collect()
}

fn dot<'a>(basis: &[i64; SIDE], levels: impl Iterator<Item = &'a i64>) -> i64 {
    basis.iter().zip(levels).map(|(cosine, level)| cosine * level).sum()
}

static COSINES: LazyLock<[[i64; SIDE]; FREQUENCIES]> = LazyLock::new(cosines);

/// The DCT basis cos((2x + 1) u π / 64) in units of 1/16384, `[u][x]`.
///
/// Rounded to integers, each basis vector but the first sums to exactly 0.
#[expect(clippy::cast_possible_truncation, reason = "at most 16384")]
fn cosines() -> [[i64; SIDE]; FREQUENCIES] {
    std::array::from_fn(|u| {
        std::array::from_fn(|x| {
            let angle = ((2 * x + 1) * u) as f64 * std::f64::consts::PI / (2 * SIDE) as f64;
            (angle.cos() * 16384.0).round() as i64
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(side: usize, level: impl Fn(f64, f64) -> f64) -> Plane {
        let coordinate = |v: usize| (v as f64 + 0.5) / side as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let samples =
            (0..side * side).map(|v| level(coordinate(v % side), coordinate(v / side)) as u8);
        Plane::new(side, side, Samples::U8(samples.collect())).unwrap()
    }

    fn cells(x: f64, y: f64) -> f64 {
        let spot = |cx: f64, cy: f64, r: f64| (-((x - cx).powi(2) + (y - cy).powi(2)) / r).exp();
        120.0 * (spot(0.3, 0.2, 0.01) + spot(0.7, 0.6, 0.03) + spot(0.2, 0.8, 0.005)).min(2.0)
    }

    #[test]
    fn blank_planes_hash_to_zero_and_others_never() {
        for level in [0.0, 7.0, 255.0] {
            assert_eq!(perceptual_hash(&plane(64, |_, _| level)), 0);
        }
        assert_eq!(perceptual_hash(&plane(33, |_, _| 3.0)), 0);
        assert_ne!(perceptual_hash(&plane(64, cells)), 0);
        assert_ne!(perceptual_hash(&plane(64, |x, _| 255.0 * x)), 0);
    }

    #[test]
    fn size_brightness_and_bit_depth_hardly_change_the_hash() {
        let hash = perceptual_hash(&plane(512, cells));
        assert!(hamming_distance(hash, perceptual_hash(&plane(200, cells))) <= 4);
        assert!(
            hamming_distance(hash, perceptual_hash(&plane(512, |x, y| cells(x, y) * 0.7 + 9.0)))
                <= 4
        );
        let deep = plane(512, cells);
        let Samples::U8(levels) = deep.samples() else { panic!("8 bits") };
        let wide = levels.iter().map(|&v| u16::from(v) * 257).collect();
        let deep = Plane::new(512, 512, Samples::U16(wide)).unwrap();
        assert_eq!(hash, perceptual_hash(&deep));
    }

    #[test]
    fn a_different_field_has_a_distant_hash() {
        let other = plane(512, |x, y| cells(y, 1.0 - x));
        assert!(
            hamming_distance(perceptual_hash(&plane(512, cells)), perceptual_hash(&other)) > 12
        );
    }

    #[test]
    fn half_the_frequencies_are_above_the_median() {
        assert_eq!(perceptual_hash(&plane(512, cells)).count_ones(), 31);
        assert_eq!(hamming_distance(0b1010, 0b0110), 2);
    }
}

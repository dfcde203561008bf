//! A 64-bit perceptual hash: planes that look alike differ in few bits.
//!
//! The source plane is averaged to 32×32, its two-dimensional cosine transform (DCT-II)
//! taken, and of the 8×8 lowest frequencies each bit says whether that coefficient is above
//! the median of the 63 that are not the mean. Bit `8 * v + u` belongs to frequency `u`
//! across and `v` down; bit 0, the mean's, is always 0, since brightness is not likeness.
//!
//! A plane that varies by less than one grey level over the 32×32 averages shows nothing:
//! its hash is 0, and no other plane's is, so that a reader can leave blank planes out.
//! Measured on the source, so the hash does not depend on the size that is written. All
//! arithmetic is on integers from the averages on, so the bits are the same everywhere.
//!
//! Source: the construction is that of pHash (Zauner, *Implementation and Benchmarking of
//! Perceptual Image Hash Functions*, 2010), with median and 32×32 as in `imagehash`.

use std::sync::LazyLock;

use crate::resize::{Filter, scaled};
use crate::{Plane, Samples, boxes};

/// Side of the averages.
const SIDE: usize = 32;
/// Frequencies kept in each direction.
const LOW: usize = 8;
/// Averages are kept in steps of 1/256 grey level.
const STEPS: f32 = 256.0;

/// The hash of one plane; 0 when it is blank.
#[must_use]
pub fn perceptual_hash(plane: &Plane) -> u64 {
    let levels = averages(plane);
    let darkest = levels.iter().min().copied().unwrap_or(0);
    let brightest = levels.iter().max().copied().unwrap_or(0);
    if brightest - darkest < 256 {
        return 0;
    }
    let frequencies = low_frequencies(&levels);
    let mut sorted = frequencies[1..].to_vec();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    let bit = |(place, &value): (usize, &i64)| u64::from(place > 0 && value > median) << place;
    let hash = frequencies.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit);
    // Where only high frequencies differ no bit may be set; 0 is kept for blank planes.
    if hash == 0 { 1 } else { hash }
}

/// In how many bits two hashes differ.
#[must_use]
pub const fn hamming(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

#[expect(clippy::cast_possible_truncation, reason = "at most 255 * 256")]
fn averages(plane: &Plane) -> Vec<i64> {
    if let Samples::Eight(samples) = plane.samples() {
        let sides = (plane.width(), plane.height());
        let pixels = i64::try_from((sides.0 / SIDE).pow(2)).expect("sides are limited");
        let mut means = Vec::with_capacity(SIDE * SIDE);
        let steps = |sum: u32| (i64::from(sum) * 256 + pixels / 2) / pixels;
        let add = |row: &[u32]| means.extend(row.iter().copied().map(steps));
        if boxes::each_row_of_sums(samples, sides, SIDE, add) {
            return means;
        }
    }
    let means = scaled(plane, SIDE, Filter::Area);
    means.into_iter().map(|mean| i64::from((mean * STEPS).round() as i32)).collect()
}

/// The lowest 8×8 coefficients of the cosine transform of 32×32 levels, row `v` by row.
fn low_frequencies(levels: &[i64]) -> Vec<i64> {
    let cosines = &*COSINES;
    let across: Vec<i64> = levels
        .chunks_exact(SIDE)
        .flat_map(|row| cosines.iter().map(move |wave| dot(wave, row.iter())))
        .collect(); // [32, 8]
    let column = |u: usize| across.iter().skip(u).step_by(LOW);
    cosines.iter().flat_map(|wave| (0..LOW).map(|u| dot(wave, column(u)))).collect()
}

fn dot<'a>(wave: &[i64; SIDE], levels: impl Iterator<Item = &'a i64>) -> i64 {
    wave.iter().zip(levels).map(|(cosine, level)| cosine * level).sum()
}

static COSINES: LazyLock<[[i64; SIDE]; LOW]> = LazyLock::new(cosines);

/// cos((2x + 1) u π / 64) in units of 1/16384, for each `u` a wave over `x`.
///
/// Rounding makes the waves integers whose sums cancel exactly on a flat plane.
#[expect(clippy::cast_possible_truncation, reason = "at most 16384")]
fn cosines() -> [[i64; SIDE]; LOW] {
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
        let place = |v: usize| (v as f64 + 0.5) / side as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let samples = (0..side * side).map(|v| level(place(v % side), place(v / side)) as u8);
        Plane::new(side, side, Samples::Eight(samples.collect())).unwrap()
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
    fn size_light_and_depth_hardly_move_the_hash() {
        let hash = perceptual_hash(&plane(512, cells));
        assert!(hamming(hash, perceptual_hash(&plane(200, cells))) <= 4);
        assert!(hamming(hash, perceptual_hash(&plane(512, |x, y| cells(x, y) * 0.7 + 9.0))) <= 4);
        let deep = plane(512, cells);
        let Samples::Eight(levels) = deep.samples() else { panic!("8 bits") };
        let wide = levels.iter().map(|&v| u16::from(v) * 257).collect();
        let deep = Plane::new(512, 512, Samples::Sixteen(wide)).unwrap();
        assert_eq!(hash, perceptual_hash(&deep));
    }

    #[test]
    fn another_field_has_another_hash() {
        let other = plane(512, |x, y| cells(y, 1.0 - x));
        assert!(hamming(perceptual_hash(&plane(512, cells)), perceptual_hash(&other)) > 12);
    }

    #[test]
    fn half_the_frequencies_are_above_the_median() {
        assert_eq!(perceptual_hash(&plane(512, cells)).count_ones(), 31);
        assert_eq!(hamming(0b1010, 0b0110), 2);
    }
}

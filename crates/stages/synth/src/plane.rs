//! Square grey images of linear intensities, row-major.
//!
//! Intensities have no upper limit before exposure; 1 is a well-stained structure. Geometry is `f64` in pixels, pixel (0, 0) being centred at (0, 0).

use std::ops::{Add, Mul, Sub};

/// A point or a vector in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// To the right.
    pub(crate) x: f64,
    /// Down.
    pub(crate) y: f64,
}

impl Point {
    /// The vector of this length in this direction.
    #[must_use]
    pub(crate) fn polar(angle: f64, length: f64) -> Self {
        Self { x: length * angle.cos(), y: length * angle.sin() }
    }

    /// Distance from the origin.
    #[must_use]
    pub(crate) fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    /// Direction seen from the origin, in radians.
    #[must_use]
    pub(crate) fn angle(self) -> f64 {
        self.y.atan2(self.x)
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, step: Self) -> Self {
        Self { x: self.x + step.x, y: self.y + step.y }
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, origin: Self) -> Self {
        Self { x: self.x - origin.x, y: self.y - origin.y }
    }
}

impl Mul<f64> for Point {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self { x: self.x * factor, y: self.y * factor }
    }
}

/// A square image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plane {
    size: usize,
    values: Vec<f32>,
}

impl Plane {
    /// A black image.
    #[must_use]
    pub(crate) fn new(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    /// Pixels along one side.
    #[must_use]
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// All intensities, row-major.
    #[must_use]
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// All intensities, mutable.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The intensity at an index.
    #[must_use]
    pub(crate) fn at(&self, index: usize) -> f64 {
        f64::from(self.values[index])
    }

    /// Sets the intensity at an index.
    pub(crate) fn set(&mut self, index: usize, value: f64) {
        self.values[index] = single(value);
    }

    /// Adds to the intensity at an index.
    pub(crate) fn add(&mut self, index: usize, amount: f64) {
        self.values[index] += single(amount);
    }

    /// The quantile of the intensities at `share`, 0 to 1.
    #[must_use]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        let last = sorted.len() - 1;
        let place = pixel(share * last as f64).unwrap_or(0).min(last);
        f64::from(*sorted.select_nth_unstable_by(place, f32::total_cmp).1)
    }

    /// Gaussian blur with this standard deviation in pixels, borders repeated.
    #[must_use]
    pub(crate) fn blurred(&self, sigma: f64) -> Self {
        let kernel = gaussian_kernel(sigma);
        // Two passes that each blur rows and transpose.
        blur_rows_transposed(&blur_rows_transposed(self, &kernel), &kernel)
    }
}

/// The pixel of a coordinate; `None` if it is negative.
#[must_use]
pub(crate) fn pixel(coordinate: f64) -> Option<usize> {
    let rounded = coordinate.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: 0 to 1e9"
    )]
    (0.0..1e9).contains(&rounded).then_some(rounded as usize)
}

/// The pixels within `reach` of `center` along one axis.
#[must_use]
pub(crate) fn pixels_around(center: f64, reach: f64, size: usize) -> std::ops::Range<usize> {
    let last = size as f64 - 1.0;
    if center + reach < 0.0 || center - reach > last {
        return 0..0;
    }
    let low = pixel((center - reach).ceil().max(0.0)).unwrap_or(0);
    let high = pixel((center + reach).floor().min(last)).map_or(0, |high| high + 1);
    low..high.max(low)
}

fn single(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "24 bits are plenty for 8")]
    let value = value as f32;
    value
}

/// Half of a Gaussian kernel from its centre outward; the full kernel sums to 1.
fn gaussian_kernel(sigma: f64) -> Vec<f32> {
    let reach = pixel((3.0 * sigma).ceil()).unwrap_or(0);
    let half: Vec<f64> =
        (0..=reach).map(|x| (-0.5 * (x as f64 / sigma.max(1e-9)).powi(2)).exp()).collect();
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half.into_iter().map(|value| single(value / sum)).collect()
}

fn blur_rows_transposed(plane: &Plane, kernel: &[f32]) -> Plane {
    let size = plane.size;
    let reach = kernel.len() - 1;
    let mut transposed = Plane::new(size);
    let mut padded = vec![0.0; size + 2 * reach];
    for (y, row) in plane.values.chunks_exact(size).enumerate() {
        padded[..reach].fill(row[0]);
        padded[reach..reach + size].copy_from_slice(row);
        padded[reach + size..].fill(row[size - 1]);
        for x in 0..size {
            let center = x + reach;
            let mut sum = kernel[0] * padded[center];
            for (distance, weight) in kernel.iter().enumerate().skip(1) {
                sum += weight * (padded[center - distance] + padded[center + distance]);
            }
            transposed.values[x * size + y] = sum;
        }
    }
    transposed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_sum_and_is_symmetric() {
        let mut plane = Plane::new(31);
        plane.set(15 * 31 + 15, 1.0);
        let blurred = plane.blurred(2.0);
        assert!((blurred.values().iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!((blurred.at(15 * 31 + 12) - blurred.at(12 * 31 + 15)).abs() < 1e-7);
        assert_eq!(plane.blurred(0.0), plane);
    }

    #[test]
    fn pixels_outside_of_the_image_are_left_out() {
        assert_eq!(pixels_around(1.0, 3.0, 10), 0..5);
        assert_eq!(pixels_around(9.0, 3.0, 10), 6..10);
        assert!(pixels_around(-9.0, 3.0, 10).is_empty());
        assert!(pixels_around(99.0, 3.0, 10).is_empty());
        assert!(pixel(-0.6).is_none() && pixel(f64::NAN).is_none());
    }

    #[test]
    fn quantiles_are_values_of_pixels() {
        let mut plane = Plane::new(2);
        for index in 0..4 {
            plane.set(index, index as f64);
        }
        assert!((plane.quantile(1.0) - 3.0).abs() < 1e-9);
        assert!((plane.quantile(0.0)).abs() < 1e-9);
    }
}

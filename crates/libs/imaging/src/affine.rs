//! Affine image transforms: flips, rotation, zoom and crop in one bilinear resampling.
//!
//! Resampling blurs, so the steps are first multiplied into one matrix and the image is
//! sampled once: for every output pixel, its source coordinate, interpolated between the four
//! nearest pixels. Coordinates outside the image are reflected at its edge (the outermost
//! pixel appears twice), so that no black corner reveals the angle to a network. This is
//! PyTorch's `grid_sample` with `padding_mode="reflection", align_corners=False`, which
//! fastai's augmentations use.
//!
//! Shapes: tensors are `channels × S × S`. Units: coordinates are in pixels from the centre,
//! x to the right, y down; angles in degrees.

use crate::Dihedral;

/// An affine map from output to source coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    matrix: [[f32; 2]; 2],
    /// Source coordinate of the output centre, in half sides.
    shift: [f32; 2],
}

impl Affine {
    /// The identity.
    #[must_use]
    pub const fn identity() -> Self {
        Self { matrix: [[1.0, 0.0], [0.0, 1.0]], shift: [0.0; 2] }
    }

    /// Then applies a symmetry of the square.
    #[must_use]
    pub fn flipped(self, symmetry: Dihedral) -> Self {
        self.then(symmetry.matrix(), [0.0; 2])
    }

    /// Then rotates the image about its centre, counter-clockwise.
    #[must_use]
    pub fn rotated(self, degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        self.then([[cos, -sin], [sin, cos]], [0.0; 2])
    }

    /// Then magnifies the image `factor` times about `focus`.
    ///
    /// A focus of `[0, 0]` is the centre, `[-1, -1]` the upper left corner; with a factor of at
    /// least 1 and a focus within ±1 nothing outside the image is sampled.
    #[must_use]
    pub fn zoomed(self, factor: f32, focus: [f32; 2]) -> Self {
        let scale = factor.recip();
        self.then([[scale, 0.0], [0.0, scale]], focus.map(|coordinate| coordinate * (1.0 - scale)))
    }

    /// Then crops a rectangle and stretches it to the whole image.
    ///
    /// `size` is the rectangle's width and height as fractions of the side; `position` is
    /// `[-1, -1]` for the upper left corner, `[0, 0]` for the centre.
    #[must_use]
    pub fn cropped(self, size: [f32; 2], position: [f32; 2]) -> Self {
        let [width, height] = size;
        let shift = [position[0] * (1.0 - width), position[1] * (1.0 - height)];
        self.then([[width, 0.0], [0.0, height]], shift)
    }

    /// The matrix, rows x and y, and the source coordinate of the output centre in half sides.
    #[must_use]
    pub const fn matrix_and_shift(&self) -> ([[f32; 2]; 2], [f32; 2]) {
        (self.matrix, self.shift)
    }

    /// Resamples every channel of `tensor`.
    ///
    /// # Panics
    /// When `tensor` is not a whole number of `side × side` channels.
    #[must_use]
    pub fn resample(&self, tensor: &[f32], side: usize) -> Vec<f32> {
        let area = (side * side).max(1);
        assert!(tensor.len().is_multiple_of(area), "channels of side × side");
        let mut out = vec![0.0; tensor.len()];
        for y in 0..side {
            for x in 0..side {
                let neighbours = self.neighbours(x, y, side);
                let pixel = y * side + x;
                for (channel, to) in tensor.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
                    to[pixel] = neighbours.interpolate(channel);
                }
            }
        }
        out
    }

    /// Appends one more step, itself a map from output to source coordinates.
    fn then(self, step: [[f32; 2]; 2], shift: [f32; 2]) -> Self {
        let product = |row: usize, column: usize| {
            self.matrix[row][0] * step[0][column] + self.matrix[row][1] * step[1][column]
        };
        let translation = |row: usize| {
            self.shift[row] + self.matrix[row][0] * shift[0] + self.matrix[row][1] * shift[1]
        };
        Self {
            matrix: [[product(0, 0), product(0, 1)], [product(1, 0), product(1, 1)]],
            shift: [translation(0), translation(1)],
        }
    }

    /// The four pixels around the source coordinate of output pixel `(x, y)`.
    fn neighbours(&self, x: usize, y: usize, side: usize) -> Neighbours {
        let middle = (side as f32 - 1.0) / 2.0;
        let (from_x, from_y) = (x as f32 - middle, y as f32 - middle);
        let coordinate = |axis: usize| {
            let [across, down] = self.matrix[axis];
            let half_sides = self.shift[axis] * side as f32 / 2.0;
            reflect(across * from_x + down * from_y + half_sides + middle, side)
        };
        let (column, right) = split(coordinate(0), side);
        let (row, below) = split(coordinate(1), side);
        let next_column = (column + 1).min(side - 1);
        let (first, second) = (row * side, (row + 1).min(side - 1) * side);
        Neighbours {
            index: [first + column, first + next_column, second + column, second + next_column],
            weight: [
                (1.0 - below) * (1.0 - right),
                (1.0 - below) * right,
                below * (1.0 - right),
                below * right,
            ],
        }
    }
}

/// Four pixels of a channel and their bilinear weights.
struct Neighbours {
    index: [usize; 4],
    weight: [f32; 4],
}

impl Neighbours {
    fn interpolate(&self, channel: &[f32]) -> f32 {
        self.index.iter().zip(&self.weight).map(|(&index, weight)| channel[index] * weight).sum()
    }
}

/// A coordinate along one axis, reflected at the outer edges -0.5 and `side - 0.5` and clamped
/// to the centres of the first and last pixel.
fn reflect(coordinate: f32, side: usize) -> f32 {
    let side = side as f32;
    let around = (coordinate + 0.5).rem_euclid(2.0 * side);
    let inside = if around > side { 2.0 * side - around } else { around };
    (inside - 0.5).clamp(0.0, side - 1.0)
}

/// The pixel at or before a coordinate, and the fraction of the way to the next.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "reflected: in 0..side"
)]
fn split(coordinate: f32, side: usize) -> (usize, f32) {
    let pixel = (coordinate as usize).min(side - 1);
    (pixel, coordinate - pixel as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(side: usize) -> Vec<f32> {
        (0..2 * side * side).map(|v| (v * v % 251) as f32).collect()
    }

    #[test]
    fn flips_agree_with_the_permutation_exactly() {
        for side in [1, 2, 7, 64] {
            let tensor = ramp(side);
            for symmetry in Dihedral::all() {
                let map = Affine::identity().flipped(symmetry);
                assert_eq!(
                    map.resample(&tensor, side),
                    symmetry.apply(&tensor, side),
                    "{symmetry:?}"
                );
            }
        }
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let rotated = Affine::identity().rotated(90.0).resample(&[1.0, 2.0, 3.0, 4.0], 2);
        let expected = [2.0, 4.0, 1.0, 3.0];
        assert!(rotated.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{rotated:?}");
    }

    #[test]
    fn a_zoom_keeps_its_focus_and_halves_distances() {
        let tensor: Vec<f32> = (0..64).map(|v| (v % 8) as f32).collect();
        let zoomed = Affine::identity().zoomed(2.0, [-1.0, 0.0]).resample(&tensor, 8);
        // Column x samples (x + 0.5) / 2 - 0.5: the left edge stays at the left edge.
        let row = [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25];
        assert!(zoomed[..8].iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-5), "{zoomed:?}");
    }

    #[test]
    fn coordinates_outside_are_reflected_at_the_edge() {
        let seen: Vec<f32> =
            (-4i8..8).map(|coordinate| reflect(f32::from(coordinate), 4)).collect();
        assert_eq!(seen, [3., 2., 1., 0., 0., 1., 2., 3., 3., 2., 1., 0.]);
    }

    #[test]
    fn a_constant_image_stays_constant_under_any_map() {
        let flat = vec![0.5; 4 * 9 * 9];
        let symmetry = Dihedral::from_index(5).unwrap();
        let map = Affine::identity().flipped(symmetry).rotated(33.0).zoomed(1.5, [0.3, -1.0]);
        assert!(map.resample(&flat, 9).iter().all(|v| (v - 0.5).abs() < 1e-6));
    }

    #[test]
    fn a_crop_samples_its_rectangle_and_nothing_else() {
        // Columns 0 to 7: their left half is 0 to 3, each seen twice, mixed half way between.
        let tensor: Vec<f32> = (0..64).map(|v| (v % 8) as f32).collect();
        let crop = Affine::identity().cropped([0.5, 1.0], [-1.0, 0.0]).resample(&tensor, 8);
        let expected = [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25];
        for row in crop.chunks_exact(8) {
            assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{row:?}");
        }
        // A square crop is a zoom.
        let zoom = Affine::identity().zoomed(2.0, [0.3, -0.7]).resample(&tensor, 8);
        let square = Affine::identity().cropped([0.5; 2], [0.3, -0.7]).resample(&tensor, 8);
        assert!(zoom.iter().zip(&square).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_rotation_and_its_inverse_cancel_on_a_smooth_image() {
        let side = 64;
        let tensor: Vec<f32> = (0..side * side)
            .map(|v| ((v % side) as f32 / 9.0).sin() + (v / side) as f32 / 64.0)
            .collect();
        let rotated = Affine::identity().rotated(30.0).resample(&tensor, side);
        let back = Affine::identity().rotated(-30.0).resample(&rotated, side);
        let centre = 32 * side + 32;
        assert!((back[centre] - tensor[centre]).abs() < 0.01);
        let both = Affine::identity().rotated(30.0).rotated(-30.0).resample(&tensor, side);
        assert!(both.iter().zip(&tensor).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}

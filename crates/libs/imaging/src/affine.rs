//! Turning, rotating and zooming in one resampling.
//!
//! Each step that is resampled blurs a little more, so the steps are first multiplied into
//! one map and the picture is read once: for every output pixel, the place it comes from,
//! interpolated linearly between the four nearest pixels. Places outside are mirrored at
//! the picture's edge (the outermost pixel is seen twice), so that no black corner tells
//! a network how far a picture was rotated. This is PyTorch's `grid_sample` with
//! `padding_mode="reflection", align_corners=False`, which fastai's augmentations use.
//!
//! Shapes: tensors are `channels × S × S`. Units: places are in pixels from the centre,
//! x to the right, y down; angles in degrees; levels are whatever the tensor holds.

use crate::Dihedral;

/// Where each pixel of the new picture comes from in the old one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    matrix: [[f32; 2]; 2],
    /// Where the new centre comes from, in half sides.
    shift: [f32; 2],
}

impl Affine {
    /// The picture as it is.
    #[must_use]
    pub const fn identity() -> Self {
        Self { matrix: [[1.0, 0.0], [0.0, 1.0]], shift: [0.0; 2] }
    }

    /// Then turns the picture by a symmetry of the square.
    #[must_use]
    pub fn turned(self, turn: Dihedral) -> Self {
        self.then(turn.matrix(), [0.0; 2])
    }

    /// Then rotates the picture about its centre, counter-clockwise.
    #[must_use]
    pub fn rotated(self, degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        self.then([[cos, -sin], [sin, cos]], [0.0; 2])
    }

    /// Then magnifies the picture `factor` times about `focus`.
    ///
    /// A focus of `[0, 0]` keeps the centre where it is, `[-1, -1]` the upper left corner;
    /// with a factor of at least 1 and a focus within ±1 nothing beyond the edge is seen.
    #[must_use]
    pub fn zoomed(self, factor: f32, focus: [f32; 2]) -> Self {
        let scale = factor.recip();
        self.then([[scale, 0.0], [0.0, scale]], focus.map(|place| place * (1.0 - scale)))
    }

    /// Then cuts out a rectangle and stretches it to the whole picture.
    ///
    /// `size` is the rectangle's width and height as parts of the side; `place` says where it lies:
    /// `[-1, -1]` in the upper left corner, `[0, 0]` in the centre.
    #[must_use]
    pub fn cropped(self, size: [f32; 2], place: [f32; 2]) -> Self {
        let [width, height] = size;
        let shift = [place[0] * (1.0 - width), place[1] * (1.0 - height)];
        self.then([[width, 0.0], [0.0, height]], shift)
    }

    /// Its matrix, rows x and y, and where the new centre comes from in half sides.
    #[must_use]
    pub const fn parts(&self) -> ([[f32; 2]; 2], [f32; 2]) {
        (self.matrix, self.shift)
    }

    /// Every channel of `tensor` read through this map.
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
                let corners = self.corners(x, y, side);
                let pixel = y * side + x;
                for (channel, to) in tensor.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
                    to[pixel] = corners.mix(channel);
                }
            }
        }
        out
    }

    /// Appends the map of one more step, itself from new places to old ones.
    fn then(self, step: [[f32; 2]; 2], shift: [f32; 2]) -> Self {
        let product = |row: usize, column: usize| {
            self.matrix[row][0] * step[0][column] + self.matrix[row][1] * step[1][column]
        };
        let moved = |row: usize| {
            self.shift[row] + self.matrix[row][0] * shift[0] + self.matrix[row][1] * shift[1]
        };
        Self {
            matrix: [[product(0, 0), product(0, 1)], [product(1, 0), product(1, 1)]],
            shift: [moved(0), moved(1)],
        }
    }

    /// The four pixels around the place that output pixel `(x, y)` comes from.
    fn corners(&self, x: usize, y: usize, side: usize) -> Corners {
        let middle = (side as f32 - 1.0) / 2.0;
        let (from_x, from_y) = (x as f32 - middle, y as f32 - middle);
        let place = |axis: usize| {
            let [across, down] = self.matrix[axis];
            let half_sides = self.shift[axis] * side as f32 / 2.0;
            mirrored(across * from_x + down * from_y + half_sides + middle, side)
        };
        let (column, right) = split(place(0), side);
        let (row, below) = split(place(1), side);
        let next_column = (column + 1).min(side - 1);
        let (first, second) = (row * side, (row + 1).min(side - 1) * side);
        Corners {
            at: [first + column, first + next_column, second + column, second + next_column],
            weight: [
                (1.0 - below) * (1.0 - right),
                (1.0 - below) * right,
                below * (1.0 - right),
                below * right,
            ],
        }
    }
}

/// Four pixels of a channel and how much each counts.
struct Corners {
    at: [usize; 4],
    weight: [f32; 4],
}

impl Corners {
    fn mix(&self, channel: &[f32]) -> f32 {
        self.at.iter().zip(&self.weight).map(|(&at, weight)| channel[at] * weight).sum()
    }
}

/// A place along one axis brought between the first and last pixel's centres by mirrors at
/// the outer edges, -0.5 and `side - 0.5`.
fn mirrored(place: f32, side: usize) -> f32 {
    let side = side as f32;
    let around = (place + 0.5).rem_euclid(2.0 * side);
    let inside = if around > side { 2.0 * side - around } else { around };
    (inside - 0.5).clamp(0.0, side - 1.0)
}

/// The pixel at or before a place, and how far it is to the next.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "mirrored: in 0..side")]
fn split(place: f32, side: usize) -> (usize, f32) {
    let whole = (place as usize).min(side - 1);
    (whole, place - whole as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(side: usize) -> Vec<f32> {
        (0..2 * side * side).map(|v| (v * v % 251) as f32).collect()
    }

    #[test]
    fn the_symmetries_of_the_square_come_out_exact() {
        for side in [1, 2, 7, 64] {
            let tensor = ramp(side);
            for turn in Dihedral::all() {
                let map = Affine::identity().turned(turn);
                assert_eq!(map.resample(&tensor, side), turn.apply(&tensor, side), "{turn:?}");
            }
        }
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let turned = Affine::identity().rotated(90.0).resample(&[1.0, 2.0, 3.0, 4.0], 2);
        let expected = [2.0, 4.0, 1.0, 3.0];
        assert!(turned.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{turned:?}");
    }

    #[test]
    fn a_zoom_keeps_its_focus_and_halves_distances() {
        let tensor: Vec<f32> = (0..64).map(|v| (v % 8) as f32).collect();
        let zoomed = Affine::identity().zoomed(2.0, [-1.0, 0.0]).resample(&tensor, 8);
        // Column x shows place (x + 0.5) / 2 - 0.5: the left edge stays at the left edge.
        let row = [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25];
        assert!(zoomed[..8].iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-5), "{zoomed:?}");
    }

    #[test]
    fn places_outside_are_mirrored_at_the_edge() {
        let seen: Vec<f32> = (-4i8..8).map(|place| mirrored(f32::from(place), 4)).collect();
        assert_eq!(seen, [3., 2., 1., 0., 0., 1., 2., 3., 3., 2., 1., 0.]);
    }

    #[test]
    fn a_flat_picture_stays_flat_under_any_map() {
        let flat = vec![0.5; 4 * 9 * 9];
        let turn = Dihedral::from_index(5).unwrap();
        let map = Affine::identity().turned(turn).rotated(33.0).zoomed(1.5, [0.3, -1.0]);
        assert!(map.resample(&flat, 9).iter().all(|v| (v - 0.5).abs() < 1e-6));
    }

    #[test]
    fn a_crop_shows_its_rectangle_and_nothing_else() {
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
    fn a_rotation_and_its_opposite_leave_a_smooth_picture_alone() {
        let side = 64;
        let tensor: Vec<f32> = (0..side * side)
            .map(|v| ((v % side) as f32 / 9.0).sin() + (v / side) as f32 / 64.0)
            .collect();
        let there = Affine::identity().rotated(30.0).resample(&tensor, side);
        let back = Affine::identity().rotated(-30.0).resample(&there, side);
        let centre = 32 * side + 32;
        assert!((back[centre] - tensor[centre]).abs() < 0.01);
        let both = Affine::identity().rotated(30.0).rotated(-30.0).resample(&tensor, side);
        assert!(both.iter().zip(&tensor).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}

//! Transforms: from stored pixels to the network's input.
//!
//! Lighting, channel gain and normalization act on one level at a time, so they are a table of 256
//! floats per channel; flips, rotation, zoom and crop are one affine map and one bilinear
//! resampling with mirrored borders; cutout comes last.
//!
//! Shapes: stored pixels are `[4][S][S]`, the network's input `[S][S][4]`.

use crate::data::statistics::ChannelStatistics;
use hpa_core::Channel;
use hpa_imaging::{Affine, Dihedral, Lighting};
#[cfg(any(test, feature = "cuda"))]
use hpa_ops::upload::TransformParams;

/// One view of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// A symmetry of the square.
    pub turn: Dihedral,
    /// Rotation, counter-clockwise.
    pub degrees: f32,
    /// Magnification.
    pub zoom: f32,
    /// Fixed point of the magnification, in half sides from the centre.
    pub focus: [f32; 2],
    /// 0.5 changes nothing.
    pub brightness: f32,
    /// 1 changes nothing.
    pub contrast: f32,
    /// Part of the image that is resized to the whole.
    pub crop: Crop,
    /// Factor of each channel's levels; white stays the maximum.
    pub channel_gains: [f32; Channel::COUNT],
    /// Squares that are masked out.
    pub cutout: Cutout,
}

/// A rectangle of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Width and height, as fractions of the side.
    pub size: [f32; 2],
    /// −1 at the left or top, 0 in the middle, 1 at the right or bottom.
    pub position: [f32; 2],
}

impl Crop {
    /// The whole image.
    pub const WHOLE: Self = Self { size: [1.0; 2], position: [0.0; 2] };
}

/// Squares set to the channels' means, which are 0 after normalization (`DeVries` & Taylor 2017,
/// arXiv 1708.04552); they are clipped at the image border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutout {
    /// Number of squares.
    pub holes: usize,
    /// Their side, as a fraction of the image side.
    pub size: f32,
    /// Their centres, from 0 to 1; entries beyond `holes` are unused.
    pub centres: [[f32; 2]; Self::MAX_HOLES],
}

/// A rectangle in pixels; `right` and `bottom` are exclusive.
struct Rectangle {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Cutout {
    /// Largest number of squares.
    pub const MAX_HOLES: usize = 8;
    /// No cutout.
    pub const NONE: Self = Self { holes: 0, size: 0.0, centres: [[0.0; 2]; Self::MAX_HOLES] };

    fn rectangles(&self, side_px: usize) -> impl Iterator<Item = Rectangle> {
        let hole_px = self.size * side_px as f32;
        self.centres[..self.holes.min(Self::MAX_HOLES)].iter().map(move |[x, y]| {
            let span = |centre: f32| {
                let start = (centre * side_px as f32 - hole_px / 2.0).round().max(0.0);
                let end = (centre * side_px as f32 + hole_px / 2.0).round().min(side_px as f32);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and the side"
                )]
                (start as usize, end as usize)
            };
            let (left, right) = span(*x);
            let (top, bottom) = span(*y);
            Rectangle { left, right: right.max(left), top, bottom }
        })
    }

    /// Masks an image `[S][S][4]`.
    fn apply(&self, image: &mut [f32], side_px: usize) {
        for Rectangle { left, right, top, bottom } in self.rectangles(side_px) {
            for row in image.chunks_exact_mut(side_px * Channel::COUNT).take(bottom).skip(top) {
                row[left * Channel::COUNT..right * Channel::COUNT].fill(0.0);
            }
        }
    }
}

impl Transform {
    /// A symmetry of the square and nothing else.
    #[must_use]
    pub const fn turned(turn: Dihedral) -> Self {
        Self {
            turn,
            degrees: 0.0,
            zoom: 1.0,
            focus: [0.0; 2],
            brightness: 0.5,
            contrast: 1.0,
            crop: Crop::WHOLE,
            channel_gains: [1.0; Channel::COUNT],
            cutout: Cutout::NONE,
        }
    }

    /// Writes the transformed and normalized pixels into `image`.
    pub fn apply(&self, statistics: &ChannelStatistics, pixels: &[u8], image: &mut [f32]) {
        let tables = self.level_tables(statistics);
        let area = pixels.len() / Channel::COUNT;
        let side_px = area.isqrt();
        if self.needs_no_resampling() {
            let turned = self.turn.apply(pixels, side_px);
            for (channel, plane) in turned.chunks_exact(area).enumerate() {
                let levels = plane.iter().map(|&level| tables[channel][usize::from(level)]);
                interleave(levels, channel, image);
            }
        } else {
            let levels: Vec<f32> = pixels
                .chunks_exact(area)
                .zip(&tables)
                .flat_map(|(plane, table)| plane.iter().map(|&level| table[usize::from(level)]))
                .collect();
            let resampled = self.affine().resample(&levels, side_px);
            for (channel, plane) in resampled.chunks_exact(area).enumerate() {
                interleave(plane.iter().copied(), channel, image);
            }
        }
        self.cutout.apply(image, side_px);
    }

    /// All geometry in one map.
    fn affine(&self) -> Affine {
        let affine = Affine::identity().flipped(self.turn).rotated(self.degrees);
        let affine = affine.zoomed(self.zoom, self.focus);
        // Cropping to the whole image would change the last bits of the coordinates.
        if self.crop == Crop::WHOLE {
            affine
        } else {
            affine.cropped(self.crop.size, self.crop.position)
        }
    }

    /// The geometry of the view of sample number `index` of a batch, for the GPU's transform kernel.
    #[cfg(any(test, feature = "cuda"))]
    pub(crate) fn gpu_params(&self, index: u32, side_px: usize) -> TransformParams {
        let (matrix, shift) = self.affine().matrix_and_shift();
        let mut params =
            TransformParams { matrix, shift, source: index, ..TransformParams::default() };
        for (cutout, rectangle) in params.cutout.iter_mut().zip(self.cutout.rectangles(side_px)) {
            let Rectangle { left, right, top, bottom } = rectangle;
            *cutout =
                [left, right, top, bottom].map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
            params.cutouts += 1;
        }
        params
    }

    /// Whether pixels only change places.
    #[expect(clippy::float_cmp, reason = "exactly these values where nothing is applied")]
    fn needs_no_resampling(&self) -> bool {
        self.degrees == 0.0 && self.zoom == 1.0 && self.crop == Crop::WHOLE
    }

    /// Lighting, gain and normalization of each level of each channel.
    pub(crate) fn level_tables(
        &self,
        statistics: &ChannelStatistics,
    ) -> [Vec<f32>; Channel::COUNT] {
        let lighting =
            Lighting::new(self.brightness, self.contrast).unwrap_or_default().lookup_table();
        std::array::from_fn(|channel| {
            let (mean, std) = (statistics.mean[channel], statistics.std[channel]);
            let gain = self.channel_gains[channel];
            lighting.iter().map(|level| ((gain * level).min(1.0) - mean) / std).collect()
        })
    }
}

fn interleave(plane: impl Iterator<Item = f32>, channel: usize, image: &mut [f32]) {
    for (pixel, level) in image.chunks_exact_mut(Channel::COUNT).zip(plane) {
        pixel[channel] = level;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATISTICS: ChannelStatistics = ChannelStatistics { mean: [0.5; 4], std: [0.25; 4] };

    fn apply(transform: Transform, pixels: &[u8]) -> Vec<f32> {
        let mut image = vec![0.0; pixels.len()];
        transform.apply(&STATISTICS, pixels, &mut image);
        image
    }

    fn identity() -> Transform {
        Transform::turned(Dihedral::default())
    }

    #[test]
    fn the_identity_normalizes_and_interleaves() {
        // [4][2][2]: red 0..4, green 10.., blue 20.., yellow 30..
        let pixels: Vec<u8> = (0..4).flat_map(|c| (0..4).map(move |p| c * 10 + p)).collect();
        let image = apply(identity(), &pixels);
        let expected = |level: u8| (f32::from(level) / 255.0 - 0.5) / 0.25;
        for (pixel, channels) in image.chunks_exact(4).enumerate() {
            for (channel, value) in channels.iter().enumerate() {
                assert!((value - expected(pixels[channel * 4 + pixel])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn an_exact_turn_equals_a_resampled_one() {
        let pixels: Vec<u8> = (0..4 * 25).collect();
        let turn = Dihedral::from_index(5).unwrap();
        let exact = apply(Transform::turned(turn), &pixels);
        let nearly = Transform { zoom: 1.000_001, ..Transform::turned(turn) };
        let resampled = apply(nearly, &pixels);
        assert!(exact.iter().zip(&resampled).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn a_channel_gain_multiplies_and_clamps_to_white() {
        let pixels = [51, 102, 204, 0].map(|level| [level; 4]).concat(); // [4][2][2]
        let channel_gains = [2.0, 0.5, 2.0, 1.0];
        let image = apply(Transform { channel_gains, ..identity() }, &pixels);
        // Levels .4, .2, 1 (not 1.6) and 0.
        for pixel in image.chunks_exact(4) {
            let expected = [-0.4, -1.2, 2.0, -2.0];
            assert!(pixel.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{pixel:?}");
        }
    }

    #[test]
    fn cutout_shows_the_mean_and_is_clipped_at_the_border() {
        let side = 8;
        let pixels = vec![255; 4 * side * side];
        let mut centres = [[0.0; 2]; Cutout::MAX_HOLES];
        centres[1] = [0.5, 0.75];
        let cutout = Cutout { holes: 2, size: 0.25, centres };
        let image = apply(Transform { cutout, ..identity() }, &pixels);
        for (pixel, levels) in image.chunks_exact(4).enumerate() {
            let (x, y) = (pixel % side, pixel / side);
            // The first is clipped to one pixel, the second covers columns 3 and 4 of rows 5 and 6.
            let masked = (x < 1 && y < 1) || ((3..5).contains(&x) && (5..7).contains(&y));
            let expected = if masked { 0.0 } else { 2.0 };
            let matches = levels.iter().all(|level| (level - expected).abs() < 1e-5);
            assert!(matches, "{x} {y} {levels:?}");
        }
    }

    #[test]
    fn a_crop_is_resized_to_the_whole_image() {
        // One level per column: the right half is columns 2 and 3.
        let pixels: Vec<u8> = (0..4 * 16).map(|index| [0, 50, 100, 150][index % 4]).collect();
        let crop = Crop { size: [0.5, 1.0], position: [1.0, 0.0] };
        let image = apply(Transform { crop, ..identity() }, &pixels);
        let levels: Vec<f32> =
            image.chunks_exact(4).take(4).map(|pixel| (pixel[0] * 0.25 + 0.5) * 255.0).collect();
        for (level, expected) in levels.iter().zip([87.5, 112.5, 137.5, 150.0]) {
            assert!((level - expected).abs() < 0.01, "{levels:?}");
        }
    }

    #[test]
    fn brightness_raises_mid_levels_of_every_channel() {
        let bright = Transform { brightness: 0.6, ..identity() };
        let before = identity().level_tables(&STATISTICS);
        let after = bright.level_tables(&STATISTICS);
        assert!(before[0][100] < after[0][100] && before[3][0] >= after[3][0] - 1e-6);
    }
}

//! From stored pixels to the network's input: light, normalisation, geometry, holes.
//!
//! Light, gain and normalisation act on one grey level at a time, so they are a table of 256 floats
//! a channel; turning, rotating, zooming and cropping are one map and one bilinear resampling with
//! mirrored edges.
//!
//! Shapes: stored pixels are `[4][S][S]`, the network's input `[S][S][4]`.

use crate::data::statistics::ChannelStatistics;
use hpa_core::Channel;
use hpa_imaging::{Affine, Dihedral, Lighting};
#[cfg(any(test, feature = "cuda"))]
use hpa_ops::upload::Shown;

/// One way to look at a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// A symmetry of the square.
    pub turn: Dihedral,
    /// Rotation, counter-clockwise.
    pub degrees: f32,
    /// Magnification.
    pub zoom: f32,
    /// What the magnification leaves in its place, in half sides from the centre.
    pub focus: [f32; 2],
    /// 0.5 changes nothing.
    pub brightness: f32,
    /// 1 changes nothing.
    pub contrast: f32,
    /// The rectangle that is cut out last and stretched to the whole picture.
    pub crop: Crop,
    /// What the levels of each channel are multiplied by; white stays the most there is.
    pub gains: [f32; Channel::COUNT],
    /// What is hidden.
    pub holes: Cutout,
}

/// A rectangle of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Width and height, as parts of the side.
    pub size: [f32; 2],
    /// Where it lies: -1 at the left or top, 0 in the middle, 1 at the right or bottom.
    pub place: [f32; 2],
}

impl Crop {
    /// All of the picture.
    pub const WHOLE: Self = Self { size: [1.0; 2], place: [0.0; 2] };
}

/// Squares that show the channels' means, which are 0 after normalisation (`DeVries` & Taylor 2017,
/// arXiv 1708.04552); where they reach beyond the edge they are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutout {
    /// How many there are.
    pub count: usize,
    /// Their side, as a part of the picture's.
    pub side: f32,
    /// Where their centres lie, from 0 to 1; those beyond the count mean nothing.
    pub centres: [[f32; 2]; Self::MOST],
}

impl Cutout {
    /// No more than this many.
    pub const MOST: usize = 8;
    /// Nothing is hidden.
    pub const NONE: Self = Self { count: 0, side: 0.0, centres: [[0.0; 2]; Self::MOST] };

    /// The rectangles in pixels: columns from and to, rows from and to, the ends left out.
    fn rectangles(&self, side: usize) -> impl Iterator<Item = [usize; 4]> {
        let reach = self.side * side as f32;
        self.centres[..self.count.min(Self::MOST)].iter().map(move |[x, y]| {
            let span = |centre: f32| {
                let start = (centre * side as f32 - reach / 2.0).round().max(0.0);
                let end = (centre * side as f32 + reach / 2.0).round().min(side as f32);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and the side"
                )]
                (start as usize, end as usize)
            };
            let ((left, right), (top, bottom)) = (span(*x), span(*y));
            [left, right.max(left), top, bottom]
        })
    }

    /// Hides parts of an image `[S][S][4]`.
    fn hide(&self, image: &mut [f32], side: usize) {
        for [left, right, top, bottom] in self.rectangles(side) {
            for row in image.chunks_exact_mut(side * Channel::COUNT).take(bottom).skip(top) {
                row[left * Channel::COUNT..right * Channel::COUNT].fill(0.0);
            }
        }
    }
}

impl Transform {
    /// The sample turned, and nothing else.
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
            gains: [1.0; Channel::COUNT],
            holes: Cutout::NONE,
        }
    }

    /// Writes the network's input for stored pixels seen in this way.
    pub fn prepare(&self, statistics: &ChannelStatistics, pixels: &[u8], image: &mut [f32]) {
        let tables = self.tables(statistics);
        let area = pixels.len() / Channel::COUNT;
        let side = area.isqrt();
        if self.is_exact() {
            let turned = self.turn.apply(pixels, side);
            for (channel, plane) in turned.chunks_exact(area).enumerate() {
                let levels = plane.iter().map(|&level| tables[channel][usize::from(level)]);
                interleave(levels, channel, image);
            }
        } else {
            self.resample(&tables, pixels, image);
        }
        self.holes.hide(image, side);
    }

    /// All geometry at once.
    fn resample(&self, tables: &[Vec<f32>; Channel::COUNT], pixels: &[u8], image: &mut [f32]) {
        let area = pixels.len() / Channel::COUNT;
        let side = area.isqrt();
        let levels: Vec<f32> = pixels
            .chunks_exact(area)
            .zip(tables)
            .flat_map(|(plane, table)| plane.iter().map(|&level| table[usize::from(level)]))
            .collect();
        let resampled = self.map().resample(&levels, side);
        for (channel, plane) in resampled.chunks_exact(area).enumerate() {
            interleave(plane.iter().copied(), channel, image);
        }
    }

    fn map(&self) -> Affine {
        let map = Affine::identity().flipped(self.turn).rotated(self.degrees);
        let map = map.zoomed(self.zoom, self.focus);
        // Cutting out all of the picture would not change the map's places, but their last bits.
        if self.crop == Crop::WHOLE { map } else { map.cropped(self.crop.size, self.crop.place) }
    }

    /// The same view in a graphics card's words: the map of picture number `picture` of a batch,
    /// and the tables of its channels.
    #[cfg(any(test, feature = "cuda"))]
    pub(crate) fn shown(&self, picture: u32, side: usize) -> Shown {
        let (matrix, shift) = self.map().matrix_and_shift();
        let mut shown = Shown { matrix, shift, picture, ..Shown::default() };
        for (hole, rectangle) in shown.hole.iter_mut().zip(self.holes.rectangles(side)) {
            *hole = rectangle.map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
            shown.holes += 1;
        }
        shown
    }

    /// Whether pixels are only moved, never mixed.
    #[expect(clippy::float_cmp, reason = "set to exactly this where nothing is done")]
    fn is_exact(&self) -> bool {
        self.degrees == 0.0 && self.zoom == 1.0 && self.crop == Crop::WHOLE
    }

    /// What each grey level of each channel becomes.
    pub(crate) fn tables(&self, statistics: &ChannelStatistics) -> [Vec<f32>; Channel::COUNT] {
        let light =
            Lighting::new(self.brightness, self.contrast).unwrap_or_default().lookup_table();
        std::array::from_fn(|channel| {
            let (mean, std) = (statistics.mean[channel], statistics.std[channel]);
            let gain = self.gains[channel];
            light.iter().map(|level| ((gain * level).min(1.0) - mean) / std).collect()
        })
    }
}

fn interleave(plane: impl Iterator<Item = f32>, channel: usize, image: &mut [f32]) {
    for (pixel, level) in image.chunks_exact_mut(Channel::COUNT).zip(plane) {
        pixel[channel] = level;
    }
}

#[cfg(test)]
#[path = "transform_tests.rs"]
mod tests;

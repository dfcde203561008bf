//! From stored pixels to the network's input: light, normalisation, geometry.
//!
//! Light and normalisation act on one grey level at a time, so they are a table of 256 floats a
//! channel; turning, rotating and zooming are one map and one resampling. What a sample gets is
//! drawn from (seed, epoch, sample id) alone: the same for any number of threads, in any order.
//!
//! The ranges are fastai 1.0's `get_transforms`: rotation and zoom happen with a probability
//! each, the zoom about a random point; `lighting = m` draws brightness from 0.5(1 ∓ m) and
//! contrast from 1 − m to 1/(1 − m).
//!
//! Shapes: stored pixels are `[4][S][S]`, the network's input `[S][S][4]`.

use crate::statistics::ChannelStatistics;
use hpa_core::{Channel, Rng, SampleId, Seed};
use hpa_imaging::{Affine, Dihedral, Lighting};
use serde::{Deserialize, Serialize};

/// How far samples are changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Turn and mirror: each of the eight symmetries of the square is equally likely.
    pub d4: bool,
    /// Rotate by up to this many degrees either way, 0 to 180.
    pub rotate_degrees: f64,
    /// Magnify up to this many times, at least 1.
    pub zoom: f64,
    /// Change brightness and contrast by up to this part, 0 to below 1.
    pub lighting: f64,
    /// How likely each of rotation, zoom and lighting is.
    pub probability: f64,
}

impl Augmentation {
    /// Samples as they are.
    pub const NONE: Self =
        Self { d4: false, rotate_degrees: 0.0, zoom: 1.0, lighting: 0.0, probability: 0.0 };

    /// What one sample gets in one epoch.
    #[must_use]
    pub fn draw(&self, seed: Seed, epoch: u64, id: &SampleId) -> View {
        let mut rng = seed.derive("augmentation").child(epoch).derive(id.as_str()).rng();
        // Every number is drawn whatever the settings, so that changing one leaves the others.
        let turn = rng.below(Dihedral::COUNT);
        let degrees = self.chosen(&mut rng, -self.rotate_degrees, self.rotate_degrees);
        let zoom = self.chosen(&mut rng, 1.0, self.zoom);
        let focus = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
        let m = self.lighting;
        let brightness = self.chosen(&mut rng, 0.5 * (1.0 - m), 0.5 * (1.0 + m));
        let contrast = self.chosen(&mut rng, 1.0 - m, (1.0 - m).recip());
        #[expect(clippy::cast_possible_truncation, reason = "places and levels are 32-bit")]
        View {
            turn: Dihedral::from_index(if self.d4 { turn } else { 0 }).unwrap_or_default(),
            degrees: degrees.unwrap_or(0.0) as f32,
            zoom: zoom.unwrap_or(1.0) as f32,
            focus: focus.map(|place| place as f32),
            brightness: brightness.unwrap_or(0.5) as f32,
            contrast: contrast.unwrap_or(1.0) as f32,
        }
    }

    /// A number from a range, with the augmentation's probability.
    fn chosen(&self, rng: &mut Rng, low: f64, high: f64) -> Option<f64> {
        let (chosen, value) = (rng.chance(self.probability), rng.range(low, high));
        chosen.then_some(value)
    }
}

/// One way to look at a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
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
}

impl View {
    /// The sample turned, and nothing else.
    #[must_use]
    pub const fn turned(turn: Dihedral) -> Self {
        let focus = [0.0; 2];
        Self { turn, degrees: 0.0, zoom: 1.0, focus, brightness: 0.5, contrast: 1.0 }
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
            return;
        }
        let levels: Vec<f32> = pixels
            .chunks_exact(area)
            .zip(&tables)
            .flat_map(|(plane, table)| plane.iter().map(|&level| table[usize::from(level)]))
            .collect();
        let map = Affine::identity().turned(self.turn).rotated(self.degrees);
        let resampled = map.zoomed(self.zoom, self.focus).resample(&levels, side);
        for (channel, plane) in resampled.chunks_exact(area).enumerate() {
            interleave(plane.iter().copied(), channel, image);
        }
    }

    /// Whether pixels are only moved, never mixed.
    #[expect(clippy::float_cmp, reason = "set to exactly this where nothing is done")]
    fn is_exact(&self) -> bool {
        self.degrees == 0.0 && self.zoom == 1.0
    }

    /// What each grey level of each channel becomes.
    fn tables(&self, statistics: &ChannelStatistics) -> [Vec<f32>; Channel::COUNT] {
        let light = Lighting::new(self.brightness, self.contrast).unwrap_or_default().table();
        std::array::from_fn(|channel| {
            let (mean, std) = (statistics.mean[channel], statistics.std[channel]);
            light.iter().map(|level| (level - mean) / std).collect()
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
    const EXTREME: Augmentation = Augmentation {
        d4: true,
        rotate_degrees: 90.0,
        zoom: 1.5,
        lighting: 0.05,
        probability: 0.75,
    };

    fn id(text: &str) -> SampleId {
        text.parse().unwrap()
    }

    fn prepared(view: View, pixels: &[u8]) -> Vec<f32> {
        let mut image = vec![0.0; pixels.len()];
        view.prepare(&STATISTICS, pixels, &mut image);
        image
    }

    #[test]
    fn a_sample_as_it_is_is_normalised_and_interleaved() {
        // [4][2][2]: red 0..4, green 10.., blue 20.., yellow 30..
        let pixels: Vec<u8> = (0..4).flat_map(|c| (0..4).map(move |p| c * 10 + p)).collect();
        let image = prepared(View::turned(Dihedral::default()), &pixels);
        let expected = |level: u8| (f32::from(level) / 255.0 - 0.5) / 0.25;
        for (pixel, channels) in image.chunks_exact(4).enumerate() {
            for (channel, value) in channels.iter().enumerate() {
                assert!((value - expected(pixels[channel * 4 + pixel])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_view_depends_on_seed_epoch_and_sample_alone() {
        let draw = |seed, epoch, name| EXTREME.draw(Seed::new(seed), epoch, &id(name));
        assert_eq!(draw(1, 2, "a"), draw(1, 2, "a"));
        let others = [draw(2, 2, "a"), draw(1, 3, "a"), draw(1, 2, "b")];
        assert!(others.iter().all(|other| *other != draw(1, 2, "a")));
        assert_eq!(
            Augmentation::NONE.draw(Seed::new(1), 0, &id("a")).tables(&STATISTICS),
            View::turned(Dihedral::default()).tables(&STATISTICS)
        );
    }

    #[test]
    fn views_stay_in_their_ranges_and_happen_as_often_as_they_should() {
        let views: Vec<View> =
            (0..4000).map(|n| EXTREME.draw(Seed::new(5), 0, &id(&n.to_string()))).collect();
        let share = |happened: &dyn Fn(&View) -> bool| {
            views.iter().filter(|view| happened(view)).count() as f64 / views.len() as f64
        };
        assert!((share(&|view| view.degrees != 0.0) - 0.75).abs() < 0.03);
        assert!((share(&|view| view.zoom > 1.0) - 0.75).abs() < 0.03);
        assert!((share(&|view| view.turn.index() == 5) - 0.125).abs() < 0.02);
        assert!(views.iter().all(|view| view.degrees.abs() <= 90.0 && view.zoom <= 1.5));
        assert!(views.iter().all(|view| (0.475..=0.525).contains(&view.brightness)));
        assert!(views.iter().all(|view| (0.95..=1.0527).contains(&view.contrast)));
    }

    #[test]
    fn a_turn_moves_pixels_and_a_resampled_turn_agrees() {
        let pixels: Vec<u8> = (0..4 * 25).collect();
        let turn = Dihedral::from_index(5).unwrap();
        let moved = prepared(View::turned(turn), &pixels);
        let nearly = View { zoom: 1.000_001, ..View::turned(turn) };
        let resampled = prepared(nearly, &pixels);
        assert!(moved.iter().zip(&resampled).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}

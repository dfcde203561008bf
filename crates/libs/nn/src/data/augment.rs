//! How samples are changed in training.
//!
//! What a sample gets is drawn from (seed, epoch, sample id) alone: the same for any number of
//! threads, in any order. A sample that stands several times in an epoch gets another view each time.
//!
//! Sources: rotation, zoom and light are fastai 1.0's `get_transforms` (rotation and zoom happen with
//! a probability each, the zoom about a random point; `lighting = m` draws brightness from
//! 0.5(1 ∓ m) and contrast from 1 − m to 1/(1 − m)); the random crop is torchvision's
//! `RandomResizedCrop`; holes are cutout (`view.rs`), mixing is mixup (`mixup.rs`).

use crate::data::mixup::Mixup;
use crate::data::transform::{Crop, Cutout, Transform};
use hpa_core::{Channel, Rng, SampleId, Seed};
use hpa_imaging::Dihedral;
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
    /// How likely each of rotation, zoom, brightness, contrast, gain and holes is.
    pub probability: f64,
    /// The least part of the area that a random crop keeps, above 0; 1 cuts nothing.
    pub crop_area: f64,
    /// The longest a crop's side is in relation to the other, at least 1.
    pub crop_aspect: f64,
    /// Multiply each channel by a factor of its own, by up to this part either way, 0 to below 1.
    pub gain: f64,
    /// How many squares are hidden.
    pub cutout_holes: usize,
    /// Their side as a part of the picture's.
    pub cutout_side: f64,
    /// α of mixup's Beta(α, α); 0 mixes nothing.
    pub mixup: f64,
}

/// How often torchvision tries to find a crop that fits.
const CROP_TRIES: usize = 10;

impl Augmentation {
    /// Samples as they are.
    pub const NONE: Self = Self {
        d4: false,
        rotate_degrees: 0.0,
        zoom: 1.0,
        lighting: 0.0,
        probability: 0.0,
        crop_area: 1.0,
        crop_aspect: 4.0 / 3.0,
        gain: 0.0,
        cutout_holes: 0,
        cutout_side: 0.25,
        mixup: 0.0,
    };

    /// What one sample gets in one epoch, when it comes for the `copy`-th time, from 0.
    #[must_use]
    pub fn draw(&self, seed: Seed, epoch: u64, id: &SampleId, copy: u32) -> Transform {
        let stream = |purpose: &str| {
            let seed = seed.derive(purpose).child(epoch).derive(id.as_str());
            if copy == 0 { seed.rng() } else { seed.child(copy.into()).rng() }
        };
        // Every number is drawn whatever the settings, so that changing one leaves the others.
        let mut rng = stream("augmentation");
        let turn = rng.below(Dihedral::COUNT);
        let degrees = self.chosen(&mut rng, -self.rotate_degrees, self.rotate_degrees);
        let zoom = self.chosen(&mut rng, 1.0, self.zoom);
        let focus = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
        let m = self.lighting;
        let brightness = self.chosen(&mut rng, 0.5 * (1.0 - m), 0.5 * (1.0 + m));
        let contrast = self.chosen(&mut rng, 1.0 - m, (1.0 - m).recip());
        #[expect(clippy::cast_possible_truncation, reason = "places and levels are 32-bit")]
        Transform {
            turn: Dihedral::from_index(if self.d4 { turn } else { 0 }).unwrap_or_default(),
            degrees: degrees.unwrap_or(0.0) as f32,
            zoom: zoom.unwrap_or(1.0) as f32,
            focus: focus.map(|place| place as f32),
            brightness: brightness.unwrap_or(0.5) as f32,
            contrast: contrast.unwrap_or(1.0) as f32,
            crop: self.crop(&mut stream("random crop")),
            gains: self.gains(&mut stream("gain of channels")),
            holes: self.holes(&mut stream("cutout")),
        }
    }

    /// How the samples of an epoch are mixed, if they are.
    #[must_use]
    pub fn mixing(&self, seed: Seed, epoch: u64) -> Option<Mixup> {
        (self.mixup > 0.0).then_some(Mixup { alpha: self.mixup, seed, epoch })
    }

    /// A number from a range, with the augmentation's probability.
    fn chosen(&self, rng: &mut Rng, low: f64, high: f64) -> Option<f64> {
        let (chosen, value) = (rng.bernoulli(self.probability), rng.range(low, high));
        chosen.then_some(value)
    }

    /// torchvision's: an area, then the logarithm of the ratio of the sides, both uniform; ten tries
    /// to fit into the picture, then all of it.
    fn crop(&self, rng: &mut Rng) -> Crop {
        if self.crop_area >= 1.0 {
            return Crop::WHOLE;
        }
        for _ in 0..CROP_TRIES {
            let area = rng.range(self.crop_area, 1.0);
            let ratio = rng.range(-self.crop_aspect.ln(), self.crop_aspect.ln()).exp();
            let size = [(area * ratio).sqrt(), (area / ratio).sqrt()];
            if size.iter().all(|&part| part <= 1.0) {
                let place = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
                #[expect(clippy::cast_possible_truncation, reason = "places are 32-bit")]
                let [size, place] = [size, place].map(|pair| pair.map(|part| part as f32));
                return Crop { size, place };
            }
        }
        Crop::WHOLE
    }

    fn gains(&self, rng: &mut Rng) -> [f32; Channel::COUNT] {
        if self.gain == 0.0 || !rng.bernoulli(self.probability) {
            return [1.0; Channel::COUNT];
        }
        #[expect(clippy::cast_possible_truncation, reason = "levels are 32-bit")]
        std::array::from_fn(|_| rng.range(1.0 - self.gain, 1.0 + self.gain) as f32)
    }

    fn holes(&self, rng: &mut Rng) -> Cutout {
        if self.cutout_holes == 0 || !rng.bernoulli(self.probability) {
            return Cutout::NONE;
        }
        let count = self.cutout_holes.min(Cutout::MOST);
        #[expect(clippy::cast_possible_truncation, reason = "places are 32-bit")]
        let centres = std::array::from_fn(|_| [rng.uniform() as f32, rng.uniform() as f32]);
        #[expect(clippy::cast_possible_truncation, reason = "places are 32-bit")]
        let side = self.cutout_side as f32;
        Cutout { count, side, centres }
    }
}

#[cfg(test)]
#[path = "augment_tests.rs"]
mod tests;

//! Random augmentation of training samples.
//!
//! A sample's transform is drawn from (seed, epoch, sample id) alone: the same for any number of
//! threads, in any order. A sample that occurs several times in an epoch is augmented differently
//! each time.
//!
//! Sources: rotation, zoom and lighting are fastai 1.0's `get_transforms` (each with its own
//! probability, the zoom about a random point; `lighting = m` draws brightness from 0.5(1 ∓ m) and
//! contrast from 1 − m to 1/(1 − m)); the random crop is torchvision's `RandomResizedCrop`; cutout
//! is in `transform.rs`, mixup in `mixup.rs`.

use crate::config::AugmentConfig;
use crate::data::mixup::Mixup;
use crate::data::transform::{Crop, Cutout, Transform};
use hpa_core::{Channel, Rng, SampleId, Seed};
use hpa_imaging::Dihedral;

/// Attempts of torchvision's `RandomResizedCrop` to find a crop that fits.
const CROP_ATTEMPTS: usize = 10;

impl AugmentConfig {
    /// The transform of a sample in an epoch; `copy` counts its earlier occurrences in the epoch.
    #[must_use]
    pub fn draw(&self, seed: Seed, epoch: u64, id: &SampleId, copy: u32) -> Transform {
        let stream = |purpose: &str| {
            let seed = seed.derive(purpose).child(epoch).derive(id.as_str());
            if copy == 0 { seed.rng() } else { seed.child(copy.into()).rng() }
        };
        // All numbers are drawn whatever the settings, so that one setting does not affect others.
        let mut rng = stream("augmentation");
        let turn = rng.below(Dihedral::COUNT);
        let degrees = self.maybe(&mut rng, -self.rotate_degrees, self.rotate_degrees);
        let zoom = self.maybe(&mut rng, 1.0, self.zoom);
        let focus = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
        let m = self.lighting;
        let brightness = self.maybe(&mut rng, 0.5 * (1.0 - m), 0.5 * (1.0 + m));
        let contrast = self.maybe(&mut rng, 1.0 - m, (1.0 - m).recip());
        #[expect(clippy::cast_possible_truncation, reason = "coordinates and levels are f32")]
        Transform {
            turn: Dihedral::from_index(if self.d4 { turn } else { 0 }).unwrap_or_default(),
            degrees: degrees.unwrap_or(0.0) as f32,
            zoom: zoom.unwrap_or(1.0) as f32,
            focus: focus.map(|coordinate| coordinate as f32),
            brightness: brightness.unwrap_or(0.5) as f32,
            contrast: contrast.unwrap_or(1.0) as f32,
            crop: self.random_resized_crop(&mut stream("random crop")),
            channel_gains: self.channel_gains(&mut stream("gain of channels")),
            cutout: self.cutout(&mut stream("cutout")),
        }
    }

    /// Mixup of an epoch, if it is on.
    #[must_use]
    pub fn mixup(&self, seed: Seed, epoch: u64) -> Option<Mixup> {
        (self.mixup > 0.0).then_some(Mixup { alpha: self.mixup, seed, epoch })
    }

    /// A number from a range, with the augmentation's probability.
    fn maybe(&self, rng: &mut Rng, low: f64, high: f64) -> Option<f64> {
        let is_applied = rng.bernoulli(self.probability);
        let value = rng.range(low, high);
        is_applied.then_some(value)
    }

    /// torchvision's `RandomResizedCrop`: the area and the logarithm of the aspect ratio are
    /// uniform; the whole image after ten attempts that do not fit.
    fn random_resized_crop(&self, rng: &mut Rng) -> Crop {
        if self.crop_scale >= 1.0 {
            return Crop::WHOLE;
        }
        for _ in 0..CROP_ATTEMPTS {
            let area = rng.range(self.crop_scale, 1.0);
            let ratio = rng.range(-self.crop_ratio.ln(), self.crop_ratio.ln()).exp();
            let size = [(area * ratio).sqrt(), (area / ratio).sqrt()];
            if size.iter().all(|&side| side <= 1.0) {
                let position = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
                #[expect(clippy::cast_possible_truncation, reason = "coordinates are f32")]
                let [size, position] = [size, position].map(|pair| pair.map(|value| value as f32));
                return Crop { size, position };
            }
        }
        Crop::WHOLE
    }

    fn channel_gains(&self, rng: &mut Rng) -> [f32; Channel::COUNT] {
        if self.channel_gain == 0.0 || !rng.bernoulli(self.probability) {
            return [1.0; Channel::COUNT];
        }
        let gain = self.channel_gain;
        #[expect(clippy::cast_possible_truncation, reason = "levels are f32")]
        std::array::from_fn(|_| rng.range(1.0 - gain, 1.0 + gain) as f32)
    }

    fn cutout(&self, rng: &mut Rng) -> Cutout {
        if self.cutout_holes == 0 || !rng.bernoulli(self.probability) {
            return Cutout::NONE;
        }
        let holes = self.cutout_holes.min(Cutout::MAX_HOLES);
        #[expect(clippy::cast_possible_truncation, reason = "coordinates are f32")]
        let centres = std::array::from_fn(|_| [rng.uniform() as f32, rng.uniform() as f32]);
        #[expect(clippy::cast_possible_truncation, reason = "coordinates are f32")]
        let size = self.cutout_size as f32;
        Cutout { holes, size, centres }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTREME: AugmentConfig = AugmentConfig {
        d4: true,
        rotate_degrees: 90.0,
        zoom: 1.5,
        lighting: 0.05,
        probability: 0.75,
        crop_scale: 0.5,
        channel_gain: 0.2,
        cutout_holes: 2,
        ..AugmentConfig::NONE
    };

    fn id(text: &str) -> SampleId {
        text.parse().unwrap()
    }

    fn transforms(augment: AugmentConfig) -> Vec<Transform> {
        (0..4000).map(|n| augment.draw(Seed::new(5), 0, &id(&n.to_string()), 0)).collect()
    }

    fn fraction(transforms: &[Transform], condition: impl Fn(&Transform) -> bool) -> f64 {
        transforms.iter().filter(|it| condition(it)).count() as f64 / transforms.len() as f64
    }

    #[test]
    fn a_transform_depends_on_seed_epoch_sample_and_copy_alone() {
        let draw = |seed, epoch, name, copy| EXTREME.draw(Seed::new(seed), epoch, &id(name), copy);
        assert_eq!(draw(1, 2, "a", 0), draw(1, 2, "a", 0));
        let others =
            [draw(2, 2, "a", 0), draw(1, 3, "a", 0), draw(1, 2, "b", 0), draw(1, 2, "a", 1)];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(*other, draw(1, 2, "a", 0), "{index}");
            assert!(others[..index].iter().all(|earlier| earlier != other), "{index}");
        }
        let nothing = AugmentConfig::NONE.draw(Seed::new(1), 0, &id("a"), 0);
        assert_eq!(
            Transform { focus: [0.0; 2], ..nothing },
            Transform::turned(Dihedral::default())
        );
    }

    #[test]
    fn crop_gain_and_cutout_do_not_affect_the_other_draws() {
        let old = AugmentConfig { crop_scale: 1.0, channel_gain: 0.0, cutout_holes: 0, ..EXTREME };
        for (new, old) in transforms(EXTREME).iter().zip(transforms(old)) {
            let plain = Transform {
                crop: Crop::WHOLE,
                channel_gains: [1.0; 4],
                cutout: Cutout::NONE,
                ..*new
            };
            assert_eq!(plain, old);
        }
    }

    #[test]
    fn transforms_stay_in_range_and_have_their_probability() {
        let transforms = transforms(EXTREME);
        assert!((fraction(&transforms, |it| it.degrees != 0.0) - 0.75).abs() < 0.03);
        assert!((fraction(&transforms, |it| it.zoom > 1.0) - 0.75).abs() < 0.03);
        assert!((fraction(&transforms, |it| it.turn.index() == 5) - 0.125).abs() < 0.02);
        assert!(transforms.iter().all(|it| it.degrees.abs() <= 90.0 && it.zoom <= 1.5));
        assert!(transforms.iter().all(|it| (0.475..=0.525).contains(&it.brightness)));
        assert!(transforms.iter().all(|it| (0.95..=1.0527).contains(&it.contrast)));
        assert!(
            (fraction(&transforms, |it| it
                .channel_gains
                .iter()
                .any(|gain| (gain - 1.0).abs() > 1e-6))
                - 0.75)
                .abs()
                < 0.03
        );
        assert!(
            transforms
                .iter()
                .flat_map(|it| it.channel_gains)
                .all(|gain| (0.8..=1.2).contains(&gain))
        );
        assert!((fraction(&transforms, |it| it.cutout.holes == 2) - 0.75).abs() < 0.03);
        assert!(
            transforms
                .iter()
                .all(|it| it.cutout.holes == 0 || (it.cutout.size - 0.25).abs() < 1e-6)
        );
    }

    #[test]
    fn crops_keep_their_scale_and_ratio_and_fit() {
        let transforms = transforms(EXTREME);
        let crops: Vec<Crop> = transforms.iter().map(|it| it.crop).collect();
        for Crop { size: [width, height], position } in &crops {
            assert!(*width <= 1.0 && *height <= 1.0 && (0.4999..=1.0).contains(&(width * height)));
            assert!((0.7499..=1.3334).contains(&(width / height)), "{width} {height}");
            assert!(position.iter().all(|coordinate| coordinate.abs() <= 1.0));
        }
        // Areas are uniform except those that do not fit: their mean is a little below 3/4.
        let mean = crops.iter().map(|c| f64::from(c.size[0] * c.size[1])).sum::<f64>() / 4000.0;
        assert!((0.68..0.75).contains(&mean), "{mean}");
        assert!(fraction(&transforms, |it| it.crop == Crop::WHOLE) < 0.01);
    }
}

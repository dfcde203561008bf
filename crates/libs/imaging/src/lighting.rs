//! Brightness and contrast augmentation as in fastai, without its logits.
//!
//! fastai treats a level x in [0, 1] as a probability: it adds `logit(change)` to `logit(x)`
//! for brightness and multiplies `logit(x)` by `scale` for contrast. On the odds
//! x / (1 - x) these are a factor and a power, so with o = x^scale and p = (1 - x)^scale
//!
//! > x' = k·o / (k·o + p), k = change / (1 - change)
//!
//! which is also defined at 0 and 1, where logits are infinite: black and white stay, and no
//! level leaves [0, 1]. Brightness .5 and contrast 1 change nothing.
//! Source: fastai 1.0, `vision/transform.py`, `brightness` and `contrast`; its
//! `max_lighting = m` draws change from .5(1 - m) to .5(1 + m) and scale from 1 - m to
//! 1 / (1 - m).

/// A change of brightness and contrast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lighting {
    odds: f32,
    power: f32,
}

impl Lighting {
    /// A brightness strictly between 0 and 1 (.5 changes nothing) and a contrast above 0 (1
    /// changes nothing); none outside these ranges.
    #[must_use]
    pub fn new(brightness: f32, contrast: f32) -> Option<Self> {
        let valid = brightness > 0.0 && brightness < 1.0 && contrast > 0.0 && contrast.is_finite();
        valid.then(|| Self { odds: brightness / (1.0 - brightness), power: contrast })
    }

    /// The new level of one level in [0, 1]; others are clamped first.
    #[must_use]
    pub fn apply(&self, level: f32) -> f32 {
        let level = level.clamp(0.0, 1.0);
        let bright = self.odds * level.powf(self.power);
        let dark = (1.0 - level).powf(self.power);
        bright / (bright + dark)
    }

    /// Lookup table: the new level in [0, 1] of each of the 256 grey levels.
    #[must_use]
    pub fn lookup_table(&self) -> Vec<f32> {
        (0..=u8::MAX).map(|level| self.apply(f32::from(level) / 255.0)).collect()
    }
}

impl Default for Lighting {
    /// No change.
    fn default() -> Self {
        Self { odds: 1.0, power: 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// fastai's formula.
    fn by_logits(level: f32, brightness: f32, contrast: f32) -> f32 {
        let logit = |x: f32| (x / (1.0 - x)).ln();
        let moved = (logit(level) * contrast) + logit(brightness);
        1.0 / (1.0 + (-moved).exp())
    }

    #[test]
    fn the_odds_form_is_the_logit_form() {
        for (brightness, contrast) in [(0.4, 1.25), (0.55, 0.8), (0.5, 1.0)] {
            let lighting = Lighting::new(brightness, contrast).unwrap();
            for level in [0.01, 0.2, 0.5, 0.77, 0.99] {
                let expected = by_logits(level, brightness, contrast);
                assert!((lighting.apply(level) - expected).abs() < 1e-5, "{level}");
            }
        }
    }

    #[test]
    fn black_and_white_stay_and_the_default_changes_nothing() {
        let lighting = Lighting::new(0.7, 0.6).unwrap();
        assert_eq!((lighting.apply(0.0), lighting.apply(1.0)), (0.0, 1.0));
        let table = Lighting::default().lookup_table();
        assert!(
            table.iter().zip(0u8..).all(|(v, level)| (v * 255.0 - f32::from(level)).abs() < 1e-3)
        );
    }

    #[test]
    fn brightness_of_0_or_1_and_contrast_of_0_are_refused() {
        for (brightness, contrast) in [(0.0, 1.0), (1.0, 1.0), (f32::NAN, 1.0), (0.5, 0.0)] {
            assert_eq!(Lighting::new(brightness, contrast), None);
        }
    }
}

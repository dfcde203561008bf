//! Optics and camera: stain to 8-bit pixels.
//!
//! Point-spread function (a Gaussian, Zhang et al., Appl. Opt. 2007) with a wide haze of
//! out-of-focus light, non-uniform illumination, exposure, shot noise (Poisson), read noise, and the black
//! level that leaves most of an empty field at exactly 0.

use crate::config::SynthConfig;
use crate::plane::Plane;
use crate::texture::Texture;
use hpa_core::{Rng, Seed};

/// Share of the light that comes from out of focus.
const HAZE: f64 = 0.12;

/// An 8-bit image of this stain; `brightness` is that of the brightest structures, 1 is white.
#[must_use]
pub(crate) fn expose(stain: &Plane, brightness: f64, config: &SynthConfig, seed: Seed) -> Vec<u8> {
    let mut rng = seed.rng();
    let sharp = stain.blurred(config.psf_sigma_px * rng.range(0.8, 1.3));
    let haze = sharp.blurred(5.0 * config.psf_sigma_px + 1.0);
    let mut light = sharp;
    for (index, &veil) in haze.values().iter().enumerate() {
        let focused = light.at(index);
        light.set(index, (1.0 - HAZE) * focused + HAZE * f64::from(veil));
    }
    let exposure = brightness / exposed_level(&light);
    let shade = Texture::new(seed.derive("shade"), 0.6 * config.size_px as f64);
    let size = stain.size();
    (0..size * size)
        .map(|index| {
            let at = crate::plane::Point { x: (index % size) as f64, y: (index / size) as f64 };
            let illumination =
                1.0 + config.illumination_nonuniformity * (2.0 * shade.value(at) - 1.0);
            let signal = (light.at(index) * exposure + config.background) * illumination;
            grey(camera(signal, config, &mut rng))
        })
        .collect()
}

/// The stain level that exposure scales to `brightness`: near the maximum, but more robust.
fn exposed_level(light: &Plane) -> f64 {
    f64::midpoint(light.quantile(0.995), light.quantile(0.9995)).max(1e-3)
}

/// The camera's reading of a signal relative to white.
fn camera(signal: f64, config: &SynthConfig, rng: &mut Rng) -> f64 {
    let shot = rng.poisson(signal * config.photons) / config.photons;
    // The black level sits above the background's own noise, as in the real images.
    let black = config.background + (config.background / config.photons).sqrt();
    shot + config.read_noise * rng.normal() - black
}

fn grey(value: f64) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let grey = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    grey
}

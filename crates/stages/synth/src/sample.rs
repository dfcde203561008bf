//! One sample: labels in, four pictures out.

use crate::layout::lay_out;
use crate::plane::Plane;
use crate::scene::{Region, Scene};
use crate::settings::Settings;
use crate::texture::Texture;
use crate::{filaments, optics, patterns, references};
use hpa_core::{Channel, LabelSet, Rng, Seed};

/// Pictures of the same field of cells, one a channel in tensor order; row by row.
pub type Pictures = [Vec<u8>; Channel::COUNT];

/// Draws a field of cells whose protein is where the labels say.
///
/// `brightness` is a factor on the exposure of all channels, 1 for the training part.
#[must_use]
pub fn draw_sample(
    settings: &Settings,
    labels: &LabelSet,
    brightness: f64,
    seed: Seed,
) -> Pictures {
    let mut rng = seed.rng();
    let (line, cells) = lay_out(settings, patterns::needs(labels), &mut rng);
    let mut scene = Scene::new(settings.size_px, cells);
    scene.microtubules = filaments::microtubules(&scene, line.filaments, &mut rng);
    let stains = [
        references::microtubules(&scene, seed.derive("microtubules")),
        protein(&scene, settings, labels, seed.derive("protein")),
        references::nuclei(&scene, seed.derive("nuclei")),
        references::reticulum(&scene, &line, seed.derive("reticulum")),
    ];
    Channel::ALL.map(|channel| {
        let exposure = brightness * exposure(channel, &mut rng);
        let seed = seed.derive("optics").child(channel.index() as u64);
        optics::picture(&stains[channel.index()], exposure, settings, seed)
    })
}

/// Brightness of the brightest structures relative to white. Real pictures differ widely in
/// it, the protein's most: medians and spreads as in the competition's training set.
fn exposure(channel: Channel, rng: &mut Rng) -> f64 {
    let (median, spread) = match channel {
        Channel::Green => (0.6, 0.4),
        Channel::Red | Channel::Blue | Channel::Yellow => (0.75, 0.25),
    };
    median * (spread * rng.normal()).clamp(-0.9, 0.5).exp()
}

/// The stain of the protein of interest: its places, and what sticks anywhere.
#[must_use]
pub(crate) fn protein(scene: &Scene, settings: &Settings, labels: &LabelSet, seed: Seed) -> Plane {
    let mut plane = Plane::new(scene.size);
    let mut rng = seed.derive("strengths").rng();
    for label in labels.as_slice() {
        let strength = rng.range(settings.label_strength_min, 1.0);
        let seed = seed.child(u64::from(label.get()));
        patterns::paint(label.get(), scene, strength, seed, &mut plane);
    }
    for value in plane.values_mut() {
        *value = value.max(0.0);
    }
    let height = settings.unspecific_staining * rng.range(0.3, 1.0);
    stick_anywhere(scene, height, seed.derive("unspecific"), &mut plane);
    plane
}

fn stick_anywhere(scene: &Scene, height: f64, seed: Seed, plane: &mut Plane) {
    let grain = Texture::new(seed, 1.2 * scene.micrometre);
    for cell in 0..scene.cells.len() {
        for index in scene.pixels(cell, Region::Cell) {
            plane.add(index, height * (0.4 + 1.2 * grain.grain(scene.point(index))));
        }
    }
}

//! Drawing of one sample: labels to four channel images.

use crate::config::SynthConfig;
use crate::layout::lay_out;
use crate::plane::Plane;
use crate::scene::{Region, Scene};
use crate::texture::Texture;
use crate::{filaments, optics, patterns, references};
use hpa_core::{Channel, LabelSet, Rng, Seed};

/// Images of the same field of cells, one per channel in tensor order; row-major.
pub type ChannelImages = [Vec<u8>; Channel::COUNT];

/// Draws a field of cells with the protein at the places of the labels.
///
/// `brightness` is a factor on the exposure of all channels, 1 for the training split.
#[must_use]
pub fn draw_images(
    config: &SynthConfig,
    labels: &LabelSet,
    brightness: f64,
    seed: Seed,
) -> ChannelImages {
    let mut rng = seed.rng();
    let (line, cells) = lay_out(config, patterns::needs(labels), &mut rng);
    let mut scene = Scene::new(config.size_px, cells);
    scene.microtubules = filaments::microtubules(&scene, line.filaments, &mut rng);
    let stains = [
        references::microtubules(&scene, seed.derive("microtubules")),
        protein(&scene, config, labels, seed.derive("protein")),
        references::nuclei(&scene, seed.derive("nuclei")),
        references::reticulum(&scene, &line, seed.derive("reticulum")),
    ];
    Channel::ALL.map(|channel| {
        let exposure = brightness * exposure(channel, &mut rng);
        let seed = seed.derive("optics").child(channel.index() as u64);
        optics::expose(&stains[channel.index()], exposure, config, seed)
    })
}

/// Brightness of the brightest structures relative to white: medians and spreads of the
/// competition's training set, where the protein channel varies most.
fn exposure(channel: Channel, rng: &mut Rng) -> f64 {
    let (median, spread) = match channel {
        Channel::Green => (0.6, 0.4),
        Channel::Red | Channel::Blue | Channel::Yellow => (0.75, 0.25),
    };
    median * (spread * rng.normal()).clamp(-0.9, 0.5).exp()
}

/// The stain of the protein of interest: the pattern of each label, and unspecific staining.
#[must_use]
pub(crate) fn protein(scene: &Scene, config: &SynthConfig, labels: &LabelSet, seed: Seed) -> Plane {
    let mut plane = Plane::new(scene.size);
    let mut rng = seed.derive("strengths").rng();
    for label in labels.as_slice() {
        let strength = rng.range(config.label_strength_min, 1.0);
        let seed = seed.child(u64::from(label.get()));
        patterns::paint(label.get(), scene, strength, seed, &mut plane);
    }
    for value in plane.values_mut() {
        *value = value.max(0.0);
    }
    let height = config.unspecific_staining * rng.range(0.3, 1.0);
    add_unspecific_staining(scene, height, seed.derive("unspecific"), &mut plane);
    plane
}

fn add_unspecific_staining(scene: &Scene, height: f64, seed: Seed, plane: &mut Plane) {
    let grain = Texture::new(seed, 1.2 * scene.micrometre);
    for cell in 0..scene.cells.len() {
        for index in scene.pixels(cell, Region::Cell) {
            plane.add(index, height * (0.4 + 1.2 * grain.grain(scene.point(index))));
        }
    }
}

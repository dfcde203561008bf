//! Reference channels: nucleus (blue), microtubules (red), endoplasmic reticulum (yellow).

use crate::canvas::Canvas;
use crate::cell::{CellLine, Phase};
use crate::patterns;
use crate::plane::Plane;
use crate::scene::{Region, Scene};
use crate::texture::Texture;
use hpa_core::Seed;

/// DNA: mottled chromatin, darker in nucleoli, bright when condensed.
#[must_use]
pub(crate) fn nuclei(scene: &Scene, seed: Seed) -> Plane {
    let mut plane = Plane::new(scene.size);
    let chromatin = Texture::new(seed.derive("chromatin"), 1.4 * scene.micrometre);
    let mut rng = seed.rng();
    for (number, cell) in scene.cells.iter().enumerate() {
        // DNA content doubles in replication, and the stain varies.
        let dna = rng.range(0.55, 1.1);
        let condensed = cell.phase != Phase::Interphase;
        let mut canvas = Canvas::new(scene, number, if condensed { 1.5 } else { dna }, &mut plane);
        canvas.fill(Region::Nucleus, |index| {
            let rim = (scene.depth(index) / 1.2).min(1.0);
            (0.45 + 0.8 * chromatin.grain(scene.point(index))) * (0.4 + 0.6 * rim)
        });
        for nucleolus in &cell.nucleoli {
            canvas.blob(Region::Nucleus, nucleolus.center, nucleolus.radius, -0.45);
        }
    }
    for value in plane.values_mut() {
        *value = value.max(0.0);
    }
    plane
}

/// Tubulin: the lines of every cell, a haze of free tubulin, the bundle between daughters.
#[must_use]
pub(crate) fn microtubules(scene: &Scene, seed: Seed) -> Plane {
    let mut plane = Plane::new(scene.size);
    let mut rng = seed.rng();
    for number in 0..scene.cells.len() {
        let gain = rng.range(0.7, 1.3);
        let mut canvas = Canvas::new(scene, number, gain, &mut plane);
        canvas.fill(Region::Cytoplasm, |index| 0.16 * (scene.edge(index) / 2.0).min(1.0));
        for line in &scene.microtubules[number] {
            let amount = rng.range(0.3, 0.9);
            canvas.thread(Region::Cytoplasm, line, amount);
            // Lines above and below the nucleus are out of focus.
            canvas.thread(Region::Nucleus, line, 0.3 * amount);
        }
    }
    patterns::bridges(scene, &mut plane, 1.0);
    plane
}

/// Reticulum: a mesh of threads that is dense at the nucleus and thins outward, and its
/// outermost sheet, the nuclear envelope (Schwarz & Blower, Cell. Mol. Life Sci. 2016).
#[must_use]
pub(crate) fn reticulum(scene: &Scene, line: &CellLine, seed: Seed) -> Plane {
    let mut plane = Plane::new(scene.size);
    let mut rng = seed.rng();
    for number in 0..scene.cells.len() {
        let gain = rng.range(0.7, 1.3);
        let mut canvas = Canvas::new(scene, number, gain, &mut plane);
        patterns::reticulum_mesh(&mut canvas, line.reticulum_reach, seed);
    }
    plane
}

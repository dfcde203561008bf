//! Plasma membrane, cell junctions and cytosol.

use crate::canvas::Canvas;
use crate::scene::Region::{Cell, Cytoplasm, Nucleus};
use crate::texture::Texture;
use hpa_core::Seed;

/// Plasma membrane: a line along the whole border, brighter where it is ruffled, and a veil
/// from the membrane above and below.
pub(super) fn membrane(canvas: &mut Canvas, seed: Seed) {
    let (scene, unit) = (canvas.scene, canvas.micrometre());
    let ruffles = Texture::new(seed, 3.0 * unit);
    let width = (0.55 * unit).max(0.7);
    canvas.fill(Cell, |index| {
        let line = (-0.5 * ((scene.edge(index) - 0.5) / width).powi(2)).exp();
        0.12 + line * (0.9 + 1.1 * ruffles.value(scene.point(index)))
    });
}

/// Cell junctions: patches where two cells touch, and nowhere else
/// (Garcia, Nelson & Chavez, Cold Spring Harb. Perspect. Biol. 2018).
pub(super) fn junctions(canvas: &mut Canvas, seed: Seed) {
    let (scene, unit) = (canvas.scene, canvas.micrometre());
    let patches = Texture::new(seed, 1.5 * unit);
    let width = (0.55 * unit).max(0.7);
    canvas.fill(Cell, |index| {
        let line = (-0.5 * ((scene.contact(index) - 0.5) / width).powi(2)).exp();
        0.08 + 2.4 * line * (0.35 + 0.9 * patches.value(scene.point(index)))
    });
}

/// Cytosol: the fluid of the cytoplasm, smooth, thin at the border, sparse in the nucleus.
pub(super) fn cytosol(canvas: &mut Canvas, seed: Seed) {
    let scene = canvas.scene;
    let grain = Texture::new(seed, 0.8 * scene.micrometre);
    canvas.fill(Cytoplasm, |index| {
        let thickness = 0.5 + 0.5 * (scene.edge(index) / (3.0 * scene.micrometre)).min(1.0);
        0.6 * thickness * (0.6 + 0.8 * grain.grain(scene.point(index)))
    });
    canvas.fill(Nucleus, |_| 0.12);
}

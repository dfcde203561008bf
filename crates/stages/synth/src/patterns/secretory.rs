//! Large organelles of the cytoplasm: reticulum, Golgi apparatus, mitochondria, aggresome.

use crate::canvas::Canvas;
use crate::filaments::{Growth, grow};
use crate::plane::Point;
use crate::scene::Region::{Cytoplasm, Nucleus};
use crate::texture::Texture;
use hpa_core::{Rng, Seed};
use std::f64::consts::TAU;

/// Reticulum: the mesh of the yellow channel, dense at the nucleus, thin outward.
pub(super) fn reticulum(canvas: &mut Canvas, seed: Seed) {
    let gain = canvas.gain;
    canvas.gain *= 0.75;
    reticulum_mesh(canvas, 0.35, seed);
    canvas.gain = gain;
}

/// The reticulum of one cell; `reach` is its extent as a fraction of the cell's radius.
pub(crate) fn reticulum_mesh(canvas: &mut Canvas, reach: f64, seed: Seed) {
    let scene = canvas.scene;
    let mesh = Texture::new(seed.derive("mesh"), 1.3 * scene.micrometre);
    let radius = scene.cells[canvas.cell].radius;
    canvas.fill(Cytoplasm, |index| {
        let thinning = (scene.depth(index) / (reach * radius)).exp();
        let border = (scene.edge(index) / 1.5).min(1.0);
        (0.25 + 1.1 * mesh.threads(scene.point(index))) * (0.1 + 0.9 * thinning) * border
    });
    canvas.fill(Nucleus, |index| 0.1 + 0.4 * (-scene.depth(index) / 0.8).exp());
}

/// Golgi apparatus: short ribbons stacked on one side of the nucleus, at the organising
/// centre (Lowe, Curr. Opin. Cell Biol. 2011).
pub(super) fn golgi(canvas: &mut Canvas, rng: &mut Rng) {
    let scene = canvas.scene;
    let cell = &scene.cells[canvas.cell];
    let outward = (cell.organiser - cell.nucleus.center()).angle();
    let unit = scene.micrometre;
    for _ in 0..7 + rng.below(7) {
        // Ribbons follow the envelope: far along it, little away from it.
        let beside = cell.nucleus.point(outward + 0.42 * rng.normal(), 1.0);
        let away = rng.range(0.6, 3.0) * unit;
        let start = beside + Point::polar(outward, away);
        let angle = outward + TAU / 4.0 + 0.5 * rng.normal();
        let growth = Growth { length: rng.range(1.5, 4.0) * unit, wobble: 0.35, turns_back: false };
        let line = grow(scene, canvas.cell, (start, angle), &growth, rng);
        canvas.stroke(Cytoplasm, &line, 0.4 * unit, rng.range(0.9, 1.6));
        canvas.spot(Cytoplasm, start, 0.6 * unit, 0.6);
    }
}

/// Mitochondria: a web of short winding threads around the nucleus, thinning outward
/// (Rafelski, BMC Biol. 2013).
pub(super) fn mitochondria(canvas: &mut Canvas, rng: &mut Rng) {
    let scene = canvas.scene;
    let (unit, radius) = (scene.micrometre, scene.cells[canvas.cell].radius);
    for _ in 0..45 + rng.below(30) {
        if let Some(start) = scene.beside_nucleus(canvas.cell, 0.22 * radius, rng) {
            let growth =
                Growth { length: rng.range(1.5, 6.0) * unit, wobble: 0.45, turns_back: true };
            let angle = rng.range(0.0, TAU);
            let line = grow(scene, canvas.cell, (start, angle), &growth, rng);
            canvas.stroke(Cytoplasm, &line, 0.33 * unit, rng.range(0.6, 1.2));
        }
    }
}

/// Aggresome: one dense clump of misfolded protein at the organising centre, beside the
/// nucleus (Johnston, Ward & Kopito, J. Cell Biol. 1998).
pub(super) fn aggresome(canvas: &mut Canvas, rng: &mut Rng) {
    let cell = &canvas.scene.cells[canvas.cell];
    let unit = canvas.micrometre();
    let outward = (cell.organiser - cell.nucleus.center()).angle();
    let centre = cell.nucleus.point(outward, 1.0) + Point::polar(outward, 1.5 * unit);
    canvas.blob(Cytoplasm, centre, rng.range(2.0, 2.8) * unit, 1.8);
    for _ in 0..6 {
        let lobe = centre + Point::polar(rng.range(0.0, TAU), rng.range(0.8, 2.0) * unit);
        canvas.blob(Cytoplasm, lobe, rng.range(0.7, 1.3) * unit, 0.5);
    }
}

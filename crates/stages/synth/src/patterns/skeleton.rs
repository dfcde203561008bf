//! Cytoskeleton: filaments, their ends and adhesions; rods and rings.

use crate::canvas::Canvas;
use crate::filaments::{Growth, grow};
use crate::plane::Point;
use crate::scene::Region::{Cell, Cytoplasm};
use hpa_core::Rng;
use std::f64::consts::TAU;

/// Intermediate filaments: a cage of thick curly bundles around the nucleus, loose outward
/// (Herrmann et al., Nat. Rev. Mol. Cell Biol. 2007).
pub(super) fn intermediate_filaments(canvas: &mut Canvas, rng: &mut Rng) {
    let scene = canvas.scene;
    let (unit, radius) = (scene.micrometre, scene.cells[canvas.cell].radius);
    for _ in 0..16 + rng.below(10) {
        if let Some(start) = scene.beside_nucleus(canvas.cell, 0.12 * radius, rng) {
            let outward = (start - scene.cells[canvas.cell].nucleus.center()).angle();
            let angle = outward + TAU / 4.0 + 0.6 * rng.normal();
            let growth =
                Growth { length: rng.range(0.8, 1.8) * radius, wobble: 0.3, turns_back: true };
            let line = grow(scene, canvas.cell, (start, angle), &growth, rng);
            canvas.stroke(Cytoplasm, &line, 0.4 * unit, rng.range(0.4, 0.9));
        }
    }
}

/// Actin: straight parallel stress fibres from end to end, over and under the nucleus, and a
/// seam along the border (Tojkander, Gateva & Lappalainen, J. Cell Sci. 2012).
pub(super) fn actin(canvas: &mut Canvas, rng: &mut Rng) {
    let scene = canvas.scene;
    let cell = &scene.cells[canvas.cell];
    let (unit, half) = (scene.micrometre, cell.body.largest());
    let direction = cell.axis + 0.15 * rng.normal();
    for _ in 0..9 + rng.below(6) {
        let aside = Point::polar(direction + TAU / 4.0, cell.radius * rng.range(-0.95, 0.95));
        let along = Point::polar(direction + 0.05 * rng.normal(), half);
        let middle = cell.body.center() + aside;
        let line = [middle - along, middle + along];
        canvas.stroke(Cell, &line, 0.28 * unit, rng.range(0.6, 1.2));
    }
    canvas.fill(Cell, |index| 0.9 * (-scene.edge(index) / (0.5 * unit).max(0.8)).exp());
}

/// Focal adhesions: short wedges at the border that point inward, where stress fibres end
/// (Geiger, Spatz & Bershadsky, Nat. Rev. Mol. Cell Biol. 2009).
pub(super) fn focal_adhesions(canvas: &mut Canvas, rng: &mut Rng) {
    let unit = canvas.micrometre();
    let cell = &canvas.scene.cells[canvas.cell];
    canvas.fill(Cell, |_| 0.1);
    for _ in 0..26 + rng.below(18) {
        let angle = rng.range(0.0, TAU);
        let outer = cell.body.point(angle, rng.range(0.82, 0.97));
        let slant = angle + 0.4 * rng.normal();
        let inner = outer - Point::polar(slant, rng.range(1.6, 3.2) * unit);
        canvas.stroke(Cytoplasm, &[inner, outer], 0.38 * unit, rng.range(1.4, 2.4));
    }
}

/// Microtubules: the lines of the red channel.
pub(super) fn microtubules(canvas: &mut Canvas, rng: &mut Rng) {
    for line in &canvas.scene.microtubules[canvas.cell] {
        canvas.thread(Cytoplasm, line, rng.range(0.5, 1.1));
    }
}

/// Microtubule ends: comets at the outer ends of the red lines
/// (Akhmanova & Steinmetz, Nat. Rev. Mol. Cell Biol. 2015).
pub(super) fn microtubule_ends(canvas: &mut Canvas, rng: &mut Rng) {
    let unit = canvas.micrometre();
    for line in &canvas.scene.microtubules[canvas.cell] {
        let tail = line.len().saturating_sub(4);
        canvas.stroke(Cytoplasm, &line[tail..], 0.3 * unit, rng.range(1.0, 1.8));
    }
}

/// Rods and rings: a few straight sticks and open rings of a metabolic enzyme, several
/// micrometres long (Carcamo et al., `PLoS` One 2011).
pub(super) fn rods_and_rings(canvas: &mut Canvas, rng: &mut Rng) {
    let (scene, unit) = (canvas.scene, canvas.micrometre());
    for number in 0..3 + rng.below(3) {
        let Some(at) = scene.scatter(canvas.cell, Cytoplasm, rng) else { continue };
        if number % 2 == 0 {
            let half = Point::polar(rng.range(0.0, TAU), rng.range(2.5, 4.0) * unit);
            canvas.stroke(Cell, &[at - half, at + half], 0.5 * unit, 2.2);
        } else {
            canvas.ring(Cell, at, rng.range(2.0, 2.8) * unit, 2.0);
        }
    }
}

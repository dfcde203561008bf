//! Patterns of dividing cells, and the centrosome.

use crate::canvas::Canvas;
use crate::cell::Phase;
use crate::plane::{Plane, Point, pixels_around};
use crate::scene::Region::{Cell, Cytoplasm};
use crate::scene::Scene;
use hpa_core::Rng;
use std::f64::consts::TAU;

/// Cytokinetic bridge: the bundle of microtubules that still joins two daughters, thickest
/// beside the dark gap of the midbody (Mierzwa & Gerlich, Dev. Cell 2014).
///
/// It lies between two cells, so it is painted over the field and not into a cell.
pub(crate) fn bridges(scene: &Scene, plane: &mut Plane, height: f64) {
    for (number, cell) in scene.cells.iter().enumerate() {
        if let Phase::Daughter { partner } = cell.phase
            && number < partner
        {
            let ends = (cell.body.center(), scene.cells[partner].body.center());
            bridge(scene, ends, plane, height);
        }
    }
}

fn bridge(scene: &Scene, (from, to): (Point, Point), plane: &mut Plane, height: f64) {
    let (middle, axis) = ((from + to) * 0.5, (to - from).angle());
    let half = 0.33 * (to - from).length();
    let width = (0.75 * scene.micrometre).max(0.8);
    let unit = Point::polar(axis, 1.0);
    for y in pixels_around(middle.y, half + 3.0 * width, scene.size) {
        for x in pixels_around(middle.x, half + 3.0 * width, scene.size) {
            let step = Point { x: x as f64, y: y as f64 } - middle;
            let along = (step.x * unit.x + step.y * unit.y) / half;
            let across = (step.y * unit.x - step.x * unit.y) / width;
            if along.abs() < 1.0 {
                let gap = 1.0 - 0.7 * (-0.5 * (along / 0.1).powi(2)).exp();
                let profile = gap * (1.0 - along.abs().powi(3)) * (-0.5 * across * across).exp();
                plane.add(y * scene.size + x, height * profile);
            }
        }
    }
}

/// Mitotic spindle: the spindle of cells in metaphase; the others show a trace.
pub(super) fn spindle(canvas: &mut Canvas) {
    if canvas.scene.cells[canvas.cell].phase == Phase::Metaphase {
        for line in &canvas.scene.microtubules[canvas.cell] {
            canvas.thread(Cell, line, 1.3);
        }
    } else {
        canvas.fill(Cell, |_| 0.1);
    }
}

/// Microtubule organising centre: a loose cloud beside the nucleus with short rays, one in
/// a cell (Sanchez & Feldman, Curr. Opin. Cell Biol. 2017).
pub(super) fn organizing_center(canvas: &mut Canvas, rng: &mut Rng) {
    let unit = canvas.micrometre();
    let centre = canvas.scene.cells[canvas.cell].organiser;
    canvas.spot(Cell, centre, 1.1 * unit, 1.5);
    for _ in 0..9 {
        let ray = Point::polar(rng.range(0.0, TAU), rng.range(2.0, 4.5) * unit);
        canvas.stroke(Cytoplasm, &[centre, centre + ray], 0.3 * unit, 0.6);
    }
}

/// Centrosome: a pair of sharp dots beside the nucleus, the two centrioles
/// (Conduit, Wainman & Raff, Nat. Rev. Mol. Cell Biol. 2015).
pub(super) fn centrosome(canvas: &mut Canvas, rng: &mut Rng) {
    let unit = canvas.micrometre();
    let centre = canvas.scene.cells[canvas.cell].organiser;
    let apart = Point::polar(rng.range(0.0, TAU), rng.range(0.5, 1.0) * unit);
    for at in [centre - apart, centre + apart] {
        canvas.spot(Cell, at, 0.45 * unit, 2.6);
    }
}

//! Random-walk lines: microtubules, intermediate filaments, mitochondria.
//!
//! A persistent random walk: each step turns by a small random angle, follows the nuclear
//! envelope instead of entering it, and the walk ends at the cell's border.

use crate::cell::Phase;
use crate::plane::Point;
use crate::scene::{Filament, Region, Scene};
use hpa_core::Rng;
use std::f64::consts::TAU;

/// Parameters of a random walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Longest line, in pixels.
    pub(crate) length: f64,
    /// Standard deviation of the turn per step, in radians.
    pub(crate) wobble: f64,
    /// Whether it turns back at the border instead of ending there.
    pub(crate) turns_back: bool,
}

/// One line from a start point and direction.
#[must_use]
pub(crate) fn grow(
    scene: &Scene,
    cell: usize,
    start: (Point, f64),
    growth: &Growth,
    rng: &mut Rng,
) -> Filament {
    let (mut at, mut angle) = start;
    let step = (0.35 * scene.micrometre).max(0.8);
    let mut line = vec![at];
    let mut remaining = growth.length;
    let nucleus = scene.cells[cell].nucleus.center();
    while remaining > 0.0 {
        remaining -= step;
        angle += growth.wobble * rng.normal();
        let mut next = at + Point::polar(angle, step);
        if scene.index(next).is_some_and(|index| scene.contains(cell, Region::Nucleus, index)) {
            angle = along_envelope(angle, (at - nucleus).angle());
            next = at + Point::polar(angle, step);
        }
        // Outside of the image the line continues, because it may come back.
        let inside = scene.index(next).map_or_else(
            || scene.cells[cell].body.reach(next) < 1.0,
            |index| scene.contains(cell, Region::Cell, index),
        );
        if !inside {
            if !growth.turns_back {
                break;
            }
            angle += TAU / 2.0 + 0.6 * rng.normal();
            continue;
        }
        line.push(next);
        at = next;
    }
    line
}

/// The direction along the envelope, slightly outward, that is nearest to the present one.
fn along_envelope(angle: f64, outward: f64) -> f64 {
    let side = (angle - outward).sin().signum();
    outward + side * (TAU / 4.0 - 0.25)
}

/// The microtubules of every cell: from the organising centre and the envelope outward, or
/// the spindle of a dividing one. (Alberts et al., *Molecular Biology of the Cell*, ch. 16.)
#[must_use]
pub(crate) fn microtubules(scene: &Scene, count: usize, rng: &mut Rng) -> Vec<Vec<Filament>> {
    (0..scene.cells.len())
        .map(|cell| match scene.cells[cell].phase {
            Phase::Metaphase => spindle(scene, cell, count, rng),
            _ => radiating(scene, cell, count, rng),
        })
        .collect()
}

fn radiating(scene: &Scene, cell: usize, count: usize, rng: &mut Rng) -> Vec<Filament> {
    let body = &scene.cells[cell];
    (0..count)
        .map(|_| {
            let centre = rng.bernoulli(0.45);
            let beside =
                if centre { None } else { scene.beside_nucleus(cell, 0.2 * body.radius, rng) };
            let start = beside.unwrap_or(body.organiser);
            let outward = (start - body.nucleus.center()).angle();
            // Half of the lines follow the long axis of the cell, as in spindle-shaped cells.
            let along = body.axis + if rng.bernoulli(0.5) { 0.0 } else { TAU / 2.0 };
            let angle = match rng.below(4) {
                0 => rng.range(0.0, TAU),
                1 => along + 0.3 * rng.normal(),
                _ => outward + rng.range(-1.4, 1.4),
            };
            let length = body.radius * rng.range(0.6, 2.6);
            let growth = Growth { length, wobble: 0.16, turns_back: rng.bernoulli(0.4) };
            grow(scene, cell, (start, angle), &growth, rng)
        })
        .collect()
}

/// Arcs from pole to pole and short asters, through the plate of chromosomes.
fn spindle(scene: &Scene, cell: usize, count: usize, rng: &mut Rng) -> Vec<Filament> {
    let body = &scene.cells[cell];
    let middle = body.nucleus.center();
    let half = Point::polar(body.axis, 0.55 * body.radius);
    let across = Point::polar(body.axis + TAU / 4.0, 0.33 * body.radius);
    (0..count)
        .map(|number| {
            if number % 4 == 0 {
                let pole = if number % 8 == 0 { middle + half } else { middle - half };
                let angle = (pole - middle).angle() + rng.range(-1.6, 1.6);
                return vec![pole, pole + Point::polar(angle, body.radius * rng.range(0.1, 0.3))];
            }
            let bulge = across * rng.range(-1.0, 1.0);
            (0..=12_u8)
                .map(|step| f64::from(step) / 6.0 - 1.0)
                .map(|share| middle + half * share + bulge * (1.0 - share * share))
                .collect()
        })
        .collect()
}

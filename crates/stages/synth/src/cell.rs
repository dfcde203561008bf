//! One cell: outlines and landmarks.

use crate::outline::{Outline, Shape};
use crate::plane::Point;
use hpa_core::Rng;
use std::f64::consts::{PI, TAU};

/// Phase of the cell cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not dividing.
    Interphase,
    /// Rounded up, chromosomes in a plate, no nuclear envelope.
    Metaphase,
    /// Nearly divided; a bridge still leads to the other daughter, given by its index.
    Daughter {
        /// The other cell of the pair.
        partner: usize,
    },
}

/// A nucleolus: a dense ball in the nucleus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nucleolus {
    /// Middle.
    pub(crate) center: Point,
    /// In pixels.
    pub(crate) radius: f64,
}

/// Properties that the cells of a field share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellLine {
    /// Mean radius of a cell, in pixels.
    pub(crate) radius: f64,
    /// Long over short axis of the body.
    pub(crate) elongation: f64,
    /// Relative size of random bumps of the body.
    pub(crate) irregularity: f64,
    /// Length of the tips of spindle-shaped cells.
    pub(crate) tips: f64,
    /// Radius of the nucleus over that of the body.
    pub(crate) nucleus_share: f64,
    /// Microtubules per cell.
    pub(crate) filaments: usize,
    /// Decay length of the reticulum outward, as a fraction of the radius.
    pub(crate) reticulum_reach: f64,
}

impl CellLine {
    /// A random cell line with cells of this radius.
    #[must_use]
    pub(crate) fn random(radius: f64, rng: &mut Rng) -> Self {
        let spindly = rng.bernoulli(0.35);
        Self {
            radius,
            elongation: if spindly { rng.range(1.6, 2.8) } else { rng.range(1.05, 1.6) },
            irregularity: rng.range(0.03, 0.13),
            tips: if spindly { rng.range(0.1, 0.5) } else { 0.0 },
            nucleus_share: rng.range(0.42, 0.58),
            filaments: 50 + rng.below(70),
            reticulum_reach: rng.range(0.25, 0.7),
        }
    }
}

/// A cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Border of the cell without neighbours.
    pub(crate) body: Outline,
    /// Border of the nucleus; of the chromosomes in a dividing cell.
    pub(crate) nucleus: Outline,
    /// Two to five; none in a dividing cell.
    pub(crate) nucleoli: Vec<Nucleolus>,
    /// Where microtubules start, beside the nucleus.
    pub(crate) organiser: Point,
    /// Direction of the long axis; of the spindle in metaphase.
    pub(crate) axis: f64,
    /// Mean radius of the body in pixels.
    pub(crate) radius: f64,
    /// Relative protein expression, about 1.
    pub(crate) expression: f64,
    /// Its phase.
    pub(crate) phase: Phase,
}

impl Cell {
    /// A cell between two divisions, its nucleus at `at`.
    #[must_use]
    pub(crate) fn interphase(at: Point, line: &CellLine, axis: f64, rng: &mut Rng) -> Self {
        let radius = line.radius * (1.0 + 0.13 * rng.normal()).clamp(0.7, 1.4);
        let nuclear = radius * line.nucleus_share;
        let shape = Shape {
            radius: nuclear,
            elongation: (1.0 + (line.elongation - 1.0) * 0.4) * rng.range(1.0, 1.2),
            axis: axis + 0.2 * rng.normal(),
            irregularity: 0.025,
            tips: 0.0,
        };
        let nucleus = Outline::new(at, &shape, rng);
        let offset = Point::polar(rng.range(0.0, TAU), rng.range(0.0, 0.2) * radius);
        let body = Outline::new(at + offset, &body_shape(line, radius, axis), rng);
        let nucleoli = nucleoli(&nucleus, nuclear, rng);
        let organiser = organiser(&nucleus, &body, rng);
        let phase = Phase::Interphase;
        Self { body, nucleus, nucleoli, organiser, axis, radius, expression: 1.0, phase }
    }

    /// A cell whose chromosomes stand in a plate across the spindle.
    #[must_use]
    pub(crate) fn metaphase(at: Point, line: &CellLine, rng: &mut Rng) -> Self {
        let radius = line.radius * 0.82;
        let axis = rng.range(0.0, PI);
        let body = Outline::new(at, &round(radius, 1.1, axis, 0.015), rng);
        let plate = round(radius * 0.36, 3.2, axis + PI / 2.0, 0.04);
        let nucleus = Outline::new(at, &plate, rng);
        let organiser = at + Point::polar(axis, 0.55 * radius);
        let phase = Phase::Metaphase;
        let nucleoli = Vec::new();
        Self { body, nucleus, nucleoli, organiser, axis, radius, expression: 1.0, phase }
    }

    /// One of two daughters around `middle`; `axis` leads from this one to the other.
    #[must_use]
    pub(crate) fn daughter(
        middle: Point,
        axis: f64,
        partner: usize,
        line: &CellLine,
        rng: &mut Rng,
    ) -> Self {
        let radius = line.radius * 0.68;
        let at = middle - Point::polar(axis, 1.12 * radius);
        let body = Outline::new(at, &round(radius, 1.12, axis + PI / 2.0, 0.03), rng);
        let chromosomes = round(radius * 0.42, 1.7, axis + PI / 2.0, 0.05);
        let nucleus = Outline::new(at - Point::polar(axis, 0.12 * radius), &chromosomes, rng);
        let organiser = at - Point::polar(axis, 0.6 * radius);
        let (phase, nucleoli) = (Phase::Daughter { partner }, Vec::new());
        Self { body, nucleus, nucleoli, organiser, axis, radius, expression: 1.0, phase }
    }
}

fn body_shape(line: &CellLine, radius: f64, axis: f64) -> Shape {
    let (elongation, irregularity, tips) = (line.elongation, line.irregularity, line.tips);
    Shape { radius, elongation, axis, irregularity, tips }
}

const fn round(radius: f64, elongation: f64, axis: f64, irregularity: f64) -> Shape {
    Shape { radius, elongation, axis, irregularity, tips: 0.0 }
}

/// Two to five balls that do not touch, in the inner two thirds of the nucleus.
fn nucleoli(nucleus: &Outline, nuclear: f64, rng: &mut Rng) -> Vec<Nucleolus> {
    let target = 2 + rng.below(4);
    let mut found: Vec<Nucleolus> = Vec::new();
    for _ in 0..40 {
        let center = nucleus.point(rng.range(0.0, TAU), rng.uniform().sqrt() * 0.62);
        let radius = nuclear * rng.range(0.17, 0.27) * if target > 3 { 0.85 } else { 1.0 };
        let apart =
            |other: &Nucleolus| (other.center - center).length() > 1.2 * (other.radius + radius);
        if found.len() < target && found.iter().all(apart) {
            found.push(Nucleolus { center, radius });
        }
    }
    found
}

/// A point just outside of the nucleus, on the side with most cytoplasm.
fn organiser(nucleus: &Outline, body: &Outline, rng: &mut Rng) -> Point {
    let angles: [f64; 4] = std::array::from_fn(|_| rng.range(0.0, TAU));
    let room = |angle: f64| {
        let edge = nucleus.point(angle, 1.0);
        body.depth(edge)
    };
    let angle = angles
        .into_iter()
        .fold(angles[0], |best, angle| if room(angle) > room(best) { angle } else { best });
    let edge = nucleus.point(angle, 1.0);
    edge + Point::polar(angle, (0.3 * room(angle)).max(1.0))
}

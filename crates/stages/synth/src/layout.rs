//! Positions and phases of the cells of a field.
//!
//! Cells are placed one by one, most of them beside an earlier one, so that they touch;
//! centres may lie outside of the image, so that its border cuts some. The layout also meets
//! the requirements of labels: a dividing pair (bridge), touching cells (junctions), a
//! metaphase (spindle).

use crate::cell::{Cell, CellLine, Phase};
use crate::config::SynthConfig;
use crate::plane::Point;
use hpa_core::Rng;
use std::f64::consts::TAU;

/// Requirements of a sample's labels on the layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Two daughters joined by a bridge.
    pub(crate) bridge: bool,
    /// A cell in metaphase.
    pub(crate) spindle: bool,
    /// Neighbours that touch.
    pub(crate) contact: bool,
}

/// The cells of a random field.
#[must_use]
pub(crate) fn lay_out(config: &SynthConfig, needs: Needs, rng: &mut Rng) -> (CellLine, Vec<Cell>) {
    let scale = (config.cell_diameter_spread * rng.normal()).clamp(-0.7, 0.7).exp();
    let line = CellLine::random(0.5 * config.cell_diameter_px * scale, rng);
    let size = config.size_px as f64;
    let mut field = Field { size, line, axis: rng.range(0.0, TAU), cells: Vec::new() };
    if needs.bridge || rng.bernoulli(config.dividing_share) {
        field.add_daughters(rng);
    }
    if needs.spindle || rng.bernoulli(config.dividing_share) {
        field.add_metaphase(rng);
    }
    field.add_interphase(config.confluence, needs.contact, rng);
    for cell in &mut field.cells {
        cell.expression = (config.expression_spread * rng.normal()).exp().clamp(0.25, 3.0);
    }
    (field.line, field.cells)
}

struct Field {
    size: f64,
    line: CellLine,
    /// Direction that elongated cells of a field tend to share.
    axis: f64,
    cells: Vec<Cell>,
}

impl Field {
    /// A random centre of a cell of this radius that fits into the image, if one can.
    fn inner_place(&self, radius: f64, rng: &mut Rng) -> Point {
        let margin = radius.min(0.5 * self.size);
        let mut coordinate = || rng.range(margin, (self.size - margin).max(margin + 1e-9));
        Point { x: coordinate(), y: coordinate() }
    }

    fn add_daughters(&mut self, rng: &mut Rng) {
        let middle = self.inner_place(1.3 * self.line.radius, rng);
        let axis = rng.range(0.0, TAU);
        let first = self.cells.len();
        let (one, other) = (first, first + 1);
        self.cells.push(Cell::daughter(middle, axis, other, &self.line, rng));
        self.cells.push(Cell::daughter(middle, axis + TAU / 2.0, one, &self.line, rng));
    }

    fn add_metaphase(&mut self, rng: &mut Rng) {
        for _ in 0..60 {
            let at = self.inner_place(0.8 * self.line.radius, rng);
            let cell = Cell::metaphase(at, &self.line, rng);
            if self.has_room(&cell, 0.8) {
                self.cells.push(cell);
                return;
            }
        }
        // The field is full: the spindle goes into a corner and overlaps its neighbours.
        let corner = 0.4 * self.line.radius;
        self.cells.push(Cell::metaphase(Point { x: corner, y: corner }, &self.line, rng));
    }

    fn add_interphase(&mut self, confluence: f64, contact: bool, rng: &mut Rng) {
        let radius = self.line.radius;
        let (low, high) = (-0.6 * radius, self.size + 0.6 * radius);
        let crowding = (confluence * rng.range(0.5, 1.3)).min(1.0);
        let area = (high - low).powi(2) / (TAU / 2.0 * radius * radius);
        let target = crate::plane::pixel(crowding * area).unwrap_or(0).clamp(2, 4000);
        let mut tries = 0;
        let mut beside = contact;
        while (self.cells.len() < target && tries < 30 * target) || self.whole_cells() < 2 {
            tries += 1;
            let at = match self.cells.len() {
                0 => self.inner_place(radius, rng),
                count if beside || rng.bernoulli(0.55) => {
                    let neighbour = self.cells[rng.below(count)].body.center();
                    neighbour + Point::polar(rng.range(0.0, TAU), rng.range(1.2, 1.9) * radius)
                }
                _ => Point { x: rng.range(low, high), y: rng.range(low, high) },
            };
            let inside = (low..high).contains(&at.x) && (low..high).contains(&at.y);
            let axis = self.axis + 0.45 * rng.normal();
            let cell = Cell::interphase(at, &self.line, axis, rng);
            // After many tries cells may overlap.
            let gap = if tries < 40 * target { 1.0 } else { 0.0 };
            if inside && self.has_room(&cell, gap) {
                self.cells.push(cell);
                beside = contact && self.cells.len() < 3;
            }
        }
    }

    /// How many cells have their nucleus in the image.
    fn whole_cells(&self) -> usize {
        let inside =
            |at: Point| (0.0..self.size).contains(&at.x) && (0.0..self.size).contains(&at.y);
        self.cells.iter().filter(|cell| inside(cell.nucleus.center())).count()
    }

    /// Whether nuclei do not overlap, nor dividing cells any body.
    fn has_room(&self, cell: &Cell, gap: f64) -> bool {
        self.cells.iter().all(|other| {
            let distance = (other.nucleus.center() - cell.nucleus.center()).length();
            let apart = if other.phase == Phase::Interphase && cell.phase == Phase::Interphase {
                1.15 * (other.nucleus.largest() + cell.nucleus.largest())
            } else {
                0.75 * (other.radius + cell.radius)
            };
            distance > gap * apart
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::Seed;

    #[test]
    fn bridges_need_two_daughters_and_spindles_a_metaphase() {
        for seed in 0..200 {
            let needs = Needs { bridge: true, spindle: true, contact: false };
            let (_, cells) = lay_out(&SynthConfig::DEFAULT, needs, &mut Seed::new(seed).rng());
            let daughters: Vec<usize> = (0..cells.len())
                .filter(|&index| matches!(cells[index].phase, Phase::Daughter { .. }))
                .collect();
            assert_eq!(daughters, [0, 1]);
            assert_eq!(cells[0].phase, Phase::Daughter { partner: 1 });
            assert!(cells.iter().any(|cell| cell.phase == Phase::Metaphase));
        }
    }

    #[test]
    fn every_field_has_two_nuclei_even_if_cells_are_larger() {
        for cell_diameter_px in [8.0, 60.0, 400.0] {
            let config = SynthConfig { cell_diameter_px, size_px: 64, ..SynthConfig::DEFAULT };
            for seed in 0..50 {
                let mut rng = Seed::new(seed).rng();
                let (_, cells) = lay_out(&config, Needs::default(), &mut rng);
                let inside = |x: f64| (0.0..64.0).contains(&x);
                let shown = |cell: &&Cell| {
                    inside(cell.nucleus.center().x) && inside(cell.nucleus.center().y)
                };
                assert!(cells.iter().filter(shown).count() >= 2);
            }
        }
    }
}

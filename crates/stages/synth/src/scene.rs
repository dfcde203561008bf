//! Per-pixel geometry of a field: owning cell, distance to its border, depth in its nucleus.
//!
//! A pixel belongs to the cell with the smallest relative distance to its centre, so that
//! touching cells share a straight border; nuclei are never cut by a neighbour.

use crate::cell::Cell;
use crate::plane::{Plane, Point, pixel, pixels_around};
use hpa_core::Rng;
use std::f64::consts::TAU;

/// A line of points, one after another.
pub(crate) type Filament = Vec<Point>;

/// Regions of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// All of the cell.
    Cell,
    /// Inside the nuclear envelope.
    Nucleus,
    /// The cell without its nucleus.
    Cytoplasm,
}

/// A field of cells.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Pixels along one side.
    pub(crate) size: usize,
    /// Pixels to a micrometre; a cell of mean size is 30 µm across.
    pub(crate) micrometre: f64,
    /// The cells.
    pub(crate) cells: Vec<Cell>,
    /// Microtubules of each cell.
    pub(crate) microtubules: Vec<Vec<Filament>>,
    owner: Vec<Option<usize>>,
    edge: Plane,
    contact: Plane,
    depth: Plane,
}

impl Scene {
    /// The field with these cells, still without microtubules.
    #[must_use]
    pub(crate) fn new(size: usize, cells: Vec<Cell>) -> Self {
        let (owner, depth) = owners(size, &cells);
        let differs = |index: usize, other: usize| owner[index] != owner[other];
        let edge = distance_to(size, &differs);
        let touches = |index: usize, other: usize| {
            owner[index] != owner[other] && owner[index].is_some() && owner[other].is_some()
        };
        let contact = distance_to(size, &touches);
        let radius = cells.iter().map(|cell| cell.radius).sum::<f64>() / cells.len().max(1) as f64;
        let micrometre = (radius / 15.0).max(0.05);
        Self { size, micrometre, cells, microtubules: Vec::new(), owner, edge, contact, depth }
    }

    /// The index of the pixel at a point, if it is in the image.
    #[must_use]
    pub(crate) fn index(&self, at: Point) -> Option<usize> {
        let (x, y) = (pixel(at.x)?, pixel(at.y)?);
        (x < self.size && y < self.size).then_some(y * self.size + x)
    }

    /// The centre of a pixel.
    #[must_use]
    pub(crate) fn point(&self, index: usize) -> Point {
        Point { x: (index % self.size) as f64, y: (index / self.size) as f64 }
    }

    /// Pixels to the nearest border of the pixel's cell.
    #[must_use]
    pub(crate) fn edge(&self, index: usize) -> f64 {
        self.edge.at(index)
    }

    /// Pixels to the nearest contact of two cells.
    #[must_use]
    pub(crate) fn contact(&self, index: usize) -> f64 {
        self.contact.at(index)
    }

    /// Pixels to the nuclear envelope: positive inside, negative outside.
    #[must_use]
    pub(crate) fn depth(&self, index: usize) -> f64 {
        self.depth.at(index)
    }

    /// Whether a pixel is in this region of this cell.
    #[must_use]
    pub(crate) fn contains(&self, cell: usize, region: Region, index: usize) -> bool {
        self.owner[index] == Some(cell)
            && match region {
                Region::Cell => true,
                Region::Nucleus => self.depth(index) > 0.0,
                Region::Cytoplasm => self.depth(index) <= 0.0,
            }
    }

    /// All pixels of a region of a cell.
    pub(crate) fn pixels(&self, cell: usize, region: Region) -> impl Iterator<Item = usize> + '_ {
        let body = &self.cells[cell].body;
        let reach = body.largest() + 0.5 * self.cells[cell].radius;
        let columns = pixels_around(body.center().x, reach, self.size);
        pixels_around(body.center().y, reach, self.size)
            .flat_map(move |y| columns.clone().map(move |x| y * self.size + x))
            .filter(move |&index| self.contains(cell, region, index))
    }

    /// A random point in a region of a cell; `None` if almost none of it is in the image.
    pub(crate) fn scatter(&self, cell: usize, region: Region, rng: &mut Rng) -> Option<Point> {
        let outline = match region {
            Region::Nucleus => &self.cells[cell].nucleus,
            Region::Cell | Region::Cytoplasm => &self.cells[cell].body,
        };
        self.attempt(cell, region, || outline.point(rng.range(0.0, TAU), rng.uniform().sqrt()))
    }

    /// A random point of the cytoplasm, about `reach` pixels off the nucleus.
    pub(crate) fn beside_nucleus(&self, cell: usize, reach: f64, rng: &mut Rng) -> Option<Point> {
        let nucleus = &self.cells[cell].nucleus;
        self.attempt(cell, Region::Cytoplasm, || {
            let angle = rng.range(0.0, TAU);
            let away = -reach * (1.0 - rng.uniform()).ln();
            nucleus.point(angle, 1.0) + Point::polar(angle, 0.5 + away)
        })
    }

    /// A random point of the cytoplasm around a place, with this standard deviation.
    pub(crate) fn around(
        &self,
        cell: usize,
        place: Point,
        spread: f64,
        rng: &mut Rng,
    ) -> Option<Point> {
        self.attempt(cell, Region::Cytoplasm, || {
            place + Point { x: spread * rng.normal(), y: spread * rng.normal() }
        })
    }

    fn attempt(
        &self,
        cell: usize,
        region: Region,
        mut draw: impl FnMut() -> Point,
    ) -> Option<Point> {
        (0..25).find_map(|_| {
            let at = draw();
            self.index(at).filter(|&index| self.contains(cell, region, index)).map(|_| at)
        })
    }
}

/// The cell of each pixel, and the pixel's depth in that cell's nucleus.
fn owners(size: usize, cells: &[Cell]) -> (Vec<Option<usize>>, Plane) {
    let mut owner = vec![None; size * size];
    let mut claims = vec![1.0_f64; size * size];
    let mut depth = Plane::new(size);
    for (number, cell) in cells.iter().enumerate() {
        let center = cell.body.center();
        let reach = cell.body.largest() + 0.5 * cell.radius;
        for y in pixels_around(center.y, reach, size) {
            for x in pixels_around(center.x, reach, size) {
                let (index, at) = (y * size + x, Point { x: x as f64, y: y as f64 });
                let nuclear = cell.nucleus.reach(at);
                // The nucleus and its close surroundings always belong to their own cell.
                let claim = if nuclear < 1.15 { nuclear - 10.0 } else { cell.body.reach(at) };
                if claim < claims[index] {
                    claims[index] = claim;
                    owner[index] = Some(number);
                    depth.set(index, cell.nucleus.depth(at));
                }
            }
        }
    }
    (owner, depth)
}

/// Pixels to the nearest pair of neighbours that are a border: two passes of a chamfer
/// (Borgefors 1986, weights 1 and √2), half a pixel at the border itself.
fn distance_to(size: usize, is_border: &dyn Fn(usize, usize) -> bool) -> Plane {
    let mut distance = vec![f64::from(u16::MAX); size * size];
    for index in 0..size * size {
        let right = (index % size + 1 < size).then_some(index + 1);
        let below = (index + size < size * size).then_some(index + size);
        for other in right.into_iter().chain(below) {
            if is_border(index, other) {
                (distance[index], distance[other]) = (0.5, 0.5);
            }
        }
    }
    let steps = [
        (-1, 0, 1.0),
        (0, -1, 1.0),
        (-1, -1, std::f64::consts::SQRT_2),
        (1, -1, std::f64::consts::SQRT_2),
    ];
    let mut pass = |index: usize, sign: isize| {
        let (x, y) = (index % size, index / size);
        for (dx, dy, cost) in steps {
            let column = x.checked_add_signed(sign * dx).filter(|&column| column < size);
            let row = y.checked_add_signed(sign * dy).filter(|&row| row < size);
            if let (Some(column), Some(row)) = (column, row) {
                distance[index] = distance[index].min(distance[row * size + column] + cost);
            }
        }
    };
    (0..size * size).for_each(|index| pass(index, 1));
    (0..size * size).rev().for_each(|index| pass(index, -1));
    let mut plane = Plane::new(size);
    distance.into_iter().enumerate().for_each(|(index, value)| plane.set(index, value));
    plane
}

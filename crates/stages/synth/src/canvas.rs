//! Drawing operations clipped to one cell.

use crate::plane::{Plane, Point, pixel, pixels_around};
use crate::scene::{Region, Scene};
use std::f64::consts::TAU;

/// Smallest spot size in pixels: a smaller one could fall between pixels.
const THINNEST: f64 = 0.5;

/// One cell on one channel.
pub(crate) struct Canvas<'a> {
    /// The field.
    pub(crate) scene: &'a Scene,
    /// Index of the cell.
    pub(crate) cell: usize,
    /// Factor on all amounts.
    pub(crate) gain: f64,
    plane: &'a mut Plane,
}

impl<'a> Canvas<'a> {
    /// Paints this cell of the scene into this plane.
    pub(crate) fn new(scene: &'a Scene, cell: usize, gain: f64, plane: &'a mut Plane) -> Self {
        Self { scene, cell, gain, plane }
    }

    /// Pixels to a micrometre.
    #[must_use]
    pub(crate) fn micrometre(&self) -> f64 {
        self.scene.micrometre
    }

    /// Adds an amount that depends on the pixel to a whole region.
    pub(crate) fn fill(&mut self, region: Region, amount: impl Fn(usize) -> f64) {
        for index in self.scene.pixels(self.cell, region) {
            self.plane.add(index, self.gain * amount(index));
        }
    }

    /// Adds a round spot with soft edges; `amount` is its height.
    pub(crate) fn spot(&mut self, region: Region, at: Point, sigma: f64, amount: f64) {
        let sigma = sigma.max(THINNEST);
        let falloff = |distance: f64| (-0.5 * (distance / sigma).powi(2)).exp();
        self.stamp(region, at, 2.6 * sigma, |distance| amount * falloff(distance));
    }

    /// Adds a round spot with a firm edge: a blob.
    pub(crate) fn blob(&mut self, region: Region, at: Point, radius: f64, amount: f64) {
        let height = |distance: f64| amount * (radius + 0.5 - distance).clamp(0.0, 1.0);
        self.stamp(region, at, radius + 0.5, height);
    }

    /// Adds a hollow ring; `amount` is the height of its crest.
    pub(crate) fn ring(&mut self, region: Region, at: Point, radius: f64, amount: f64) {
        let sigma = (0.3 * radius).max(THINNEST);
        let crest = |distance: f64| (-0.5 * ((distance - radius) / sigma).powi(2)).exp();
        self.stamp(region, at, radius + 2.6 * sigma, |distance| amount * crest(distance));
    }

    /// Adds a line with soft edges; `amount` is the height of its crest.
    pub(crate) fn stroke(&mut self, region: Region, line: &[Point], sigma: f64, amount: f64) {
        let sigma = sigma.max(THINNEST);
        // Spots this close overlap to a crest of constant height.
        let spacing = 0.8 * sigma;
        let height = amount * spacing / (sigma * TAU.sqrt());
        for at in along(line, spacing) {
            self.spot(region, at, sigma, height);
        }
    }

    /// Adds a line far thinner than a pixel; `amount` is the light of a pixel's length.
    pub(crate) fn thread(&mut self, region: Region, line: &[Point], amount: f64) {
        const SPACING: f64 = 0.6;
        for at in along(line, SPACING) {
            let corner = Point { x: at.x.floor(), y: at.y.floor() };
            let (right, down) = (at.x - corner.x, at.y - corner.y);
            for (dx, dy, share) in [
                (0.0, 0.0, (1.0 - right) * (1.0 - down)),
                (1.0, 0.0, right * (1.0 - down)),
                (0.0, 1.0, (1.0 - right) * down),
                (1.0, 1.0, right * down),
            ] {
                let at = corner + Point { x: dx, y: dy };
                self.touch(region, at, amount * SPACING * share);
            }
        }
    }

    fn stamp(&mut self, region: Region, at: Point, reach: f64, height: impl Fn(f64) -> f64) {
        for y in pixels_around(at.y, reach, self.scene.size) {
            for x in pixels_around(at.x, reach, self.scene.size) {
                let index = y * self.scene.size + x;
                let distance = (self.scene.point(index) - at).length();
                if distance <= reach && self.scene.contains(self.cell, region, index) {
                    self.plane.add(index, self.gain * height(distance));
                }
            }
        }
    }

    fn touch(&mut self, region: Region, at: Point, amount: f64) {
        if let Some(index) = self.scene.index(at)
            && self.scene.contains(self.cell, region, index)
        {
            self.plane.add(index, self.gain * amount);
        }
    }
}

/// Points along a line of points, `spacing` apart.
pub(crate) fn along(line: &[Point], spacing: f64) -> impl Iterator<Item = Point> + '_ {
    line.windows(2).flat_map(move |ends| {
        let step = ends[1] - ends[0];
        let pieces = pixel((step.length() / spacing).ceil()).unwrap_or(0).max(1);
        (0..pieces).map(move |piece| ends[0] + step * (piece as f64 / pieces as f64))
    })
}

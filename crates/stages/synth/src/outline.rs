//! Star-shaped closed outlines: cell bodies, nuclei, metaphase plates.

use crate::plane::Point;
use hpa_core::Rng;
use std::f64::consts::TAU;

/// Directions with a stored radius; it is interpolated between them.
const SECTORS: usize = 96;

/// A star-shaped outline.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    center: Point,
    radii: Vec<f64>,
    largest: f64,
}

/// Parameters of a random outline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Mean radius in pixels.
    pub(crate) radius: f64,
    /// Long over short axis, at least 1.
    pub(crate) elongation: f64,
    /// Direction of the long axis, in radians.
    pub(crate) axis: f64,
    /// Relative size of random bumps.
    pub(crate) irregularity: f64,
    /// Relative length of the tips at both ends of the long axis.
    pub(crate) tips: f64,
}

impl Outline {
    /// A random outline of this shape.
    #[must_use]
    pub(crate) fn new(center: Point, shape: &Shape, rng: &mut Rng) -> Self {
        let waves: Vec<(f64, f64, f64)> = (2..=7_u8)
            .map(|order| {
                let order = f64::from(order);
                (order, shape.irregularity * rng.normal() / order.sqrt(), rng.range(0.0, TAU))
            })
            .collect();
        let stretch = shape.elongation.sqrt();
        let radii: Vec<f64> = (0..SECTORS)
            .map(|sector| {
                let angle = sector as f64 / SECTORS as f64 * TAU - shape.axis;
                let ellipse = 1.0 / (angle.cos() / stretch).hypot(angle.sin() * stretch);
                let bumps: f64 = waves
                    .iter()
                    .map(|(order, size, phase)| size * (order * angle + phase).sin())
                    .sum();
                let tip = shape.tips * angle.cos().abs().powi(9);
                shape.radius * ellipse * (1.0 + bumps.clamp(-0.4, 0.5) + tip)
            })
            .collect();
        let largest = radii.iter().copied().fold(0.0, f64::max);
        Self { center, radii, largest }
    }

    /// The centre.
    #[must_use]
    pub(crate) const fn center(&self) -> Point {
        self.center
    }

    /// The longest radius, in pixels.
    #[must_use]
    pub(crate) const fn largest(&self) -> f64 {
        self.largest
    }

    /// The radius in this direction, in pixels.
    #[must_use]
    pub(crate) fn radius(&self, angle: f64) -> f64 {
        let sector = angle.rem_euclid(TAU) / TAU * SECTORS as f64;
        let share = sector - sector.floor();
        let first = crate::plane::pixel(sector.floor()).unwrap_or(0) % SECTORS;
        self.radii[first] * (1.0 - share) + self.radii[(first + 1) % SECTORS] * share
    }

    /// Relative distance from the centre: 0 at the centre, 1 on the outline.
    #[must_use]
    pub(crate) fn reach(&self, at: Point) -> f64 {
        let step = at - self.center;
        step.length() / self.radius(step.angle())
    }

    /// Radial distance to the outline in pixels; negative outside.
    #[must_use]
    pub(crate) fn depth(&self, at: Point) -> f64 {
        let step = at - self.center;
        self.radius(step.angle()) - step.length()
    }

    /// The point at this fraction of the radius in this direction.
    #[must_use]
    pub(crate) fn point(&self, angle: f64, share: f64) -> Point {
        self.center + Point::polar(angle, share * self.radius(angle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::Seed;

    #[test]
    fn an_elongated_outline_keeps_its_area() {
        let shape =
            Shape { radius: 10.0, elongation: 4.0, axis: 0.7, irregularity: 0.0, tips: 0.0 };
        let outline = Outline::new(Point { x: 5.0, y: 5.0 }, &shape, &mut Seed::new(1).rng());
        assert!((outline.radius(0.7) - 20.0).abs() < 0.2);
        assert!((outline.radius(0.7 + TAU / 4.0) - 5.0).abs() < 0.1);
        assert!((outline.reach(outline.point(2.0, 0.5)) - 0.5).abs() < 1e-9);
        assert!(outline.depth(outline.center()) > 0.0);
    }
}

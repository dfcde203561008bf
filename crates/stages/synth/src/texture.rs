//! Smooth random textures: chromatin, reticulum, cytosol, illumination.
//!
//! Value noise (Perlin 1985 describes the family): random numbers on a square lattice,
//! interpolated by smoothsteps; `grain` adds two octaves. Values lie in [0, 1], mean 0.5.

use crate::plane::Point;
use hpa_core::Seed;

/// An unbounded texture, defined at every point of the plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texture {
    seed: Seed,
    /// Lattice spacing in pixels.
    spacing: f64,
}

impl Texture {
    /// A texture whose blobs are about `spacing` pixels wide.
    #[must_use]
    pub(crate) fn new(seed: Seed, spacing: f64) -> Self {
        Self { seed, spacing: spacing.max(0.5) }
    }

    /// The value at a point, from 0 to 1.
    #[must_use]
    pub(crate) fn value(&self, at: Point) -> f64 {
        let (x, y) = (at.x / self.spacing, at.y / self.spacing);
        let (column, row) = (x.floor(), y.floor());
        let (right, down) = (smoothstep(x - column), smoothstep(y - row));
        let top = lerp(self.corner(column, row), self.corner(column + 1.0, row), right);
        let bottom =
            lerp(self.corner(column, row + 1.0), self.corner(column + 1.0, row + 1.0), right);
        lerp(top, bottom, down)
    }

    /// Two octaves, from 0 to 1.
    #[must_use]
    pub(crate) fn grain(&self, at: Point) -> f64 {
        let fine = self.value(Point { x: at.y * 2.0 + 91.7, y: at.x * 2.0 - 37.3 });
        0.6 * self.value(at) + 0.4 * fine
    }

    /// The ridges of the noise, from 0 to 1: bright threads between dark holes.
    #[must_use]
    pub(crate) fn threads(&self, at: Point) -> f64 {
        let ridge = 1.0 - (2.0 * self.value(at) - 1.0).abs();
        ridge * ridge * ridge
    }

    fn corner(&self, column: f64, row: f64) -> f64 {
        let bits = self.seed.child(column.to_bits()).child(row.to_bits()).get();
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn smoothstep(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

fn lerp(from: f64, to: f64, fraction: f64) -> f64 {
    from + (to - from) * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texture_is_smooth_and_stays_in_range() {
        let texture = Texture::new(Seed::new(3), 5.0);
        for step in 0..2000 {
            let at = Point { x: f64::from(step) * 0.37 - 200.0, y: f64::from(step) * 0.11 };
            let near = Point { x: at.x + 1e-3, y: at.y };
            for (here, there) in [
                (texture.value(at), texture.value(near)),
                (texture.grain(at), texture.grain(near)),
                (texture.threads(at), texture.threads(near)),
            ] {
                assert!((0.0..=1.0).contains(&here) && (here - there).abs() < 0.01);
            }
        }
    }
}

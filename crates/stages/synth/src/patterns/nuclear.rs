//! Patterns of the nucleus.

use crate::canvas::Canvas;
use crate::plane::Point;
use crate::scene::Region::Nucleus;
use crate::texture::Texture;
use hpa_core::{Rng, Seed};
use std::f64::consts::TAU;

/// Nucleoplasm: all of the nucleus but the nucleoli, finely grained.
pub(super) fn nucleoplasm(canvas: &mut Canvas, seed: Seed) {
    diffuse(canvas, seed, 0.65);
    for nucleolus in &canvas.scene.cells[canvas.cell].nucleoli {
        canvas.blob(Nucleus, nucleolus.center, 0.8 * nucleolus.radius, -0.3);
    }
}

fn diffuse(canvas: &mut Canvas, seed: Seed, height: f64) {
    let scene = canvas.scene;
    let grain = Texture::new(seed, 0.9 * scene.micrometre);
    canvas.fill(Nucleus, |index| {
        let rim = (scene.depth(index) / 1.5).min(1.0);
        height * rim * (0.55 + 0.9 * grain.grain(scene.point(index)))
    });
}

/// Nuclear membrane: a thin line around the nucleus, seen edge-on; a faint veil on top.
pub(super) fn membrane(canvas: &mut Canvas) {
    let scene = canvas.scene;
    let width = (0.4 * scene.micrometre).max(0.7);
    canvas.fill(Nucleus, |index| {
        0.1 + 1.5 * (-0.5 * ((scene.depth(index) - width) / width).powi(2)).exp()
    });
}

/// Nucleoli: two to five bright balls, where ribosomes are assembled.
pub(super) fn nucleoli(canvas: &mut Canvas, seed: Seed) {
    diffuse(canvas, seed, 0.12);
    for nucleolus in &canvas.scene.cells[canvas.cell].nucleoli {
        canvas.blob(Nucleus, nucleolus.center, nucleolus.radius, 1.5);
    }
}

/// Fibrillar centres: a ring of dots along the rim of each nucleolus, dark inside
/// (Raška et al., Curr. Opin. Cell Biol. 2006).
pub(super) fn fibrillar_centers(canvas: &mut Canvas, rng: &mut Rng) {
    let size = 0.35 * canvas.micrometre();
    for nucleolus in &canvas.scene.cells[canvas.cell].nucleoli {
        let (dots, turn) = (3 + rng.below(4), rng.range(0.0, TAU));
        for dot in 0..dots {
            let angle = turn + TAU * dot as f64 / dots as f64 + 0.2 * rng.normal();
            let at = nucleolus.center + Point::polar(angle, 1.05 * nucleolus.radius);
            canvas.spot(Nucleus, at, size, rng.range(1.2, 2.4));
        }
    }
}

/// Nuclear speckles: 20 to 50 irregular granules of splicing factors between the chromatin,
/// never in nucleoli (Spector & Lamond, Cold Spring Harb. Perspect. Biol. 2011).
pub(super) fn speckles(canvas: &mut Canvas, rng: &mut Rng) {
    let scene = canvas.scene;
    canvas.fill(Nucleus, |index| 0.15 * (scene.depth(index) / 1.5).min(1.0));
    let size = 0.5 * canvas.micrometre();
    for _ in 0..20 + rng.below(26) {
        if let Some(at) = outside_nucleoli(canvas, 1.1, rng) {
            // Two lobes make a granule irregular.
            for _ in 0..2 {
                let lobe = at + Point::polar(rng.range(0.0, TAU), 0.8 * size);
                canvas.spot(Nucleus, lobe, size * rng.range(0.7, 1.1), rng.range(0.5, 1.1));
            }
        }
    }
}

/// Nuclear bodies: two to ten single round dots, such as PML and Cajal bodies
/// (Lallemand-Breitenbach & de Thé, Cold Spring Harb. Perspect. Biol. 2010).
pub(super) fn bodies(canvas: &mut Canvas, rng: &mut Rng) {
    let size = 0.45 * canvas.micrometre();
    for _ in 0..2 + rng.below(7) {
        if let Some(at) = outside_nucleoli(canvas, 1.4, rng) {
            canvas.spot(Nucleus, at, size * rng.range(0.8, 1.3), rng.range(1.6, 2.6));
        }
    }
}

/// A point of the nucleus at least `clearance` radii away from every nucleolus's middle.
fn outside_nucleoli(canvas: &Canvas, clearance: f64, rng: &mut Rng) -> Option<Point> {
    let nucleoli = &canvas.scene.cells[canvas.cell].nucleoli;
    (0..8).filter_map(|_| canvas.scene.scatter(canvas.cell, Nucleus, rng)).find(|&at| {
        nucleoli
            .iter()
            .all(|nucleolus| (nucleolus.center - at).length() > clearance * nucleolus.radius)
    })
}

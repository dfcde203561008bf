//! Patterns of the protein channel, one for each of the 28 labels.
//!
//! A pattern paints one cell. Descriptions of places follow the subcellular section of the
//! Human Protein Atlas (Thul et al., Science 2017, doi 10.1126/science.aal3321) unless a
//! pattern names another source. Diffuse patterns have height about 0.6, small structures
//! 1.5 and more, so that neither hides the other in a mixed sample.

mod division;
mod nuclear;
mod secretory;
mod skeleton;
mod surface;
mod vesicles;

pub(crate) use division::bridges;
pub(crate) use secretory::reticulum_mesh;

use crate::canvas::Canvas;
use crate::cell::Phase;
use crate::layout::Needs;
use crate::plane::Plane;
use crate::scene::{Region, Scene};
use hpa_core::{LabelSet, Seed};

/// What these labels require of the layout.
#[must_use]
pub(crate) fn needs(labels: &LabelSet) -> Needs {
    let has = |number| labels.as_slice().iter().any(|label| label.get() == number);
    Needs { bridge: has(16), spindle: has(17), contact: has(22) }
}

/// Paints the pattern of one label into every cell; `strength` is a factor on all of it.
pub(crate) fn paint(label: u8, scene: &Scene, strength: f64, seed: Seed, plane: &mut Plane) {
    if label == 16 {
        bridges(scene, plane, 2.2 * strength);
        return;
    }
    for (number, cell) in scene.cells.iter().enumerate() {
        let seed = seed.child(number as u64);
        let mut canvas = Canvas::new(scene, number, strength * cell.expression, plane);
        match label {
            // Without an envelope nuclear proteins fill the cell (Alberts et al., ch. 17).
            0..=5 if cell.phase == Phase::Metaphase => canvas.fill(Region::Cell, |_| 0.3),
            _ => paint_cell(label, &mut canvas, seed),
        }
    }
}

fn paint_cell(label: u8, canvas: &mut Canvas, seed: Seed) {
    let rng = &mut seed.rng();
    match label {
        0 => nuclear::nucleoplasm(canvas, seed),
        1 => nuclear::membrane(canvas),
        2 => nuclear::nucleoli(canvas, seed),
        3 => nuclear::fibrillar_centers(canvas, rng),
        4 => nuclear::speckles(canvas, rng),
        5 => nuclear::bodies(canvas, rng),
        6 => secretory::reticulum(canvas, seed),
        7 => secretory::golgi(canvas, rng),
        8 => vesicles::peroxisomes(canvas, rng),
        9 => vesicles::endosomes(canvas, rng),
        10 => vesicles::lysosomes(canvas, rng),
        11 => skeleton::intermediate_filaments(canvas, rng),
        12 => skeleton::actin(canvas, rng),
        13 => skeleton::focal_adhesions(canvas, rng),
        14 => skeleton::microtubules(canvas, rng),
        15 => skeleton::microtubule_ends(canvas, rng),
        17 => division::spindle(canvas),
        18 => division::organizing_center(canvas, rng),
        19 => division::centrosome(canvas, rng),
        20 => vesicles::lipid_droplets(canvas, rng),
        21 => surface::membrane(canvas, seed),
        22 => surface::junctions(canvas, seed),
        23 => secretory::mitochondria(canvas, rng),
        24 => secretory::aggresome(canvas, rng),
        25 => surface::cytosol(canvas, seed),
        26 => vesicles::cytoplasmic_bodies(canvas, rng),
        27 => skeleton::rods_and_rings(canvas, rng),
        // 16 is painted between cells; there are no other labels.
        _ => {}
    }
}

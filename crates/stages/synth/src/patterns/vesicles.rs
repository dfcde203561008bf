//! Vesicles and granules of the cytoplasm, which differ in number, size, position and hollowness.

use crate::canvas::Canvas;
use crate::plane::Point;
use crate::scene::Region::Cytoplasm;
use hpa_core::Rng;
use std::f64::consts::TAU;

/// Peroxisomes: about a hundred equal dots throughout the cytoplasm
/// (Smith & Aitchison, Nat. Rev. Mol. Cell Biol. 2013).
pub(super) fn peroxisomes(canvas: &mut Canvas, rng: &mut Rng) {
    let size = 0.3 * canvas.micrometre();
    for _ in 0..70 + rng.below(50) {
        if let Some(at) = canvas.scene.scatter(canvas.cell, Cytoplasm, rng) {
            canvas.spot(Cytoplasm, at, size, rng.range(1.2, 1.6));
        }
    }
}

/// Endosomes: dozens of vesicles of all sizes, the larger ones hollow
/// (Huotari & Helenius, EMBO J. 2011).
pub(super) fn endosomes(canvas: &mut Canvas, rng: &mut Rng) {
    let (unit, radius) = (canvas.micrometre(), canvas.scene.cells[canvas.cell].radius);
    for _ in 0..18 + rng.below(16) {
        if let Some(at) = canvas.scene.beside_nucleus(canvas.cell, 0.35 * radius, rng) {
            if rng.bernoulli(0.35) {
                canvas.ring(Cytoplasm, at, rng.range(0.8, 1.3) * unit, rng.range(1.0, 1.5));
            } else {
                canvas.spot(Cytoplasm, at, rng.range(0.3, 0.5) * unit, rng.range(0.8, 1.8));
            }
        }
    }
}

/// Lysosomes: ten to thirty bright filled discs near the organising centre
/// (Pu et al., J. Cell Sci. 2016).
pub(super) fn lysosomes(canvas: &mut Canvas, rng: &mut Rng) {
    let unit = canvas.micrometre();
    let cell = &canvas.scene.cells[canvas.cell];
    for _ in 0..12 + rng.below(16) {
        if let Some(at) = canvas.scene.around(canvas.cell, cell.organiser, 0.35 * cell.radius, rng)
        {
            canvas.blob(Cytoplasm, at, rng.range(0.6, 1.1) * unit, rng.range(1.2, 2.0));
        }
    }
}

/// Lipid droplets: clustered droplets; antibodies stain their surface, so each is a ring
/// (Olzmann & Carvalho, Nat. Rev. Mol. Cell Biol. 2019).
pub(super) fn lipid_droplets(canvas: &mut Canvas, rng: &mut Rng) {
    let (unit, scene) = (canvas.micrometre(), canvas.scene);
    for _ in 0..3 + rng.below(3) {
        let Some(cluster) = scene.scatter(canvas.cell, Cytoplasm, rng) else { continue };
        for _ in 0..4 + rng.below(5) {
            if let Some(at) = scene.around(canvas.cell, cluster, 2.2 * unit, rng) {
                let radius = rng.range(0.9, 1.7) * unit;
                canvas.ring(Cytoplasm, at, radius, rng.range(0.9, 1.4));
            }
        }
    }
}

/// Cytoplasmic bodies: three to eight sharp round grains, such as P-bodies
/// (Luo, Na & Slavoff, Biochemistry 2018).
pub(super) fn cytoplasmic_bodies(canvas: &mut Canvas, rng: &mut Rng) {
    let scene = canvas.scene;
    canvas.fill(Cytoplasm, |_| 0.06);
    for _ in 0..3 + rng.below(6) {
        if let Some(at) = scene.scatter(canvas.cell, Cytoplasm, rng) {
            let size = rng.range(0.5, 0.8) * scene.micrometre;
            canvas.spot(Cytoplasm, at + Point::polar(rng.range(0.0, TAU), 0.3), size, 2.2);
        }
    }
}

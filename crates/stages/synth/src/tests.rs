//! Properties of whole drawings.

use crate::canvas::Canvas;
use crate::cell::Phase;
use crate::layout::{Needs, lay_out};
use crate::plane::Plane;
use crate::scene::{Region, Scene};
use crate::{Split, SynthConfig, draw_images, filaments, patterns, samples};
use hpa_core::{LabelNames, LabelSet, Seed};
use rayon::prelude::*;

fn scene_for(seed: u64, needs: Needs) -> Scene {
    let mut rng = Seed::new(seed).rng();
    let config = SynthConfig { dividing_share: 0.0, ..SynthConfig::DEFAULT };
    let (line, cells) = lay_out(&config, needs, &mut rng);
    let mut scene = Scene::new(config.size_px, cells);
    scene.microtubules = filaments::microtubules(&scene, line.filaments, &mut rng);
    scene
}

fn painted(label: u8, scene: &Scene) -> Plane {
    let mut plane = Plane::new(scene.size);
    patterns::paint(label, scene, 1.0, Seed::new(9).child(u64::from(label)), &mut plane);
    plane
}

/// Light in a region of all cells, and light in all.
fn light(plane: &Plane, scene: &Scene, region: Region) -> (f64, f64) {
    let cells = 0..scene.cells.len();
    let inside =
        cells.flat_map(|cell| scene.pixels(cell, region)).map(|index| plane.at(index)).sum();
    (inside, plane.values().iter().map(|&value| f64::from(value)).sum())
}

#[test]
fn nuclear_patterns_stay_inside_and_cytoplasmic_ones_outside_of_the_nucleus() {
    let scene = scene_for(4, Needs::default());
    for (labels, region) in [
        (&[0, 1, 2, 3, 4, 5][..], Region::Nucleus),
        (&[7, 8, 9, 10, 11, 13, 14, 15, 20, 23, 24, 26], Region::Cytoplasm),
    ] {
        for &label in labels {
            let (inside, all) = light(&painted(label, &scene), &scene, region);
            let tolerance = if label == 13 { 0.3 } else { 1e-6 };
            assert!(
                all > 0.0 && inside > (1.0 - tolerance) * all,
                "label {label}: {inside} of {all}"
            );
        }
    }
}

#[test]
fn every_pattern_is_visible_and_only_bridges_leave_the_cells() {
    let scene = scene_for(5, Needs { bridge: true, spindle: true, contact: true });
    for label in 0..28 {
        let plane = painted(label, &scene);
        let (inside, all) = light(&plane, &scene, Region::Cell);
        assert!(plane.values().iter().any(|&value| value > 0.2), "label {label} is dark");
        assert!(label == 16 || (inside - all).abs() < 1e-3 * all, "label {label} leaves its cell");
    }
}

#[test]
fn a_bridge_needs_two_daughters() {
    let alone = scene_for(6, Needs::default());
    assert!(alone.cells.iter().all(|cell| cell.phase == Phase::Interphase));
    assert!(painted(16, &alone).values().iter().all(|&value| value == 0.0));
    let pair = scene_for(6, Needs { bridge: true, ..Needs::default() });
    assert!(painted(16, &pair).values().iter().any(|&value| value > 1.0));
}

#[test]
fn a_canvas_does_not_paint_neighbouring_cells() {
    let scene = scene_for(7, Needs { contact: true, ..Needs::default() });
    let mut plane = Plane::new(scene.size);
    let edge = scene.cells[0].body.point(0.3, 0.98);
    Canvas::new(&scene, 0, 1.0, &mut plane).blob(Region::Cell, edge, 30.0, 1.0);
    for other in 1..scene.cells.len() {
        assert!(scene.pixels(other, Region::Cell).all(|index| plane.at(index) == 0.0));
    }
}

#[test]
fn any_number_of_threads_draws_the_same() {
    let config =
        SynthConfig { train_samples: 8, test_samples: 4, size_px: 64, ..SynthConfig::DEFAULT };
    let samples = samples(&config).unwrap();
    let draw = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| -> Vec<_> {
            samples.par_iter().map(|sample| sample.draw(&config)).collect()
        })
    };
    assert_eq!(draw(1), draw(3));
}

#[test]
fn labels_without_layout_requirements_change_the_protein_channel_alone() {
    let names = LabelNames::atlas();
    let sets = ["2", "23"].map(|text| LabelSet::parse(text, &names).unwrap());
    let [one, other] =
        sets.map(|labels| draw_images(&SynthConfig::DEFAULT, &labels, 1.0, Seed::new(3)));
    for channel in [0, 2, 3] {
        assert_eq!(one[channel], other[channel]);
    }
    assert_ne!(one[1], other[1]);
}

#[test]
fn the_default_data_set_has_ten_test_positives_of_every_label() {
    let config = SynthConfig { min_positives: 10, ..SynthConfig::DEFAULT };
    let samples = samples(&config).unwrap();
    for label in LabelNames::atlas().labels() {
        for split in Split::ALL {
            let positives =
                samples.iter().filter(|s| s.split == split && s.labels.contains(label)).count();
            assert!(positives >= 10, "{positives} of label {label}");
        }
    }
}

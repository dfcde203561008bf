//! What is drawn for samples.

use super::*;

const EXTREME: Augmentation = Augmentation {
    d4: true,
    rotate_degrees: 90.0,
    zoom: 1.5,
    lighting: 0.05,
    probability: 0.75,
    crop_area: 0.5,
    gain: 0.2,
    cutout_holes: 2,
    ..Augmentation::NONE
};

fn id(text: &str) -> SampleId {
    text.parse().unwrap()
}

fn views(augmentation: Augmentation) -> Vec<Transform> {
    (0..4000).map(|n| augmentation.draw(Seed::new(5), 0, &id(&n.to_string()), 0)).collect()
}

fn share(views: &[Transform], happened: impl Fn(&Transform) -> bool) -> f64 {
    views.iter().filter(|view| happened(view)).count() as f64 / views.len() as f64
}

#[test]
fn a_view_depends_on_seed_epoch_sample_and_copy_alone() {
    let draw = |seed, epoch, name, copy| EXTREME.draw(Seed::new(seed), epoch, &id(name), copy);
    assert_eq!(draw(1, 2, "a", 0), draw(1, 2, "a", 0));
    let others = [draw(2, 2, "a", 0), draw(1, 3, "a", 0), draw(1, 2, "b", 0), draw(1, 2, "a", 1)];
    for (place, other) in others.iter().enumerate() {
        assert_ne!(*other, draw(1, 2, "a", 0), "{place}");
        assert!(others[..place].iter().all(|earlier| earlier != other), "{place}");
    }
    let nothing = Augmentation::NONE.draw(Seed::new(1), 0, &id("a"), 0);
    assert_eq!(Transform { focus: [0.0; 2], ..nothing }, Transform::turned(Dihedral::default()));
}

#[test]
fn crop_gain_and_holes_do_not_move_the_other_draws() {
    let old = Augmentation { crop_area: 1.0, gain: 0.0, cutout_holes: 0, ..EXTREME };
    for (new, old) in views(EXTREME).iter().zip(views(old)) {
        let plain = Transform { crop: Crop::WHOLE, gains: [1.0; 4], holes: Cutout::NONE, ..*new };
        assert_eq!(plain, old);
    }
}

#[test]
fn views_stay_in_their_ranges_and_happen_as_often_as_they_should() {
    let views = views(EXTREME);
    assert!((share(&views, |view| view.degrees != 0.0) - 0.75).abs() < 0.03);
    assert!((share(&views, |view| view.zoom > 1.0) - 0.75).abs() < 0.03);
    assert!((share(&views, |view| view.turn.index() == 5) - 0.125).abs() < 0.02);
    assert!(views.iter().all(|view| view.degrees.abs() <= 90.0 && view.zoom <= 1.5));
    assert!(views.iter().all(|view| (0.475..=0.525).contains(&view.brightness)));
    assert!(views.iter().all(|view| (0.95..=1.0527).contains(&view.contrast)));
    assert!(
        (share(&views, |view| view.gains.iter().any(|gain| (gain - 1.0).abs() > 1e-6)) - 0.75)
            .abs()
            < 0.03
    );
    assert!(views.iter().flat_map(|view| view.gains).all(|gain| (0.8..=1.2).contains(&gain)));
    assert!((share(&views, |view| view.holes.count == 2) - 0.75).abs() < 0.03);
    assert!(
        views.iter().all(|view| view.holes.count == 0 || (view.holes.side - 0.25).abs() < 1e-6)
    );
}

#[test]
fn crops_keep_their_area_and_aspect_and_fit() {
    let views = views(EXTREME);
    let crops: Vec<Crop> = views.iter().map(|view| view.crop).collect();
    for Crop { size: [width, height], place } in &crops {
        assert!(*width <= 1.0 && *height <= 1.0 && (0.4999..=1.0).contains(&(width * height)));
        assert!((0.7499..=1.3334).contains(&(width / height)), "{width} {height}");
        assert!(place.iter().all(|place| place.abs() <= 1.0));
    }
    // Areas are uniform but for those that do not fit: their mean is a little below 3/4.
    let mean = crops.iter().map(|c| f64::from(c.size[0] * c.size[1])).sum::<f64>() / 4000.0;
    assert!((0.68..0.75).contains(&mean), "{mean}");
    assert!(share(&views, |view| view.crop == Crop::WHOLE) < 0.01);
}

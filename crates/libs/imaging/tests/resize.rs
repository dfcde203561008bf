//! Resizing against OpenCV and Pillow; `golden/resize.py` made the values.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use hpa_imaging::{Plane, ResizeFilter, Samples, resize};

fn source(side: usize) -> Plane {
    let level = |x: usize, y: usize| u8::try_from((3 * x * x + 7 * y + x * y) % 256).unwrap();
    let levels = (0..side * side).map(|pixel| level(pixel % side, pixel / side)).collect();
    Plane::new(side, side, Samples::U8(levels)).unwrap()
}

fn sixteen(plane: &Plane) -> Plane {
    let Samples::U8(levels) = plane.samples() else { panic!("8 bits") };
    let levels = levels.iter().map(|&level| u16::from(level) * 257).collect();
    Plane::new(plane.width(), plane.height(), Samples::U16(levels)).unwrap()
}

#[test]
fn both_filters_are_within_one_level_of_the_reference() {
    let mut cases = 0;
    for line in include_str!("golden/resize.txt").lines() {
        let mut words = line.split(' ');
        let filter = match words.next() {
            Some("area") => ResizeFilter::Area,
            Some("lanczos") => ResizeFilter::Lanczos,
            other => panic!("{other:?}"),
        };
        let numbers: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
        let ([side, target], expected) = numbers.split_first_chunk().unwrap();
        for plane in [source(*side), sixteen(&source(*side))] {
            let found = resize(&plane, *target, filter);
            assert_eq!(found.len(), expected.len());
            for (pixel, (&found, &expected)) in found.iter().zip(expected).enumerate() {
                let difference = usize::from(found).abs_diff(expected);
                assert!(
                    difference <= 1,
                    "{filter:?} {side} to {target} at {pixel}: {found} {expected}"
                );
            }
        }
        cases += 1;
    }
    assert_eq!(cases, 10);
}

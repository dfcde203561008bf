//! From stored pixels to images, worked on paper.

use super::*;

const STATISTICS: ChannelStatistics = ChannelStatistics { mean: [0.5; 4], std: [0.25; 4] };

fn prepared(view: Transform, pixels: &[u8]) -> Vec<f32> {
    let mut image = vec![0.0; pixels.len()];
    view.prepare(&STATISTICS, pixels, &mut image);
    image
}

fn plain() -> Transform {
    Transform::turned(Dihedral::default())
}

#[test]
fn a_sample_as_it_is_is_normalised_and_interleaved() {
    // [4][2][2]: red 0..4, green 10.., blue 20.., yellow 30..
    let pixels: Vec<u8> = (0..4).flat_map(|c| (0..4).map(move |p| c * 10 + p)).collect();
    let image = prepared(plain(), &pixels);
    let expected = |level: u8| (f32::from(level) / 255.0 - 0.5) / 0.25;
    for (pixel, channels) in image.chunks_exact(4).enumerate() {
        for (channel, value) in channels.iter().enumerate() {
            assert!((value - expected(pixels[channel * 4 + pixel])).abs() < 1e-5);
        }
    }
}

#[test]
fn a_turn_moves_pixels_and_a_resampled_turn_agrees() {
    let pixels: Vec<u8> = (0..4 * 25).collect();
    let turn = Dihedral::from_index(5).unwrap();
    let moved = prepared(Transform::turned(turn), &pixels);
    let nearly = Transform { zoom: 1.000_001, ..Transform::turned(turn) };
    let resampled = prepared(nearly, &pixels);
    assert!(moved.iter().zip(&resampled).all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn a_gain_multiplies_its_channel_and_stops_at_white() {
    let pixels = [51, 102, 204, 0].map(|level| [level; 4]).concat(); // [4][2][2]
    let image = prepared(Transform { gains: [2.0, 0.5, 2.0, 1.0], ..plain() }, &pixels);
    // Levels .4, .2, 1 (not 1.6) and 0.
    let expected = [-0.4, -1.2, 2.0, -2.0];
    assert!(
        image
            .chunks_exact(4)
            .flatten()
            .zip(expected.iter().cycle())
            .all(|(a, b)| (a - b).abs() < 1e-5)
    );
}

#[test]
fn holes_show_the_mean_and_are_cut_at_the_edge() {
    let side = 8;
    let pixels = vec![255; 4 * side * side];
    let mut centres = [[0.0; 2]; Cutout::MOST];
    centres[1] = [0.5, 0.75];
    let holes = Cutout { count: 2, side: 0.25, centres };
    let image = prepared(Transform { holes, ..plain() }, &pixels);
    for (pixel, levels) in image.chunks_exact(4).enumerate() {
        let (x, y) = (pixel % side, pixel / side);
        // The first is cut to one pixel, the second covers columns 3 and 4 of rows 5 and 6.
        let hidden = (x < 1 && y < 1) || ((3..5).contains(&x) && (5..7).contains(&y));
        let expected = if hidden { 0.0 } else { 2.0 };
        assert!(levels.iter().all(|level| (level - expected).abs() < 1e-5), "{x} {y} {levels:?}");
    }
}

#[test]
fn a_crop_stretches_its_rectangle() {
    // One column a level: the right half is columns 2 and 3.
    let pixels: Vec<u8> = (0..4 * 16).map(|place| [0, 50, 100, 150][place % 4]).collect();
    let crop = Crop { size: [0.5, 1.0], place: [1.0, 0.0] };
    let image = prepared(Transform { crop, ..plain() }, &pixels);
    let levels: Vec<f32> =
        image.chunks_exact(4).take(4).map(|pixel| (pixel[0] * 0.25 + 0.5) * 255.0).collect();
    for (level, expected) in levels.iter().zip([87.5, 112.5, 137.5, 150.0]) {
        assert!((level - expected).abs() < 0.01, "{levels:?}");
    }
}

#[test]
fn light_is_looked_up_channel_by_channel() {
    let bright = Transform { brightness: 0.6, ..plain() };
    let (before, after) = (plain().tables(&STATISTICS), bright.tables(&STATISTICS));
    assert!(before[0][100] < after[0][100] && before[3][0] >= after[3][0] - 1e-6);
}

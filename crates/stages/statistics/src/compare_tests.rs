//! Statistics against their definitions, and detection of both mistakes.

use super::*;
use crate::count::Counts;

fn level(value: usize) -> u8 {
    u8::try_from(value).expect("a grey level")
}

/// Four dark planes that correlate differently with each other.
fn sample(seed: usize) -> Vec<u8> {
    let noise = |pixel: usize, salt: usize| (pixel * 7919 + seed * 104_729 + salt * 1299) / 64 % 40;
    let cell = |pixel: usize| if (pixel / 37).is_multiple_of(5) { 60 } else { 0 };
    let nucleus = |pixel: usize| if (pixel / 37).is_multiple_of(15) { 90 } else { 0 };
    let plane = |of: &dyn Fn(usize) -> usize| -> Vec<u8> {
        (0..4096).map(|pixel| level(of(pixel).min(255))).collect()
    };
    let planes = [
        plane(&|pixel| cell(pixel) + noise(pixel, 1)),
        plane(&|pixel| cell(pixel) / 3 + nucleus(pixel) / 3 + noise(pixel, 2)),
        plane(&|pixel| nucleus(pixel) + noise(pixel, 3) / 4),
        plane(&|pixel| cell(pixel) + noise(pixel, 1) / 2 + noise(pixel, 4)),
    ];
    planes.concat()
}

fn statistics(samples: &[Vec<u8>]) -> Statistics {
    let mut counts = Counts::ZERO;
    for image in samples {
        counts.add_image(image);
    }
    counts.statistics(samples.len())
}

fn part(seeds: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    seeds.map(sample).collect()
}

#[test]
fn moments_and_correlations_are_those_of_the_pixels() {
    let samples = part(0..3);
    let found = statistics(&samples);
    let plane = |channel: usize| -> Vec<f64> {
        let pixels = samples.iter().flat_map(|image| &image[channel * 4096..][..4096]);
        pixels.map(|&level| f64::from(level) / 255.0).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    for a in 0..4 {
        let own = plane(a);
        assert!((found.channels[a].mean() - mean(&own)).abs() < 1e-12);
        let from_mean = |values: &[f64]| -> Vec<f64> {
            values.iter().map(|value| value - mean(values)).collect()
        };
        let own = from_mean(&own);
        let std = mean(&own.iter().map(|v| v * v).collect::<Vec<_>>()).sqrt();
        assert!((found.channels[a].std() - std).abs() < 1e-12);
        for b in 0..4 {
            let other = from_mean(&plane(b));
            let products: Vec<f64> = own.iter().zip(&other).map(|(a, b)| a * b).collect();
            let spread = mean(&other.iter().map(|v| v * v).collect::<Vec<_>>()).sqrt() * std;
            assert!((found.channels[a].correlation[b] - mean(&products) / spread).abs() < 1e-9);
        }
    }
}

#[test]
fn other_samples_and_other_brightness_raise_no_warning() {
    let training = statistics(&part(0..20));
    assert_eq!(compare_with_reference(&training, &statistics(&part(20..30))), Vec::<String>::new());
    for percent in [50, 70, 140] {
        let mut other = part(20..30);
        other
            .iter_mut()
            .flatten()
            .for_each(|v| *v = level((usize::from(*v) * percent / 100).min(255)));
        assert_eq!(
            compare_with_reference(&training, &statistics(&other)),
            Vec::<String>::new(),
            "{percent} %"
        );
    }
}

#[test]
fn a_scale_wrong_by_16_is_reported() {
    let training = statistics(&part(0..20));
    let mut dark = part(20..30);
    dark.iter_mut().flatten().for_each(|v| *v /= 16);
    assert!(
        compare_with_reference(&training, &statistics(&dark))[0].contains("about 16 times darker")
    );
    let mut bright = part(20..30);
    bright.iter_mut().flatten().for_each(|v| *v = v.saturating_mul(16));
    assert!(
        compare_with_reference(&training, &statistics(&bright))[0]
            .contains("about 16 times brighter")
    );
}

#[test]
fn every_pair_of_swapped_channels_is_reported() {
    let training = statistics(&part(0..20));
    for (a, b) in PAIRS {
        let mut other = part(20..30);
        for image in &mut other {
            let copy = image.clone();
            image[a * 4096..][..4096].copy_from_slice(&copy[b * 4096..][..4096]);
            image[b * 4096..][..4096].copy_from_slice(&copy[a * 4096..][..4096]);
        }
        let warnings = compare_with_reference(&training, &statistics(&other));
        let expected = format!("{} looks like {}", Channel::ALL[a], Channel::ALL[b]);
        assert!(warnings.len() == 1 && warnings[0].contains(&expected), "{a} {b}: {warnings:?}");
    }
}

/// Statistics whose correlations are interpolated by `fraction` between those of `training` and
/// those of `training` with red and yellow swapped.
fn partly_swapped(training: &Statistics, fraction: f64) -> Statistics {
    let swapped = |channel: usize| [3, 1, 2, 0][channel];
    let mut part = training.clone();
    for (a, channel) in part.channels.iter_mut().enumerate() {
        for (b, correlation) in channel.correlation.iter_mut().enumerate() {
            let other = training.channels[swapped(a)].correlation[swapped(b)];
            *correlation += fraction * (other - *correlation);
        }
    }
    part
}

#[test]
fn a_permutation_must_leave_at_most_93_percent_of_the_distance() {
    let training = statistics(&part(0..20));
    let warned = |left: f64| {
        // At this fraction the distance to the swap is `left` times that to no swap.
        let part = partly_swapped(&training, 1.0 / (1.0 + left));
        let warnings = compare_with_reference(&training, &part);
        warnings.iter().any(|text| text.contains("red looks like yellow"))
    };
    assert!(warned(0.9) && !warned(0.95));
}

#[test]
fn fewer_than_eight_samples_are_not_compared() {
    let training = statistics(&part(0..20));
    let mut other = part(20..22);
    for image in &mut other {
        image.rotate_left(4096);
    }
    assert_eq!(compare_with_reference(&training, &statistics(&other)), Vec::<String>::new());
}

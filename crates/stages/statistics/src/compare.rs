//! Checks of one part's statistics against the training part's.
//!
//! Two mistakes of data preparation are common. Twelve-bit cameras store levels up to 4095 in
//! 16-bit files: read as they are, the images are 16 times too dark; multiplied twice, they are
//! 16 times too bright and saturated. And channels are easily swapped when files are renamed.
//! Both leave traces that differ from those of another microscope or of other cells: a
//! histogram that matches the training part's after scaling by 16, and correlations between
//! the channels that match the training part's after a permutation.

use hpa_artifacts::Statistics;
use hpa_core::Channel;

/// Number of grey levels.
const LEVELS: usize = 256;
/// With fewer samples the correlations are too noisy to compare.
const MIN_SAMPLES: u64 = 8;
/// A wrong scale is reported if scaling by 16 leaves at most this fraction of the distance.
const SCALE_RATIO: f64 = 0.4;
/// Swapped channels are reported if a permutation leaves at most this fraction of the distance.
/// Chosen on samples of the atlas; `docs/preprocessing.md` has the detection rates.
const SWAP_RATIO: f64 = 0.93;
/// Distances of the correlations below this are noise.
const MIN_SWAP_DISTANCE: f64 = 0.05;

/// Warnings about differences from the reference that look like mistakes.
#[must_use]
pub fn compare_with_reference(reference: &Statistics, part: &Statistics) -> Vec<String> {
    [wrong_scale(reference, part), swapped_channels(reference, part)]
        .into_iter()
        .flatten()
        .collect()
}

/// Reports histograms that match the reference's scaled by 16 or 1/16.
fn wrong_scale(reference: &Statistics, part: &Statistics) -> Option<String> {
    let distance_after = |factor: f64| -> f64 {
        let pairs = reference.channels.iter().zip(&part.channels);
        pairs
            .map(|(own, other)| {
                earth_movers_distance(&scale_levels(&own.histogram, factor), &other.histogram)
            })
            .sum()
    };
    let unscaled = distance_after(1.0);
    let darker = distance_after(1.0 / 16.0);
    let brighter = distance_after(16.0);
    if darker.min(brighter) > SCALE_RATIO * unscaled {
        return None;
    }
    let (how, cause) = if darker < brighter {
        ("darker", "12-bit levels (up to 4095) in 16-bit files must be multiplied by 16")
    } else {
        ("brighter", "16-bit levels were multiplied by 16 although they use the full range")
    };
    Some(format!("the images are about 16 times {how} than those of the training part: {cause}"))
}

/// The histogram after multiplying and clamping its levels.
fn scale_levels(histogram: &[u64; LEVELS], factor: f64) -> [u64; LEVELS] {
    let mut scaled = [0; LEVELS];
    for (level, count) in histogram.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let level = (level as f64 * factor).round().min(255.0) as usize;
        scaled[level] += count;
    }
    scaled
}

/// Earth mover's distance between two normalised histograms, in levels per pixel.
fn earth_movers_distance(a: &[u64; LEVELS], b: &[u64; LEVELS]) -> f64 {
    let total = |histogram: &[u64; LEVELS]| histogram.iter().sum::<u64>().max(1) as f64;
    let total_a = total(a);
    let total_b = total(b);
    let mut cumulative = 0.0;
    a.iter()
        .zip(b)
        .map(|(&a, &b)| {
            cumulative += a as f64 / total_a - b as f64 / total_b;
            f64::abs(cumulative)
        })
        .sum()
}

/// Reports correlations that match the reference's after a permutation of the channels.
fn swapped_channels(reference: &Statistics, part: &Statistics) -> Option<String> {
    if reference.samples.min(part.samples) < MIN_SAMPLES {
        return None;
    }
    let distance = |order: &[usize; 4]| -> f64 {
        let difference = |(a, b): (usize, usize)| {
            let own = part.channels[a].correlation[b];
            (own - reference.channels[order[a]].correlation[order[b]]).abs()
        };
        PAIRS.into_iter().map(difference).sum()
    };
    let unswapped = distance(&[0, 1, 2, 3]);
    let (best, order) = permutations()
        .into_iter()
        .map(|order| (distance(&order), order))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there are 24 permutations");
    if best > SWAP_RATIO * unswapped || unswapped < MIN_SWAP_DISTANCE {
        return None;
    }
    let moved = (0..4).filter(|&channel| order[channel] != channel);
    let names = moved.map(|channel| {
        format!("{} looks like {}", Channel::ALL[channel], Channel::ALL[order[channel]])
    });
    Some(format!(
        "the channels correlate as if some were swapped: {} of the training part",
        names.collect::<Vec<_>>().join(", ")
    ))
}

const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];

/// All permutations of the four channels.
fn permutations() -> Vec<[usize; 4]> {
    let digits = |number: usize| [number / 64, number / 16 % 4, number / 4 % 4, number % 4];
    let is_permutation = |order: &[usize; 4]| (0..4).all(|channel| order.contains(&channel));
    (0..256).map(digits).filter(is_permutation).collect()
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;

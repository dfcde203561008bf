//! Preprocessing of a photograph for `EfficientNet-Lite`: resize, centre crop, normalise.
//!
//! The shorter side is resized to 256 px by an antialiased cubic (Keys 1981, a = −½: `bicubic` of
//! Pillow, and of `PyTorch` with `antialias=True`), the central 224 px are cropped, and levels become
//! `(level − 127) / 128`.

use hpa_core::Channel;
use hpa_imaging::{DecodeOptions, Plane, Samples, decode};

/// Side of the network's input.
pub(crate) const SIZE: usize = 224;
/// What the shorter side is resized to.
const SHORTER: f64 = 256.0;

/// The network's input, `[224][224][3]`, from the bytes of a JPEG or PNG in colour.
pub(crate) fn preprocess(bytes: &[u8]) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let mut image = vec![0.0; SIZE * SIZE * 3];
    for (index, channel) in [Channel::Red, Channel::Green, Channel::Blue].into_iter().enumerate() {
        let options = DecodeOptions { rgb_channel: Some(channel), ..DecodeOptions::default() };
        let levels = resize_and_crop(&decode(bytes, &options)?);
        for (pixel, level) in image.chunks_exact_mut(3).zip(levels) {
            pixel[index] = (level - 127.0) / 128.0;
        }
    }
    Ok(image)
}

/// The central square of the resized image, levels from 0 to 255.
fn resize_and_crop(plane: &Plane) -> Vec<f32> {
    let (width, height) = (plane.width(), plane.height());
    let resized = |side: usize| (side as f64 * SHORTER / width.min(height) as f64).round();
    let columns = filter_taps(width, resized(width));
    let rows = filter_taps(height, resized(height));
    let level = |index: usize| match plane.samples() {
        Samples::U8(all) => f64::from(all[index]),
        Samples::U16(all) => f64::from(all[index]) / 257.0,
    };
    let mut out = Vec::with_capacity(SIZE * SIZE);
    for Taps { first, weights } in &rows {
        let row: Vec<f64> = (0..width)
            .map(|x| (*first..).zip(weights).map(|(y, weight)| weight * level(y * width + x)).sum())
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "levels are 32-bit")]
        out.extend(columns.iter().map(|Taps { first, weights }| {
            row[*first..].iter().zip(weights).map(|(level, weight)| weight * level).sum::<f64>()
                as f32
        }));
    }
    out
}

/// The source pixels of one resized pixel, and their weights.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// The taps of each of the central pixels along a side that is resized to `resized` pixels.
fn filter_taps(side: usize, resized: f64) -> Vec<Taps> {
    let step = side as f64 / resized;
    let radius = 2.0 * step.max(1.0);
    let cropped = ((resized - SIZE as f64) / 2.0).floor();
    let taps = |pixel: usize| {
        let centre = (pixel as f64 + cropped + 0.5) * step;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..side")]
        let [first, end] = [centre - radius, centre + radius]
            .map(|edge| (edge + 0.5).clamp(0.0, side as f64) as usize);
        let weight = |at: usize| cubic((at as f64 + 0.5 - centre) / step.max(1.0));
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.into_iter().map(|weight| weight / sum).collect() }
    };
    (0..SIZE).map(taps).collect()
}

fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// The most probable class, and its softmax probability.
pub(crate) fn top1(logits: &[f32]) -> (usize, f64) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - max).exp()).sum();
    let class = logits.iter().position(|&logit| logit >= max).unwrap_or(0);
    (class, 1.0 / sum)
}

//! From a photograph to the input of an `EfficientNet-Lite`.
//!
//! The shorter side is shrunk to 256 px by an antialiased cubic (Keys 1981, a = −½: Pillow's and
//! PyTorch's `bicubic` with `antialias=True`), the centre of 224 px is cut out, and levels become
//! `(level − 127) / 128`.

use hpa_core::Channel;
use hpa_imaging::{DecodeOptions, Plane, Samples, decode};

/// Side of the network's input.
pub(crate) const SIZE: usize = 224;
/// What the shorter side is shrunk to.
const SHORTER: f64 = 256.0;

/// `[224][224][3]` of the bytes of a JPEG or PNG in colour.
pub(crate) fn prepared(bytes: &[u8]) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let mut image = vec![0.0; SIZE * SIZE * 3];
    for (place, channel) in [Channel::Red, Channel::Green, Channel::Blue].into_iter().enumerate() {
        let options = DecodeOptions { rgb_channel: Some(channel), ..DecodeOptions::default() };
        let levels = centre(&decode(bytes, &options)?);
        for (pixel, level) in image.chunks_exact_mut(3).zip(levels) {
            pixel[place] = (level - 127.0) / 128.0;
        }
    }
    Ok(image)
}

/// The central square of the shrunk picture, levels from 0 to 255.
fn centre(plane: &Plane) -> Vec<f32> {
    let (width, height) = (plane.width(), plane.height());
    let shrunk = |side: usize| (side as f64 * SHORTER / width.min(height) as f64).round();
    let (across, down) = (taps(width, shrunk(width)), taps(height, shrunk(height)));
    let level = |place: usize| match plane.samples() {
        Samples::U8(all) => f64::from(all[place]),
        Samples::U16(all) => f64::from(all[place]) / 257.0,
    };
    let mut out = Vec::with_capacity(SIZE * SIZE);
    for (top, rows) in &down {
        let row: Vec<f64> = (0..width)
            .map(|x| (*top..).zip(rows).map(|(y, weight)| weight * level(y * width + x)).sum())
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "levels are 32-bit")]
        let mixed = across.iter().map(|(left, columns)| {
            row[*left..].iter().zip(columns).map(|(level, weight)| weight * level).sum::<f64>()
                as f32
        });
        out.extend(mixed);
    }
    out
}

/// For each of the central pixels along one side that shrinks to `shrunk` pixels: the first pixel that
/// it is made of, and how much that one and the next ones count.
fn taps(side: usize, shrunk: f64) -> Vec<(usize, Vec<f64>)> {
    let step = side as f64 / shrunk;
    let reach = 2.0 * step.max(1.0);
    let skipped = ((shrunk - SIZE as f64) / 2.0).floor();
    let tap = |pixel: usize| {
        let middle = (pixel as f64 + skipped + 0.5) * step;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..side")]
        let [first, end] = [middle - reach, middle + reach]
            .map(|place| (place + 0.5).clamp(0.0, side as f64) as usize);
        let weight = |at: usize| cubic((at as f64 + 0.5 - middle) / step.max(1.0));
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.into_iter().map(|weight| weight / sum).collect())
    };
    (0..SIZE).map(tap).collect()
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

/// The likeliest class of some logits, and its softmax probability.
pub(crate) fn likeliest(logits: &[f32]) -> (usize, f64) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
    let class = logits.iter().position(|&logit| logit >= most).unwrap_or(0);
    (class, 1.0 / sum)
}

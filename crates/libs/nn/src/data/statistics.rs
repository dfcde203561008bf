//! Mean and standard deviation of each channel.
//!
//! Sums of pixels and of their squares are integers, so the result does not depend on the order in
//! which rows are read. Units: pixels in `[0, 1]`.

use hpa_artifacts::{ArtifactError, ImageStore};
use hpa_core::Channel;
use rayon::prelude::*;

/// Normalization of images: `(pixel − mean) / std` for each channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelStatistics {
    /// Mean of each channel.
    pub mean: [f32; Channel::COUNT],
    /// Standard deviation of each channel, at least 1/255 so that an empty channel stays
    /// finite.
    pub std: [f32; Channel::COUNT],
}

/// Rows read at once: few, to limit memory; consecutive, to read each row group once.
const CHUNK: usize = 64;

/// Σ pixel and Σ pixel² of each channel. At most 255² · 2⁴⁴ pixels fit.
type Sums = [[u64; 2]; Channel::COUNT];

impl ChannelStatistics {
    /// Statistics of these rows of the shards.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub fn of(store: &ImageStore, rows: &[usize]) -> Result<Self, ArtifactError> {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let area = store.size_px().pow(2);
        let sums = rows
            .par_chunks(CHUNK)
            .map(|rows| store.read_pixels(rows).map(|pixels| sums(&pixels, area)))
            .try_reduce(Sums::default, |a, b| Ok(add(a, b)))?;
        Ok(Self::from_sums(&sums, rows.len() * area))
    }

    fn from_sums(sums: &Sums, pixels: usize) -> Self {
        let count = pixels as f64;
        let mut statistics = Self { mean: [0.0; Channel::COUNT], std: [1.0; Channel::COUNT] };
        for (channel, [sum, squares]) in sums.iter().enumerate() {
            let mean = *sum as f64 / count;
            let variance = *squares as f64 / count - mean * mean;
            #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
            {
                statistics.mean[channel] = (mean / 255.0) as f32;
                statistics.std[channel] = (variance.max(1.0).sqrt() / 255.0) as f32;
            }
        }
        statistics
    }
}

fn sums(pixels: &[u8], area: usize) -> Sums {
    let mut sums = Sums::default();
    for (index, plane) in pixels.chunks_exact(area).enumerate() {
        let [sum, squares] = &mut sums[index % Channel::COUNT];
        for &pixel in plane {
            let pixel = u64::from(pixel);
            *sum += pixel;
            *squares += pixel * pixel;
        }
    }
    sums
}

fn add(mut a: Sums, b: Sums) -> Sums {
    for (a, b) in a.as_flattened_mut().iter_mut().zip(b.as_flattened()) {
        *a += b;
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_standard_deviation_worked_by_hand() {
        // Two samples of 1 × 1 pixel: red 0 and 255, green 51 twice, blue and yellow 0.
        let pixels = [0, 51, 0, 0, 255, 51, 0, 0];
        let statistics = ChannelStatistics::from_sums(&sums(&pixels, 1), 2);
        let is = |found: [f32; 4], expected: [f32; 4]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7)
        };
        assert!(is(statistics.mean, [0.5, 0.2, 0.0, 0.0]), "{statistics:?}");
        let least = 1.0 / 255.0;
        assert!(is(statistics.std, [0.5, least, least, least]), "{statistics:?}");
    }
}

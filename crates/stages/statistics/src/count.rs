//! Histograms and channel correlations, accumulated in parallel over all pixels.

use anyhow::Context;
use hpa_artifacts::{ChannelStatistics, ImageStore, Statistics};
use hpa_core::Channel;
use rayon::prelude::*;

/// Number of grey levels.
const LEVELS: usize = 256;
/// Samples per parallel task.
const CHUNK_ROWS: usize = 8;

/// Counts the grey levels of all pixels; `progress` is called with the number of samples done.
///
/// # Errors
/// When a shard cannot be read or there is no sample.
pub fn count_levels(
    store: &ImageStore,
    progress: impl Fn(usize) + Sync,
) -> anyhow::Result<Statistics> {
    anyhow::ensure!(!store.is_empty(), "the shards hold no sample: there is nothing to count");
    let rows: Vec<usize> = (0..store.len()).collect();
    let count_chunk = |rows: &[usize]| {
        let pixels = store.read_pixels(rows)?;
        let mut counts = Counts::ZERO;
        pixels.chunks_exact(pixels.len() / rows.len()).for_each(|image| counts.add_image(image));
        progress(rows.len());
        anyhow::Ok(counts)
    };
    let counts = rows
        .par_chunks(CHUNK_ROWS)
        .map(count_chunk)
        .try_reduce(|| Counts::ZERO, |a, b| Ok(a.merge(&b)))
        .context("cannot count the grey levels")?;
    Ok(counts.statistics(store.len()))
}

/// Sums over pixels, exact in any order.
#[derive(Clone)]
pub(crate) struct Counts {
    histograms: [[u64; LEVELS]; Channel::COUNT],
    /// Sums of products of the levels of two channels.
    products: [[u64; Channel::COUNT]; Channel::COUNT],
}

impl Counts {
    pub(crate) const ZERO: Self = Self {
        histograms: [[0; LEVELS]; Channel::COUNT],
        products: [[0; Channel::COUNT]; Channel::COUNT],
    };

    /// Adds an image `[channel, height, width]`.
    pub(crate) fn add_image(&mut self, image: &[u8]) {
        let planes: Vec<&[u8]> = image.chunks_exact(image.len() / Channel::COUNT).collect();
        for (a, plane) in planes.iter().enumerate() {
            add_to_histogram(&mut self.histograms[a], plane);
            for (b, other) in planes.iter().enumerate().take(a + 1) {
                let sum = dot(plane, other);
                self.products[a][b] += sum;
                if b != a {
                    self.products[b][a] += sum;
                }
            }
        }
    }

    fn merge(mut self, other: &Self) -> Self {
        let counts = self.histograms.as_flattened_mut().iter_mut();
        counts.zip(other.histograms.as_flattened()).for_each(|(sum, more)| *sum += more);
        let products = self.products.as_flattened_mut().iter_mut();
        products.zip(other.products.as_flattened()).for_each(|(sum, more)| *sum += more);
        self
    }

    pub(crate) fn statistics(&self, samples: usize) -> Statistics {
        let channel = |index: usize| ChannelStatistics {
            histogram: self.histograms[index],
            correlation: std::array::from_fn(|other| self.correlation(index, other)),
        };
        Statistics { samples: samples as u64, channels: std::array::from_fn(channel) }
    }

    /// Pearson correlation of two channels; 0 if one of them is constant.
    fn correlation(&self, a: usize, b: usize) -> f64 {
        let sum = |channel: usize| -> f64 {
            let levels = self.histograms[channel].iter().enumerate();
            levels.map(|(level, &count)| level as f64 * count as f64).sum()
        };
        let pixels = self.histograms[a].iter().sum::<u64>().max(1) as f64;
        let covariance = |a: usize, b: usize| {
            self.products[a][b] as f64 / pixels - sum(a) * sum(b) / pixels.powi(2)
        };
        let deviations = (covariance(a, a) * covariance(b, b)).sqrt();
        if deviations > 0.0 { (covariance(a, b) / deviations).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// Four tables: in a dark image most increments hit one counter, and each would wait for the
/// store of the one before.
fn add_to_histogram(histogram: &mut [u64; LEVELS], plane: &[u8]) {
    let mut tables = [[0_u32; LEVELS]; 4];
    let (quads, rest) = plane.as_chunks::<4>();
    for levels in quads {
        for (table, &level) in tables.iter_mut().zip(levels) {
            table[usize::from(level)] += 1;
        }
    }
    for &level in rest {
        tables[0][usize::from(level)] += 1;
    }
    for table in &tables {
        histogram.iter_mut().zip(table).for_each(|(sum, &count)| *sum += u64::from(count));
    }
}

fn dot(a: &[u8], b: &[u8]) -> u64 {
    // 2^16 products of at most 255² fit 32 bits.
    let chunk = |(a, b): (&[u8], &[u8])| {
        let sum: u32 = a.iter().zip(b).map(|(&a, &b)| u32::from(a) * u32::from(b)).sum();
        u64::from(sum)
    };
    a.chunks(1 << 16).zip(b.chunks(1 << 16)).map(chunk).sum()
}

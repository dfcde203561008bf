//! Counts the grey levels of shards, and tells mistakes from other microscopes.
//!
//! Two mistakes are common enough to be looked for. Twelve-bit cameras store levels up to
//! 4095 in files of 16 bits: read as they are, the pictures are 16 times too dark, and
//! multiplied twice they are 16 times too bright and saturated. And channels are easily
//! swapped by whoever renames files. Both leave traces that neither another microscope nor
//! other cells leave: a histogram that is that of the training part stretched by 16, and
//! correlations between the channels that are those of the training part in another order.

use anyhow::Context;
use hpa_artifacts::{ChannelStatistics, ImageStore, Statistics};
use hpa_core::Channel;
use rayon::prelude::*;
use serde::Serialize;

/// Grey levels.
const LEVELS: usize = 256;
/// Samples that a thread looks at before it is given others.
const CHUNK_ROWS: usize = 8;
/// Fewer samples have correlations of their own.
const MIN_SAMPLES: u64 = 8;
/// Pictures 16 times too dark or bright are warned of when that leaves at most this share of the
/// difference.
const SCALED_BETTER: f64 = 0.4;
/// Another order of the channels is warned of when it leaves at most this share of the difference.
/// Chosen on draws of the atlas's pictures; `docs/preprocessing.md` has what it sees and misses.
const SWAPPED_BETTER: f64 = 0.93;

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatisticsSummary {
    /// Samples counted.
    pub samples: u64,
    /// Mean grey level of red, green, blue and yellow, in [0, 1].
    pub mean: [f64; Channel::COUNT],
    /// Standard deviation, in [0, 1].
    pub std: [f64; Channel::COUNT],
    /// Share of pixels at the largest level.
    pub saturated: [f64; Channel::COUNT],
    /// What looks like a mistake.
    pub warnings: Vec<String>,
}

impl StatisticsSummary {
    /// The figures of some statistics.
    #[must_use]
    pub fn new(statistics: &Statistics, warnings: Vec<String>) -> Self {
        let each = |get: fn(&ChannelStatistics) -> f64| statistics.channels.each_ref().map(get);
        Self {
            samples: statistics.samples,
            mean: each(ChannelStatistics::mean),
            std: each(ChannelStatistics::std),
            saturated: each(ChannelStatistics::saturated),
            warnings,
        }
    }
}

/// Sums over pixels, exact in any order.
#[derive(Clone)]
struct Counts {
    histograms: [[u64; LEVELS]; Channel::COUNT],
    /// Sums of products of two channels.
    products: [[u64; Channel::COUNT]; Channel::COUNT],
}

impl Counts {
    const NONE: Self = Self {
        histograms: [[0; LEVELS]; Channel::COUNT],
        products: [[0; Channel::COUNT]; Channel::COUNT],
    };

    /// Adds a sample: channel × height × width.
    fn add(&mut self, image: &[u8]) {
        let planes: Vec<&[u8]> = image.chunks_exact(image.len() / Channel::COUNT).collect();
        for (place, plane) in planes.iter().enumerate() {
            add_levels(&mut self.histograms[place], plane);
            for (other, second) in planes.iter().enumerate().take(place + 1) {
                let sum = product(plane, second);
                self.products[place][other] += sum;
                if other != place {
                    self.products[other][place] += sum;
                }
            }
        }
    }

    fn join(mut self, other: &Self) -> Self {
        let counts = self.histograms.as_flattened_mut().iter_mut();
        counts.zip(other.histograms.as_flattened()).for_each(|(sum, more)| *sum += more);
        let products = self.products.as_flattened_mut().iter_mut();
        products.zip(other.products.as_flattened()).for_each(|(sum, more)| *sum += more);
        self
    }

    /// Pearson's correlation of two channels.
    fn correlation(&self, a: usize, b: usize) -> f64 {
        let sum = |channel: usize| -> f64 {
            let levels = self.histograms[channel].iter().enumerate();
            levels.map(|(level, &count)| level as f64 * count as f64).sum()
        };
        let pixels = self.histograms[a].iter().sum::<u64>().max(1) as f64;
        let covariance = |a: usize, b: usize| {
            self.products[a][b] as f64 / pixels - sum(a) * sum(b) / pixels.powi(2)
        };
        let spread = (covariance(a, a) * covariance(b, b)).sqrt();
        if spread > 0.0 { (covariance(a, b) / spread).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// Four tables, because in a dark picture one counter would wait for itself.
fn add_levels(histogram: &mut [u64; LEVELS], plane: &[u8]) {
    let mut tables = [[0_u32; LEVELS]; 4];
    let (fours, rest) = plane.as_chunks::<4>();
    for levels in fours {
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

fn product(a: &[u8], b: &[u8]) -> u64 {
    // 64 KiB of 255² still fit 32 bits.
    let chunk = |(a, b): (&[u8], &[u8])| {
        let sum: u32 = a.iter().zip(b).map(|(&a, &b)| u32::from(a) * u32::from(b)).sum();
        u64::from(sum)
    };
    a.chunks(1 << 16).zip(b.chunks(1 << 16)).map(chunk).sum()
}

/// Counts all pixels of some shards; `step` is told how many samples are done.
///
/// # Errors
/// When a shard cannot be read or there is no sample.
pub fn count(store: &ImageStore, step: impl Fn(usize) + Sync) -> anyhow::Result<Statistics> {
    anyhow::ensure!(!store.is_empty(), "the shards hold no sample: there is nothing to count");
    let rows: Vec<usize> = (0..store.len()).collect();
    let chunk = |rows: &[usize]| {
        let pixels = store.read_pixels(rows)?;
        let mut counts = Counts::NONE;
        pixels.chunks_exact(pixels.len() / rows.len()).for_each(|image| counts.add(image));
        step(rows.len());
        anyhow::Ok(counts)
    };
    let counts = rows
        .par_chunks(CHUNK_ROWS)
        .map(chunk)
        .try_reduce(|| Counts::NONE, |a, b| Ok(a.join(&b)))
        .context("cannot count the grey levels")?;
    let channel = |index: usize| ChannelStatistics {
        histogram: counts.histograms[index],
        correlation: std::array::from_fn(|other| counts.correlation(index, other)),
    };
    Ok(Statistics { samples: store.len() as u64, channels: std::array::from_fn(channel) })
}

/// What in `part` looks like a mistake, beside the training part's statistics.
#[must_use]
pub fn compare(training: &Statistics, part: &Statistics) -> Vec<String> {
    scale_mistake(training, part).into_iter().chain(swapped(training, part)).collect()
}

/// Whether the histograms are those of the training part stretched or squeezed by 16.
fn scale_mistake(training: &Statistics, part: &Statistics) -> Option<String> {
    let cost = |factor: f64| -> f64 {
        let pairs = training.channels.iter().zip(&part.channels);
        pairs.map(|(own, other)| distance(&scaled(&own.histogram, factor), &other.histogram)).sum()
    };
    let (none, dark, bright) = (cost(1.0), cost(1.0 / 16.0), cost(16.0));
    if dark.min(bright) > SCALED_BETTER * none {
        return None;
    }
    let (how, hint) = if dark < bright {
        ("darker", "levels up to 4095 in files of 16 bits are to be multiplied by 16")
    } else {
        ("brighter", "its files were multiplied by 16 though they hold all 16 bits")
    };
    Some(format!(
        "the pictures are about 16 times {how} than those of the training part: probably {hint}"
    ))
}

/// The histogram after its levels were multiplied and clamped.
fn scaled(histogram: &[u64; LEVELS], factor: f64) -> [u64; LEVELS] {
    let mut scaled = [0; LEVELS];
    for (level, count) in histogram.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let level = (level as f64 * factor).round().min(255.0) as usize;
        scaled[level] += count;
    }
    scaled
}

/// By how many levels the pixels of one histogram must move to become the other.
fn distance(a: &[u64; LEVELS], b: &[u64; LEVELS]) -> f64 {
    let share = |histogram: &[u64; LEVELS]| histogram.iter().sum::<u64>().max(1) as f64;
    let (all_a, all_b) = (share(a), share(b));
    let step = |below: &mut f64, (a, b): (&u64, &u64)| {
        *below += *a as f64 / all_a - *b as f64 / all_b;
        Some(below.abs())
    };
    a.iter().zip(b).scan(0.0, step).sum()
}

/// Whether the channels correlate like those of the training part in another order.
fn swapped(training: &Statistics, part: &Statistics) -> Option<String> {
    if training.samples.min(part.samples) < MIN_SAMPLES {
        return None;
    }
    let cost = |order: &[usize; 4]| -> f64 {
        let pair = |(a, b): (usize, usize)| {
            let own = part.channels[a].correlation[b];
            (own - training.channels[order[a]].correlation[order[b]]).abs()
        };
        PAIRS.into_iter().map(pair).sum()
    };
    let straight = cost(&[0, 1, 2, 3]);
    let (best, order) = orders()
        .into_iter()
        .map(|order| (cost(&order), order))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there are 24 orders");
    if best > SWAPPED_BETTER * straight || straight < 0.05 {
        return None;
    }
    let differ = (0..4).filter(|&place| order[place] != place);
    let named = differ
        .map(|place| format!("{} looks like {}", Channel::ALL[place], Channel::ALL[order[place]]));
    Some(format!(
        "the channels correlate as if some were swapped: {} of the training part",
        named.collect::<Vec<_>>().join(", ")
    ))
}

const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];

/// All orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let digits = |number: usize| [number / 64, number / 16 % 4, number / 4 % 4, number % 4];
    let is_order = |order: &[usize; 4]| (0..4).all(|place| order.contains(&place));
    (0..256).map(digits).filter(is_order).collect()
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;

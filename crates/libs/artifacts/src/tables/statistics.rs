//! `statistics/*.parquet`: brightness of the pixels of one split of the data.
//!
//! Everything follows from two counts that are exact in any order of the samples: how often each
//! grey level occurs in a channel, and the sums of products of two channels.

use crate::ArtifactError;
use crate::io::columns::Columns;
use crate::tables::table::{Table, field, fixed_item, floats, strings};
use arrow::array::{ArrayRef, FixedSizeListArray, Float64Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Float64Type};
use hpa_core::Channel;
use std::sync::Arc;

/// Number of grey levels.
const LEVELS: usize = 256;
/// How far a recorded mean may lie from its histogram's: other programs round it.
const TOLERANCE: f64 = 1e-6;

/// The statistics of the four channels, in the order of [`Channel::ALL`].
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// How many samples were counted.
    pub samples: u64,
    /// The channels.
    pub channels: [ChannelStatistics; Channel::COUNT],
}

/// The statistics of one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelStatistics {
    /// How many pixels have each grey level.
    pub histogram: [u64; LEVELS],
    /// Pearson's correlation with each channel, pixel by pixel; 0 with a flat one.
    pub correlation: [f64; Channel::COUNT],
}

impl ChannelStatistics {
    /// Number of pixels.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        self.histogram.iter().sum()
    }

    /// Mean grey level in [0, 1]; 0 without pixels.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.moment(|level| level)
    }

    /// Standard deviation of the grey levels, in [0, 1].
    #[must_use]
    pub fn std(&self) -> f64 {
        let mean = self.mean();
        self.moment(|level| (level - mean).powi(2)).sqrt()
    }

    /// Share of pixels at the largest level.
    #[must_use]
    pub fn saturated(&self) -> f64 {
        self.histogram[LEVELS - 1] as f64 / self.pixels().max(1) as f64
    }

    fn moment(&self, of: impl Fn(f64) -> f64) -> f64 {
        let level = |(level, &count): (usize, &u64)| count as f64 * of(level as f64 / 255.0);
        let sum: f64 = self.histogram.iter().enumerate().map(level).sum();
        sum / self.pixels().max(1) as f64
    }
}

impl Table for Statistics {
    const NAME: &'static str = "statistics/1";

    fn fields() -> Vec<Field> {
        let float = |name, description| field(name, DataType::Float64, description);
        let lists = |name, item, length, description| {
            field(name, DataType::FixedSizeList(fixed_item(item), length), description)
        };
        let mean = "mean grey level of the pixels as the shards hold them, in [0, 1]";
        vec![
            field("channel", DataType::Utf8, "red, green, blue, yellow: one row each"),
            field("samples", DataType::UInt64, "samples counted, the same in all rows"),
            float("mean", mean),
            float("std", "their standard deviation, in [0, 1]"),
            float("saturated", "share of pixels at level 255"),
            lists("histogram", DataType::UInt64, 256, "pixels at each grey level"),
            lists("correlation", DataType::Float64, 4, "with each channel, pixel by pixel"),
        ]
    }

    fn arrays(&self) -> Vec<ArrayRef> {
        let channels = || self.channels.iter();
        let histograms = UInt64Array::from_iter_values(channels().flat_map(|c| c.histogram));
        let correlations = Float64Array::from_iter_values(channels().flat_map(|c| c.correlation));
        let lists = |item, length, values: ArrayRef| -> ArrayRef {
            Arc::new(FixedSizeListArray::new(fixed_item(item), length, values, None))
        };
        vec![
            strings(Channel::ALL.iter().map(|channel| channel.name())),
            Arc::new(UInt64Array::from(vec![self.samples; Channel::COUNT])),
            floats(channels().map(ChannelStatistics::mean)),
            floats(channels().map(ChannelStatistics::std)),
            floats(channels().map(ChannelStatistics::saturated)),
            lists(DataType::UInt64, 256, Arc::new(histograms)),
            lists(DataType::Float64, 4, Arc::new(correlations)),
        ]
    }

    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError> {
        let names: Vec<&str> = Channel::ALL.iter().map(|channel| channel.name()).collect();
        if columns.strings("channel")? != names {
            return Err(columns.invalid(format!("expected one row each for {}", names.join(", "))));
        }
        let samples = columns.integers("samples", u64::MAX)?;
        let (means, counts) = (columns.floats("mean")?, columns.integer_lists("histogram")?);
        let correlations = columns.lists::<Float64Type>("correlation")?;
        let mut channels = Vec::with_capacity(Channel::COUNT);
        for ((counts, correlation), mean) in counts.rows().zip(correlations.rows()).zip(means) {
            let channel = channel(counts, correlation)
                .filter(|channel| (channel.mean() - mean).abs() <= TOLERANCE)
                .ok_or_else(|| {
                    columns.invalid("a histogram of 256 counts, its mean and 4 correlations")
                })?;
            channels.push(channel);
        }
        let channels = channels.try_into().expect("as many rows as channels");
        if samples.iter().any(|count| *count != samples[0]) {
            return Err(columns.invalid("samples differs between the channels"));
        }
        Ok(Self { samples: samples[0], channels })
    }
}

/// Largest count of one grey level: the sum of 256 of them still fits 64 bits.
const MAX_COUNT: u64 = 9_000_000_000_000_000;

fn channel(counts: &[i64], correlation: &[f64]) -> Option<ChannelStatistics> {
    let count = |&count: &i64| u64::try_from(count).ok().filter(|count| *count < MAX_COUNT);
    let histogram: Vec<u64> = counts.iter().map(count).collect::<Option<_>>()?;
    let correlation: [f64; Channel::COUNT] = correlation.try_into().ok()?;
    let valid = correlation.iter().all(|value| value.abs() <= 1.0);
    let histogram = histogram.try_into().ok()?;
    valid.then_some(ChannelStatistics { histogram, correlation })
}

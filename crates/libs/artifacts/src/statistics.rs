//! `statistics/*.parquet`: how bright the pixels of a part of the data are.
//!
//! Everything follows from two counts that are exact whatever the order of the samples: how
//! often each grey level occurs in a channel, and the sums of products of two channels.

use crate::columns::Columns;
use crate::parquet_file::{Entries, read_table, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use arrow::array::{
    ArrayRef, FixedSizeListArray, Float64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field};
use hpa_core::Channel;
use std::path::Path;
use std::sync::Arc;

/// Grey levels.
const LEVELS: usize = 256;
/// How far a recorded mean may lie from that of its histogram, which other writers round.
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

impl Artifact for Statistics {
    const SCHEMA: &'static str = "statistics/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, Self::SCHEMA)?;
        let columns = Columns::new(&table, Self::SCHEMA);
        let names: Vec<&str> = Channel::ALL.iter().map(|channel| channel.name()).collect();
        if columns.strings("channel")? != names {
            return Err(columns.invalid(format!("expected one row each for {}", names.join(", "))));
        }
        let samples = columns.integers("samples", u64::MAX)?;
        let (means, counts) = (columns.floats("mean")?, columns.integer_lists("histogram")?);
        let correlations = columns.float_lists("correlation")?;
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
        Ok(Loaded { value: Self { samples: samples[0], channels }, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let floats = |get: fn(&ChannelStatistics) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(self.channels.iter().map(get)))
        };
        let names = Channel::ALL.iter().map(|channel| channel.name());
        let counts = UInt64Array::from_iter_values(self.channels.iter().flat_map(|c| c.histogram));
        let correlations =
            Float64Array::from_iter_values(self.channels.iter().flat_map(|c| c.correlation));
        let unwritable = |error| ArtifactError::unwritable(path, error);
        let columns: [(&str, ArrayRef); 7] = [
            ("channel", Arc::new(StringArray::from_iter_values(names))),
            ("samples", Arc::new(UInt64Array::from(vec![self.samples; Channel::COUNT]))),
            ("mean", floats(ChannelStatistics::mean)),
            ("std", floats(ChannelStatistics::std)),
            ("saturated", floats(ChannelStatistics::saturated)),
            ("histogram", lists(Arc::new(counts), LEVELS).map_err(unwritable)?),
            ("correlation", lists(Arc::new(correlations), Channel::COUNT).map_err(unwritable)?),
        ];
        let batch = RecordBatch::try_from_iter(columns).map_err(unwritable)?;
        write_table(path, Self::SCHEMA, &batch, provenance, Entries::new())
    }
}

fn channel(counts: &[f64], correlation: &[f64]) -> Option<ChannelStatistics> {
    let fits = |value: &f64| *value >= 0.0 && *value < 9e15;
    if !counts.iter().all(fits) || !correlation.iter().all(|value| value.abs() <= 1.0) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers below 2^53"
    )]
    let counts: Vec<u64> = counts.iter().map(|&count| count as u64).collect();
    Some(ChannelStatistics {
        histogram: counts.try_into().ok()?,
        correlation: correlation.try_into().ok()?,
    })
}

fn lists(values: ArrayRef, length: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
    let kind: DataType = values.data_type().clone();
    let item = Arc::new(Field::new("item", kind, false));
    let length = i32::try_from(length).expect("a short list");
    Ok(Arc::new(FixedSizeListArray::try_new(item, length, values, None)?))
}

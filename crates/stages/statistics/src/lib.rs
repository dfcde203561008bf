//! Grey-level statistics of image shards, and checks against those of the training part.
//!
//! [`count_levels`] accumulates one histogram a channel and the correlations between the
//! channels; [`compare_with_reference`] detects two common mistakes of data preparation, wrong
//! intensity scales and swapped channels.

mod compare;
mod count;

pub use compare::compare_with_reference;
pub use count::count_levels;

use hpa_artifacts::{ChannelStatistics, Statistics};
use hpa_core::Channel;
use serde::Serialize;

/// The result that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of samples.
    pub samples: u64,
    /// Mean grey level of red, green, blue and yellow, in [0, 1].
    pub mean: [f64; Channel::COUNT],
    /// Standard deviation, in [0, 1].
    pub std: [f64; Channel::COUNT],
    /// Fraction of pixels at the maximum level.
    pub saturated: [f64; Channel::COUNT],
    /// Differences from the reference that look like mistakes.
    pub warnings: Vec<String>,
}

impl Summary {
    /// Summarizes the statistics.
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

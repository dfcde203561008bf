//! What became of the samples of a shard.

use std::time::Duration;

use serde::Serialize;

use crate::Failures;

/// How many samples went which way.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows written.
    pub written: usize,
    /// Of these, rows whose source is smaller than what was written.
    pub enlarged: usize,
    /// Samples left out, in the order of the table.
    pub skipped: Failures,
    /// Whether the shard on disk was found to be the one that would be made.
    pub confirmed: bool,
}

/// What `--json` prints.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Rows written.
    pub samples: usize,
    /// Samples looked at, written or not, in a second.
    pub samples_per_second: f64,
    /// Samples left out.
    pub skipped: usize,
    /// Whether the shard on disk was found to be the one that would be made.
    pub confirmed: bool,
}

impl Outcome {
    /// The numbers, for a run that took so long.
    #[must_use]
    pub fn summary(&self, time: Duration) -> Summary {
        let skipped = self.skipped.0.len();
        let seconds = time.as_secs_f64().max(f64::EPSILON);
        let samples_per_second = (self.written + skipped) as f64 / seconds;
        Summary { samples: self.written, samples_per_second, skipped, confirmed: self.confirmed }
    }

    /// A warning, when samples were left out.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let skipped = self.skipped.0.len();
        let total = self.written + skipped;
        (skipped > 0).then(|| format!("{skipped} of {total} samples were left out"))
    }

    /// A notice, when pictures were enlarged to `size_px`: they gain pixels, not detail.
    #[must_use]
    pub fn enlarged(&self, size_px: usize) -> Option<String> {
        let (enlarged, written) = (self.enlarged, self.written);
        (enlarged > 0).then(|| {
            format!(
                "{enlarged} of {written} samples are smaller than {size_px} px and were enlarged"
            )
        })
    }
}

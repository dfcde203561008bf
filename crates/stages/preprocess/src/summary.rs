//! Outcome of a shard: counts, messages and the `--json` summary.

use std::time::Duration;

use serde::Serialize;

use crate::SampleErrors;

/// What became of a shard's samples.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows written.
    pub written: usize,
    /// Rows whose source images are smaller than the output.
    pub upscaled: usize,
    /// Samples left out, in the order of the table.
    pub skipped: SampleErrors,
    /// Whether the shard on disk was up to date and kept.
    pub up_to_date: bool,
}

/// The result that `--json` prints.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Rows written.
    pub samples: usize,
    /// Samples processed per second, written or not.
    pub samples_per_second: f64,
    /// Samples left out.
    pub skipped: usize,
    /// Whether the shard on disk was up to date and kept.
    pub up_to_date: bool,
}

impl Outcome {
    /// Samples processed, written or not.
    fn total(&self) -> usize {
        self.written + self.skipped.0.len()
    }

    /// The summary of a run of this duration.
    #[must_use]
    pub fn summary(&self, elapsed: Duration) -> Summary {
        Summary {
            samples: self.written,
            samples_per_second: self.total() as f64 / elapsed.as_secs_f64().max(f64::EPSILON),
            skipped: self.skipped.0.len(),
            up_to_date: self.up_to_date,
        }
    }

    /// A warning if samples were left out.
    #[must_use]
    pub fn skipped_warning(&self) -> Option<String> {
        let skipped = self.skipped.0.len();
        (skipped > 0).then(|| format!("{skipped} of {} samples were left out", self.total()))
    }

    /// A notice if images were upscaled to `size_px`, which adds pixels but no detail.
    #[must_use]
    pub fn upscaled_notice(&self, size_px: usize) -> Option<String> {
        let Self { upscaled, written, .. } = self;
        (*upscaled > 0).then(|| {
            format!(
                "{upscaled} of {written} samples are smaller than {size_px} px and were upscaled"
            )
        })
    }
}

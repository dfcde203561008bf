//! Which F is meant: its average and its β, written `macro-f1`, `samples-f2`, `micro-f0.5`;
//! any other β from 0.01 to 100 is written the same way (`macro-f1.5`).

use std::fmt;
use std::str::FromStr;

/// Over what the F score is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean of the labels' F scores: every label counts the same (the competition's).
    Macro,
    /// F of the counts of all labels together: every decision counts the same.
    Micro,
    /// The mean of the samples' F scores: every sample counts the same.
    Samples,
}

/// An F score: what it is averaged over and how much recall weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Over what.
    pub average: Average,
    beta: f64,
}

/// Text that names no metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a metric: expected macro-f1, micro-f1, samples-f1, or one with f2 or f0.5 for f1 (any weight of recall from 0.01 to 100)"
)]
pub struct MetricError(String);

impl Metric {
    /// The competition's score.
    pub const MACRO_F1: Self = Self { average: Average::Macro, beta: 1.0 };

    /// An F score whose recall weighs `beta` times as much as its precision; none when `beta`
    /// is not from 0.01 to 100.
    #[must_use]
    pub fn new(average: Average, beta: f64) -> Option<Self> {
        (0.01..=100.0).contains(&beta).then_some(Self { average, beta })
    }

    /// How many times as much recall weighs as precision.
    #[must_use]
    pub const fn beta(self) -> f64 {
        self.beta
    }

    /// Whether each label's threshold can be chosen without regard to the others.
    #[must_use]
    pub fn is_separable(self) -> bool {
        self.average == Average::Macro
    }
}

impl FromStr for Metric {
    type Err = MetricError;
    fn from_str(text: &str) -> Result<Self, MetricError> {
        let error = || MetricError(text.to_owned());
        let (average, f) = text.split_once('-').ok_or_else(error)?;
        let average = match average {
            "macro" => Average::Macro,
            "micro" => Average::Micro,
            "samples" => Average::Samples,
            _ => return Err(error()),
        };
        let digits = f.strip_prefix('f').ok_or_else(error)?;
        // Plain decimals: what `parse` takes beyond them ("+1", "1e1", "inf") is a slip here.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let beta = digits.parse().ok().filter(|_| plain);
        beta.and_then(|beta| Self::new(average, beta)).ok_or_else(error)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let average = match self.average {
            Average::Macro => "macro",
            Average::Micro => "micro",
            Average::Samples => "samples",
        };
        // Padding asked for by a table applies to the whole name.
        f.pad(&format!("{average}-f{}", self.beta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_written_as_it_is_read() {
        for average in ["macro", "micro", "samples"] {
            for f in ["f1", "f2", "f0.5", "f1.5", "f100", "f0.01"] {
                let text = format!("{average}-{f}");
                assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn a_metric_that_does_not_exist_is_refused_with_the_list() {
        for text in [
            "",
            "f1",
            "macro",
            "macro-f0",
            "macro-f",
            "weighted-f1",
            "Macro-F1",
            "macro-f-1",
            "macro-finf",
            "macro-fnan",
            "macro-f1e1",
            "macro-f+1",
            "macro-f101",
            "macro-1",
            "macro-f1 ",
        ] {
            let error = text.parse::<Metric>().unwrap_err().to_string();
            assert!(error.contains("expected macro-f1"), "{error}");
        }
    }
}

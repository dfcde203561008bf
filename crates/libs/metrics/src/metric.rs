//! F score metrics by name: average and β, as in `macro-f1`, `samples-f2`, `micro-f0.5`;
//! any other β from 0.01 to 100 is written the same way (`macro-f1.5`).

use std::fmt;
use std::str::FromStr;

/// How the F score is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean of the labels' F scores (the competition's).
    Macro,
    /// F of the counts summed over all labels.
    Micro,
    /// The mean of the samples' F scores.
    Samples,
}

/// An F score: its average and the weight of recall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// How it is averaged.
    pub average: Average,
    beta: f64,
}

/// Text that is not a metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a metric: expected macro-f1, micro-f1, samples-f1, or one with f2 or f0.5 for f1 (any weight of recall from 0.01 to 100)"
)]
pub struct MetricError(String);

impl Metric {
    /// The competition's metric.
    pub const MACRO_F1: Self = Self { average: Average::Macro, beta: 1.0 };

    /// An F score that weights recall `beta` times as much as precision; `None` when `beta` is not
    /// from 0.01 to 100.
    #[must_use]
    pub fn new(average: Average, beta: f64) -> Option<Self> {
        (0.01..=100.0).contains(&beta).then_some(Self { average, beta })
    }

    /// The weight of recall relative to precision.
    #[must_use]
    pub const fn beta(self) -> f64 {
        self.beta
    }

    /// Whether each label's threshold can be optimised independently of the others.
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
        // Plain decimals only: `parse` also accepts "+1", "1e1" and "inf".
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
        // `pad` applies a format width to the whole name.
        f.pad(&format!("{average}-f{}", self.beta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_round_trips_through_its_name() {
        for average in ["macro", "micro", "samples"] {
            for f in ["f1", "f2", "f0.5", "f1.5", "f100", "f0.01"] {
                let text = format!("{average}-{f}");
                assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn an_unknown_metric_is_refused_with_the_list() {
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

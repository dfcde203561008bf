//! The ways to choose thresholds, as written on the command line.

use hpa_core::Threshold;
use std::fmt;
use std::str::FromStr;

/// How thresholds are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// The same given threshold for every label: `fixed:0.5`.
    Fixed(Threshold),
    /// The best threshold that all labels share, exactly.
    Global,
    /// The best threshold of each label, exactly; for macro averages only.
    Exact,
    /// L-BFGS-B on a smoothed F inside basin hopping, the blur annealed, then a local polish.
    BasinHopping,
    /// The recipe of mratsim's Amazon code, kept for comparison.
    BasinHoppingMratsim,
    /// One label after the other, each searched exactly, until none can gain.
    Coordinate,
    /// The highest expected F under calibrated probabilities.
    ExpectedF1,
    /// As many predictions of each label as there are positives.
    Prevalence,
}

/// Text that names no method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// No such word.
    #[error(
        "{0:?} is not a method: expected basinhopping, basinhopping-mratsim, exact, global, fixed:X, coordinate, expected-f1 or prevalence"
    )]
    Unknown(String),
    /// `fixed:` without a threshold.
    #[error("{0:?} is not a method: after \"fixed:\" comes a number from 0 to 1, as in fixed:0.5")]
    Fixed(String),
}

impl Method {
    /// Whether each label gets a threshold of its own, fitted on the data.
    #[must_use]
    pub const fn is_per_label(self) -> bool {
        !matches!(self, Self::Fixed(_) | Self::Global)
    }
}

impl FromStr for Method {
    type Err = MethodError;
    fn from_str(text: &str) -> Result<Self, MethodError> {
        if let Some(number) = text.strip_prefix("fixed:") {
            let threshold = number.parse::<f64>().ok().and_then(|x| Threshold::try_from(x).ok());
            return threshold.map(Self::Fixed).ok_or_else(|| MethodError::Fixed(text.to_owned()));
        }
        Ok(match text {
            "global" => Self::Global,
            "exact" => Self::Exact,
            "basinhopping" => Self::BasinHopping,
            "basinhopping-mratsim" => Self::BasinHoppingMratsim,
            "coordinate" => Self::Coordinate,
            "expected-f1" => Self::ExpectedF1,
            "prevalence" => Self::Prevalence,
            _ => return Err(MethodError::Unknown(text.to_owned())),
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(threshold) => return write!(f, "fixed:{}", threshold.get()),
            Self::Global => "global",
            Self::Exact => "exact",
            Self::BasinHopping => "basinhopping",
            Self::BasinHoppingMratsim => "basinhopping-mratsim",
            Self::Coordinate => "coordinate",
            Self::ExpectedF1 => "expected-f1",
            Self::Prevalence => "prevalence",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_written_as_it_is_read() {
        for text in [
            "fixed:0.5",
            "global",
            "exact",
            "basinhopping",
            "basinhopping-mratsim",
            "coordinate",
            "expected-f1",
            "prevalence",
        ] {
            assert_eq!(text.parse::<Method>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_fixed_threshold_out_of_range_is_refused() {
        for text in ["fixed:", "fixed:1.5", "fixed:nan", "fixed:-0.1", "fixed", "Exact", ""] {
            assert!(text.parse::<Method>().is_err(), "{text}");
        }
    }
}

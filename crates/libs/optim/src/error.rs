//! Errors of problems, bounds and options.
//!
//! argmin passes errors on as `argmin::core::Error`; `error.downcast_ref::<hpa_optim::Error>()`
//! recovers these.

use std::fmt;

/// An invalid problem, start, bound or option.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Lower and upper limits of different lengths.
    #[error(
        "{lower} lower bounds but {upper} upper bounds: give one of each per variable \
         (f64::NEG_INFINITY and f64::INFINITY where there is none)"
    )]
    BoundsLengths {
        /// Number of lower bounds.
        lower: usize,
        /// Number of upper bounds.
        upper: usize,
    },
    /// Bounds with an empty interval.
    #[error(
        "bounds of variable {index} contradict each other: no number lies between \
         {lower} and {upper} (swapped?)"
    )]
    BoundsContradict {
        /// Which variable.
        index: usize,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// A bound that is NaN.
    #[error("a bound of variable {index} is NaN: use an infinity for no bound")]
    BoundIsNan {
        /// Which variable.
        index: usize,
    },
    /// No variables.
    #[error("the problem has no variables")]
    NoVariables,
    /// The state has no parameter to start from.
    #[error("no start: give one with `executor.configure(|state| state.param(start))`")]
    NoStart,
    /// A start, or a restored state, with the wrong number of variables.
    #[error("the start has {start} variables but the bounds have {bounds}: make them the same")]
    StartLength {
        /// Variables of the start.
        start: usize,
        /// Variables of the bounds.
        bounds: usize,
    },
    /// A start that is NaN or infinite.
    #[error("the start is {value} at variable {index}: every coordinate must be a finite number")]
    StartNotFinite {
        /// Which variable.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A point outside the bounds.
    #[error(
        "variable {index} is {value}, outside its bounds [{lower}, {upper}]: \
         project the point onto the bounds first"
    )]
    OutsideBounds {
        /// Which variable.
        index: usize,
        /// The value.
        value: f64,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// The objective is NaN or infinite.
    #[error(
        "the objective is {value} at {}: it must be finite everywhere within the bounds \
         (tighten them to where it is)",
        Point(point)
    )]
    CostNotFinite {
        /// The value.
        value: f64,
        /// The point.
        point: Vec<f64>,
    },
    /// A component of the gradient is NaN or infinite.
    #[error(
        "component {index} of the gradient is {value} at {}: it must be finite everywhere \
         within the bounds (check the derivative there)",
        Point(point)
    )]
    GradientNotFinite {
        /// Which component.
        index: usize,
        /// The value.
        value: f64,
        /// The point.
        point: Vec<f64>,
    },
    /// A gradient of the wrong length.
    #[error(
        "the gradient has {gradient} components but there are {variables} variables: \
         return one component per variable"
    )]
    GradientLength {
        /// Components of the gradient.
        gradient: usize,
        /// Variables of the problem.
        variables: usize,
    },
    /// An option out of its range.
    #[error("{option} = {value} is out of range: expected {expected}")]
    Option {
        /// Which option.
        option: &'static str,
        /// The value given.
        value: f64,
        /// The valid range.
        expected: &'static str,
    },
    /// A local minimiser that returned no point.
    #[error(
        "the local minimiser `{solver}` returned no point: basin hopping needs a solver that \
         starts from its state's parameter and keeps its best one there"
    )]
    NoLocalMinimum {
        /// Name of the solver.
        solver: String,
    },
    /// The problem itself failed.
    #[error("the problem failed: {0}")]
    Problem(argmin::core::Error),
}

/// Displays the first coordinates of a point.
struct Point<'a>(&'a [f64]);

impl fmt::Display for Point<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let shown: Vec<String> = self.0.iter().take(SHOWN).map(|v| format!("{v:?}")).collect();
        let rest = if self.0.len() > SHOWN { ", ..." } else { "" };
        write!(f, "[{}{rest}]", shown.join(", "))
    }
}

/// `value` if it is in range, or an error that names the option.
pub(crate) fn in_range(
    option: &'static str,
    value: f64,
    ok: bool,
    expected: &'static str,
) -> Result<f64, Error> {
    if ok { Ok(value) } else { Err(Error::Option { option, value, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_point_is_truncated() {
        let error = Error::CostNotFinite { value: f64::NAN, point: vec![0.5; 1000] };
        let text = error.to_string();
        assert!(text.contains("NaN at [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...]"), "{text}");
    }

    #[test]
    fn an_option_error_names_the_valid_range() {
        let error = in_range("temperature", -1.0, false, "a number >= 0").unwrap_err();
        assert_eq!(error.to_string(), "temperature = -1 is out of range: expected a number >= 0");
    }
}

//! Box constraints: one closed interval per variable.
//!
//! An infinite end means no bound on that side; equal ends fix the variable. The constructors
//! reject NaN, empty intervals and zero variables. Serialised with `null` for "no bound", because
//! JSON has no infinities.

use crate::Error;
use serde::{Deserialize, Serialize};

/// Lower and upper limit of each variable.
///
/// ```
/// use hpa_optim::Bounds;
/// # fn main() -> Result<(), hpa_optim::Error> {
/// let bounds = Bounds::new(vec![0.0, f64::NEG_INFINITY], vec![1.0, 2.0])?;
/// assert_eq!(bounds.project(&[-3.0, -3.0]), [0.0, -3.0]);
/// assert!(Bounds::new(vec![1.0], vec![0.0]).is_err()); // contradictory
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawBounds", into = "RawBounds")]
pub struct Bounds {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

/// The serialised form: an absent end is no bound.
#[derive(Serialize, Deserialize)]
struct RawBounds {
    lower: Vec<Option<f64>>,
    upper: Vec<Option<f64>>,
}

impl Bounds {
    /// Bounds from `lower` to `upper`, one entry per variable.
    ///
    /// # Errors
    /// Different lengths, no variable, a NaN, or an empty interval.
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self, Error> {
        if lower.len() != upper.len() {
            return Err(Error::BoundsLengths { lower: lower.len(), upper: upper.len() });
        }
        if lower.is_empty() {
            return Err(Error::NoVariables);
        }
        for (index, (&lower, &upper)) in lower.iter().zip(&upper).enumerate() {
            if lower.is_nan() || upper.is_nan() {
                return Err(Error::BoundIsNan { index });
            }
            // [inf, inf] contains no number either.
            if lower > upper || lower == f64::INFINITY || upper == f64::NEG_INFINITY {
                return Err(Error::BoundsContradict { index, lower, upper });
            }
        }
        Ok(Self { lower, upper })
    }

    /// The same interval for each of `variables`.
    ///
    /// # Errors
    /// As [`Bounds::new`].
    pub fn uniform(variables: usize, lower: f64, upper: f64) -> Result<Self, Error> {
        Self::new(vec![lower; variables], vec![upper; variables])
    }

    /// No bounds on `variables`.
    ///
    /// # Errors
    /// No variable.
    pub fn unbounded(variables: usize) -> Result<Self, Error> {
        Self::uniform(variables, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Number of variables.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty: there is at least one variable")]
    pub fn len(&self) -> usize {
        self.lower.len()
    }

    /// Lower bounds; negative infinity where there is none.
    #[must_use]
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// Upper bounds; infinity where there is none.
    #[must_use]
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// Whether `point` has the right length and lies within.
    #[must_use]
    pub fn contains(&self, point: &[f64]) -> bool {
        point.len() == self.len() && self.first_outside(point).is_none()
    }

    /// The nearest point within the bounds.
    #[must_use]
    pub fn project(&self, point: &[f64]) -> Vec<f64> {
        point.iter().enumerate().map(|(i, &value)| self.clamp(i, value)).collect()
    }

    /// The largest component of `P(x - g) - x`: zero exactly at a stationary point.
    #[must_use]
    pub fn projected_gradient_norm(&self, point: &[f64], gradient: &[f64]) -> f64 {
        let component = |(i, (&x, &g)): (usize, (&f64, &f64))| {
            // Written without x - g, which would round a small g away.
            if g < 0.0 { (x - self.upper[i]).max(g) } else { (x - self.lower[i]).min(g) }.abs()
        };
        point.iter().zip(gradient).enumerate().map(component).fold(0.0, f64::max)
    }

    pub(crate) fn clamp(&self, index: usize, value: f64) -> f64 {
        value.clamp(self.lower[index], self.upper[index])
    }

    pub(crate) fn first_outside(&self, point: &[f64]) -> Option<Error> {
        let inside = |i: usize, value: f64| self.lower[i] <= value && value <= self.upper[i];
        let index = (0..self.len()).find(|&i| !inside(i, point[i]))?;
        let (lower, upper) = (self.lower[index], self.upper[index]);
        Some(Error::OutsideBounds { index, value: point[index], lower, upper })
    }

    /// Whether no variable has any bound.
    pub(crate) fn is_unbounded(&self) -> bool {
        self.lower.iter().chain(&self.upper).all(|bound| bound.is_infinite())
    }

    /// Whether every variable has both bounds.
    pub(crate) fn is_boxed(&self) -> bool {
        self.lower.iter().chain(&self.upper).all(|bound| bound.is_finite())
    }

    /// The start of a search: checked, then projected onto the bounds.
    pub(crate) fn project_start(&self, start: &[f64]) -> Result<Vec<f64>, Error> {
        if start.len() != self.len() {
            return Err(Error::StartLength { start: start.len(), bounds: self.len() });
        }
        match start.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Error::StartNotFinite { index, value: start[index] }),
            None => Ok(self.project(start)),
        }
    }
}

impl TryFrom<RawBounds> for Bounds {
    type Error = Error;

    fn try_from(raw: RawBounds) -> Result<Self, Error> {
        let fill = |ends: Vec<Option<f64>>, none: f64| {
            ends.into_iter().map(|end| end.unwrap_or(none)).collect()
        };
        Self::new(fill(raw.lower, f64::NEG_INFINITY), fill(raw.upper, f64::INFINITY))
    }
}

impl From<Bounds> for RawBounds {
    fn from(bounds: Bounds) -> Self {
        let finite =
            |ends: Vec<f64>| ends.into_iter().map(|end| end.is_finite().then_some(end)).collect();
        Self { lower: finite(bounds.lower), upper: finite(bounds.upper) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_intervals_are_refused() {
        let infinity = f64::INFINITY;
        for (lower, upper) in [(1.0, 0.0), (infinity, infinity), (-infinity, -infinity)] {
            let error = Bounds::new(vec![0.0, lower], vec![1.0, upper]).unwrap_err();
            assert!(matches!(error, Error::BoundsContradict { index: 1, .. }), "{error}");
        }
    }

    #[test]
    fn nan_and_unequal_lengths_are_named() {
        let nan = Bounds::new(vec![f64::NAN], vec![1.0]).unwrap_err();
        assert!(matches!(nan, Error::BoundIsNan { index: 0 }));
        let lengths = Bounds::new(vec![0.0; 2], vec![1.0; 3]).unwrap_err();
        assert!(matches!(lengths, Error::BoundsLengths { lower: 2, upper: 3 }));
        assert!(matches!(Bounds::unbounded(0).unwrap_err(), Error::NoVariables));
    }

    #[test]
    fn a_gradient_that_points_out_of_the_bounds_is_projected_to_zero() {
        let bounds = Bounds::uniform(3, 0.0, 1.0).unwrap();
        let norm = bounds.projected_gradient_norm(&[0.0, 1.0, 0.75], &[5.0, -7.0, -3.0]);
        assert!((norm - 0.25).abs() < 1e-15);
        let free = Bounds::unbounded(1).unwrap();
        assert!((free.projected_gradient_norm(&[0.0], &[-3.0]) - 3.0).abs() < 1e-15);
    }

    #[test]
    fn infinite_bounds_round_trip_through_json() {
        let bounds = Bounds::new(vec![f64::NEG_INFINITY, 0.0], vec![1.0, f64::INFINITY]).unwrap();
        let text = serde_json::to_string(&bounds).unwrap();
        assert_eq!(text, r#"{"lower":[null,0.0],"upper":[1.0,null]}"#);
        assert_eq!(serde_json::from_str::<Bounds>(&text).unwrap(), bounds);
    }
}

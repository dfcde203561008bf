//! One checked measurement of a problem: objective and gradient, both finite.

use crate::Error;
use argmin::core::{CostFunction, Gradient, Problem};

/// A point with what was measured there.
#[derive(Debug, Clone)]
pub(crate) struct Iterate {
    pub(crate) point: Vec<f64>,
    pub(crate) cost: f64,
    pub(crate) gradient: Vec<f64>,
}

impl Iterate {
    /// Measures `problem` at `point`; argmin counts the calls.
    pub(crate) fn measure<O>(
        problem: &mut Problem<O>,
        point: Vec<f64>,
    ) -> Result<Self, argmin::core::Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>
            + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
    {
        let cost = finite_cost(problem.cost(&point)?, &point)?;
        let gradient = problem.gradient(&point)?;
        if gradient.len() != point.len() {
            let (gradient, variables) = (gradient.len(), point.len());
            return Err(Error::GradientLength { gradient, variables }.into());
        }
        if let Some(index) = gradient.iter().position(|value| !value.is_finite()) {
            return Err(Error::GradientNotFinite { index, value: gradient[index], point }.into());
        }
        Ok(Self { point, cost, gradient })
    }
}

/// `value`, if it is a number.
pub(crate) fn finite_cost(value: f64, point: &[f64]) -> Result<f64, Error> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::CostNotFinite { value, point: point.to_vec() })
    }
}

//! A point with its cost and gradient, both checked to be finite.

use crate::Error;
use crate::bounds::Bounds;
use crate::state::VectorState;
use argmin::core::{CostFunction, Gradient, Problem};

/// A point with its cost and gradient.
#[derive(Debug, Clone)]
pub(crate) struct Iterate {
    pub(crate) point: Vec<f64>,
    pub(crate) cost: f64,
    pub(crate) gradient: Vec<f64>,
}

impl Iterate {
    /// Evaluates `problem` at `point`; argmin counts the calls.
    pub(crate) fn evaluate<O>(
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

    /// Takes the iterate out of argmin's state. Lengths are checked because a state restored from a
    /// checkpoint can hold anything.
    pub(crate) fn from_state(state: &mut VectorState, bounds: &Bounds) -> Result<Self, Error> {
        let point = state.take_param().ok_or(Error::NoStart)?;
        let gradient = state.take_gradient().ok_or(Error::NoStart)?;
        if point.len() != bounds.len() {
            return Err(Error::StartLength { start: point.len(), bounds: bounds.len() });
        }
        if gradient.len() != bounds.len() {
            let (gradient, variables) = (gradient.len(), bounds.len());
            return Err(Error::GradientLength { gradient, variables });
        }
        Ok(Self { point, cost: state.get_cost(), gradient })
    }

    /// Puts the iterate into argmin's state.
    pub(crate) fn into_state(self, state: VectorState) -> VectorState {
        state.param(self.point).cost(self.cost).gradient(self.gradient)
    }
}

/// `value` if it is finite.
pub(crate) fn finite_cost(value: f64, point: &[f64]) -> Result<f64, Error> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::CostNotFinite { value, point: point.to_vec() })
    }
}

//! Gradients by finite differences within the bounds.
//!
//! `g_i = (f(x + h e_i) - f(x)) / h`. Where `x_i + h` would be outside the bounds the
//! difference is backward; where neither side has room for `h` it goes to the farther bound; a
//! fixed variable has slope 0. `h` is absolute, in the units of the variable: 1e-8 (SciPy's
//! default) suits smooth functions, a step function needs a step wider than its treads.
//! One gradient costs one evaluation per variable, plus one if the point is new.

use crate::Error;
use crate::bounds::Bounds;
use crate::error::in_range;
use crate::iterate::finite_cost;
use argmin::core::{CostFunction, Gradient};
use std::cell::{Cell, RefCell};

/// A problem with its finite-difference gradient.
///
/// ```
/// use argmin::core::{CostFunction, Error, Executor, State};
/// use hpa_optim::{Bounds, FiniteDifference, Lbfgsb};
///
/// struct Quartic;
///
/// impl CostFunction for Quartic {
///     type Param = Vec<f64>;
///     type Output = f64;
///     fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
///         Ok(x.iter().map(|x| (x - 0.25).powi(4) + x.powi(2)).sum())
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// let bounds = Bounds::uniform(3, 0.2, 1.0)?;
/// let problem = FiniteDifference::new(Quartic, 1e-8, bounds.clone())?;
/// let result = Executor::new(problem, Lbfgsb::new(bounds))
///     .configure(|state| state.param(vec![0.9; 3]))
///     .run()?;
/// assert_eq!(result.state().get_best_param(), Some(&vec![0.2; 3]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FiniteDifference<P> {
    problem: P,
    step: f64,
    bounds: Bounds,
    evaluations: Cell<u64>,
    last: RefCell<Option<(Vec<f64>, f64)>>,
}

impl<P> FiniteDifference<P> {
    /// `problem` with differences of `step` within `bounds`.
    ///
    /// # Errors
    /// A step that is not a finite number above 0.
    pub fn new(problem: P, step: f64, bounds: Bounds) -> Result<Self, Error> {
        let ok = step > 0.0 && step.is_finite();
        in_range("finite-difference step", step, ok, "a finite number > 0")?;
        Ok(Self { problem, step, bounds, evaluations: Cell::new(0), last: RefCell::new(None) })
    }

    /// The wrapped problem.
    pub fn problem(&self) -> &P {
        &self.problem
    }

    /// Evaluations of the objective so far, including those for gradients.
    pub fn evaluations(&self) -> u64 {
        self.evaluations.get()
    }

    /// The second point of the difference in one variable; the variable's own value if it is fixed.
    fn neighbour(&self, index: usize, value: f64) -> f64 {
        let (lower, upper) = (self.bounds.lower()[index], self.bounds.upper()[index]);
        if value + self.step <= upper {
            value + self.step
        } else if value - self.step >= lower {
            value - self.step
        } else if upper - value >= value - lower {
            upper
        } else {
            lower
        }
    }
}

impl<P: CostFunction<Param = Vec<f64>, Output = f64>> FiniteDifference<P> {
    fn evaluate(&self, point: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        self.evaluations.set(self.evaluations.get() + 1);
        Ok(finite_cost(self.problem.cost(point)?, point)?)
    }
}

impl<P: CostFunction<Param = Vec<f64>, Output = f64>> CostFunction for FiniteDifference<P> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, point: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        let cost = self.evaluate(point)?;
        *self.last.borrow_mut() = Some((point.clone(), cost));
        Ok(cost)
    }
}

impl<P: CostFunction<Param = Vec<f64>, Output = f64>> Gradient for FiniteDifference<P> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, point: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        if point.len() != self.bounds.len() {
            let (start, bounds) = (point.len(), self.bounds.len());
            return Err(Error::StartLength { start, bounds }.into());
        }
        if let Some(error) = self.bounds.first_outside(point) {
            return Err(error.into());
        }
        let cached = self.last.borrow().as_ref().filter(|last| last.0 == *point).map(|last| last.1);
        let here = cached.map_or_else(|| self.cost(point), Ok)?;
        let mut moved = point.clone();
        let mut gradient = Vec::with_capacity(point.len());
        for (index, &value) in point.iter().enumerate() {
            let neighbour = self.neighbour(index, value);
            // The representable difference, not the nominal step.
            let distance = neighbour - value;
            moved[index] = neighbour;
            let slope =
                if distance == 0.0 { 0.0 } else { (self.evaluate(&moved)? - here) / distance };
            gradient.push(slope);
            moved[index] = value;
        }
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x², recording every point of evaluation.
    struct Recorder(RefCell<Vec<f64>>);

    impl CostFunction for Recorder {
        type Param = Vec<f64>;
        type Output = f64;

        fn cost(&self, x: &Vec<f64>) -> Result<f64, argmin::core::Error> {
            self.0.borrow_mut().extend(x);
            Ok(x[0] * x[0])
        }
    }

    fn slope(at: f64, step: f64, lower: f64, upper: f64) -> (f64, FiniteDifference<Recorder>) {
        let bounds = Bounds::uniform(1, lower, upper).unwrap();
        let problem =
            FiniteDifference::new(Recorder(RefCell::new(Vec::new())), step, bounds).unwrap();
        (problem.gradient(&vec![at]).unwrap()[0], problem)
    }

    #[test]
    fn every_evaluation_is_within_the_bounds() {
        // Forward; backward at the upper bound; toward the farther bound of an interval narrower than the step.
        for (at, expected) in [(0.5, 1.05), (1.0, 1.95), (0.0, 0.05)] {
            let (slope, problem) = slope(at, 0.05, 0.0, 1.0);
            assert!((slope - expected).abs() < 1e-12, "at {at}: {slope}");
            assert!(problem.problem().0.borrow().iter().all(|x| (0.0..=1.0).contains(x)));
        }
        let (narrow, problem) = slope(0.51, 0.05, 0.5, 0.53);
        assert!((narrow - 1.04).abs() < 1e-12);
        assert!(problem.problem().0.borrow().iter().all(|x| (0.5..=0.53).contains(x)));
    }

    #[test]
    fn a_fixed_variable_has_no_slope() {
        let (slope, problem) = slope(0.3, 0.05, 0.3, 0.3);
        assert_eq!((slope, problem.evaluations()), (0.0, 1));
    }

    #[test]
    fn the_objective_is_not_evaluated_twice_at_the_same_point() {
        let (_, problem) = slope(0.5, 0.05, 0.0, 1.0);
        problem.cost(&vec![0.25]).unwrap();
        problem.gradient(&vec![0.25]).unwrap();
        assert_eq!(problem.evaluations(), 4);
    }

    #[test]
    fn a_step_of_zero_or_a_point_outside_is_refused() {
        let bounds = Bounds::uniform(1, 0.0, 1.0).unwrap();
        let recorder = || Recorder(RefCell::new(Vec::new()));
        assert!(FiniteDifference::new(recorder(), 0.0, bounds.clone()).is_err());
        let problem = FiniteDifference::new(recorder(), 0.1, bounds).unwrap();
        let error = problem.gradient(&vec![2.0]).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Error::OutsideBounds { index: 0, .. })));
    }
}

//! Runs a solver without argmin's executor: a problem, a start, a result.

use crate::Error;
use crate::state::VectorState;
use crate::stop_reason::StopReason;
use argmin::core::{CostFunction, Executor, Gradient, Solver, State, TerminationReason};

/// The result of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The lowest point found.
    pub param: Vec<f64>,
    /// The objective there.
    pub cost: f64,
    /// Iterations or hops.
    pub iterations: u64,
    /// Calls of `cost`; [`FiniteDifference`](crate::FiniteDifference) counts its own as well.
    pub evaluations: u64,
    /// Why the search stopped.
    pub reason: TerminationReason,
}

impl Minimum {
    /// Why the search stopped, if the solver stopped it.
    #[must_use]
    pub fn stop(&self) -> Option<StopReason> {
        StopReason::of(&self.reason)
    }
}

/// A problem by reference; argmin's executor takes problems by value.
#[derive(Debug)]
pub struct ByRef<'a, P>(&'a P);

impl<P: CostFunction> CostFunction for ByRef<'_, P> {
    type Param = P::Param;
    type Output = P::Output;

    fn cost(&self, param: &P::Param) -> Result<P::Output, argmin::core::Error> {
        self.0.cost(param)
    }
}

impl<P: Gradient> Gradient for ByRef<'_, P> {
    type Param = P::Param;
    type Gradient = P::Gradient;

    fn gradient(&self, param: &P::Param) -> Result<P::Gradient, argmin::core::Error> {
        self.0.gradient(param)
    }
}

/// A problem made of two closures.
#[derive(Debug, Clone)]
pub struct Closures<C, G> {
    cost: C,
    gradient: G,
}

impl<C, G> Closures<C, G>
where
    C: Fn(&[f64]) -> f64,
    G: Fn(&[f64]) -> Vec<f64>,
{
    /// The problem with objective `cost` and gradient `gradient`.
    pub fn new(cost: C, gradient: G) -> Self {
        Self { cost, gradient }
    }
}

impl<C: Fn(&[f64]) -> f64, G> CostFunction for Closures<C, G> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, param: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok((self.cost)(param))
    }
}

impl<C, G: Fn(&[f64]) -> Vec<f64>> Gradient for Closures<C, G> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, param: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        Ok((self.gradient)(param))
    }
}

/// Runs `solver` on `problem` from `start`.
///
/// ```
/// use hpa_optim::{Bounds, Closures, Lbfgsb, StopReason, minimize};
/// # fn main() -> Result<(), hpa_optim::Error> {
/// let bowl = Closures::new(|x| x[0] * x[0] + x[1] * x[1], |x| vec![2.0 * x[0], 2.0 * x[1]]);
/// let bounds = Bounds::new(vec![0.5, -1.0], vec![1.0, 1.0])?;
/// let minimum = minimize(&bowl, &[1.0, 1.0], &Lbfgsb::new(bounds))?;
/// assert_eq!(minimum.param, [0.5, 0.0]);
/// assert_eq!(minimum.stop(), Some(StopReason::GradientTolerance));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When problem, start or bounds are invalid, or the problem fails.
pub fn minimize<'a, P, S>(problem: &'a P, start: &[f64], solver: &S) -> Result<Minimum, Error>
where
    S: Solver<ByRef<'a, P>, VectorState> + Clone,
{
    let run = Executor::new(ByRef(problem), solver.clone())
        .configure(|state| state.param(start.to_vec()))
        .ctrlc(false)
        .timer(false)
        .run();
    let result = run.map_err(|error| error.downcast::<Error>().unwrap_or_else(Error::Problem))?;
    let mut state = result.state;
    let reason = state.get_termination_reason().cloned();
    Ok(Minimum {
        param: state.take_best_param().ok_or(Error::NoStart)?,
        cost: state.get_best_cost(),
        iterations: state.get_iter(),
        evaluations: result.problem.counts.get("cost_count").copied().unwrap_or(0),
        reason: reason.unwrap_or_default(),
    })
}

//! The solvers without argmin's frame: a problem, a start, a result.

use crate::Error;
use crate::lbfgsb::VectorState;
use crate::termination::Stop;
use argmin::core::{CostFunction, Executor, Gradient, Solver, State, TerminationReason};

/// The end of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The lowest point found.
    pub param: Vec<f64>,
    /// The objective there.
    pub cost: f64,
    /// Iterations (or hops) made.
    pub iterations: u64,
    /// Calls of `cost`; [`FiniteDifference`](crate::FiniteDifference) counts its own as well.
    pub evaluations: u64,
    /// Why the search ended.
    pub reason: TerminationReason,
}

impl Minimum {
    /// Why the search ended, if it was the solver that ended it.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        Stop::of(&self.reason)
    }
}

/// A problem lent to an executor, which wants to own one.
#[derive(Debug)]
pub struct Lent<'a, P>(&'a P);

impl<P: CostFunction> CostFunction for Lent<'_, P> {
    type Param = P::Param;
    type Output = P::Output;

    fn cost(&self, param: &P::Param) -> Result<P::Output, argmin::core::Error> {
        self.0.cost(param)
    }
}

impl<P: Gradient> Gradient for Lent<'_, P> {
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
/// use hpa_optim::{Bounds, Closures, Lbfgsb, Stop, minimise};
/// # fn main() -> Result<(), hpa_optim::Error> {
/// let bowl = Closures::new(|x| x[0] * x[0] + x[1] * x[1], |x| vec![2.0 * x[0], 2.0 * x[1]]);
/// let bounds = Bounds::new(vec![0.5, -1.0], vec![1.0, 1.0])?;
/// let minimum = minimise(&bowl, &[1.0, 1.0], &Lbfgsb::new(bounds))?;
/// assert_eq!(minimum.param, [0.5, 0.0]);
/// assert_eq!(minimum.stop(), Some(Stop::GradientSmall));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Whatever is wrong with problem, start or bounds, by name.
pub fn minimise<'a, P, S>(problem: &'a P, start: &[f64], solver: &S) -> Result<Minimum, Error>
where
    S: Solver<Lent<'a, P>, VectorState> + Clone,
{
    let run = Executor::new(Lent(problem), solver.clone())
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

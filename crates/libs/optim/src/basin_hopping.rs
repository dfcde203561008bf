//! `BasinHopping`: random hops between local searches, in search of the lowest minimum.
//!
//! Each hop displaces every coordinate of the current minimum by a random amount, runs the local
//! minimiser from there, and accepts the result by the Metropolis criterion: a lower minimum always,
//! a higher one with probability `exp(-(f' - f)/T)`. The step size adapts to the acceptance rate.
//! A result outside the bounds, or one that fails an accept test, is rejected.
//!
//! Differences from SciPy's `basinhopping`, whose defaults it has: the result is the lowest
//! point that any local search returned and that bounds and test accept, also when Metropolis
//! rejected it or the local search did not converge; `n` hops without improvement stop after `n`,
//! not `n + 1`; the random numbers are other ones.
//!
//! Sources: Wales & Doye, J. Phys. Chem. A 101 (1997), 5111-5116; Li & Scheraga, PNAS 84
//! (1987), 6611-6615; the adaptive step size as in SciPy 1.17.

use crate::Error;
use crate::bounds::Bounds;
use crate::displacement::{AdaptiveStepSize, HopRng};
use crate::error::in_range;
use crate::iterate::finite_cost;
use crate::state::{StepResult, VectorState, init_state};
use crate::stop_reason::StopReason;
use argmin::core::TerminationStatus;
use argmin::core::{CostFunction, Executor, IterState, KV, Problem, Solver, State};
use argmin::kv;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// A state that basin hopping can start a local minimiser with.
///
/// Implemented for every `IterState` over `Vec<f64>`, hence for all of argmin's own solvers with
/// a starting point; implement it for other states to use basin hopping with other solvers.
pub trait LocalState: State<Param = Vec<f64>, Float = f64> {
    /// A new state at `start`, limited to `max_iterations`.
    #[must_use]
    fn at(start: Vec<f64>, max_iterations: u64) -> Self;
}

impl<G, J, H, R> LocalState for IterState<Vec<f64>, G, J, H, R, f64> {
    fn at(start: Vec<f64>, max_iterations: u64) -> Self {
        Self::new().param(start).max_iters(max_iterations)
    }
}

/// The result of a hop, as an accept test sees it.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// The local minimum found.
    pub point: &'a [f64],
    /// The objective there.
    pub cost: f64,
    /// The minimum that the hop started from.
    pub from: &'a [f64],
    /// The objective there.
    pub from_cost: f64,
}

/// A test that every local result has to pass besides the Metropolis criterion.
///
/// [`Bounds`] are one, and so is any closure `Fn(&Hop) -> bool`. A test that is saved in a checkpoint
/// must be serialisable, which closures are not.
pub trait AcceptTest {
    /// Whether the result passes.
    fn accepts(&self, hop: &Hop<'_>) -> bool;
}

/// No test: everything passes.
impl AcceptTest for () {
    fn accepts(&self, _: &Hop<'_>) -> bool {
        true
    }
}

impl AcceptTest for Bounds {
    fn accepts(&self, hop: &Hop<'_>) -> bool {
        self.contains(hop.point)
    }
}

impl<F: Fn(&Hop<'_>) -> bool> AcceptTest for F {
    fn accepts(&self, hop: &Hop<'_>) -> bool {
        self(hop)
    }
}

/// Basin hopping around the local minimiser `L`, an argmin [`Solver`](argmin::core::Solver).
///
/// `L` is any argmin solver over `Vec<f64>` that starts from its state's parameter; `I`, its
/// state, is inferred where the search is run.
///
/// | option | default (SciPy's) | meaning |
/// |---|---|---|
/// | hops | 100 | hops after the first local search |
/// | step size | 0.5 | largest displacement of a coordinate, initially |
/// | temperature | 1 | rise of the objective accepted with probability 1/e |
/// | target acceptance | 0.5 | acceptance rate that the step size adapts to |
/// | interval | 50 | hops between adaptations |
/// | step factor | 0.9 | factor by which an adaptation changes the step size |
/// | bounds | none | a local result outside is rejected |
/// | accept test | none | a local result that fails it is rejected; that of the start is kept |
/// | max hops without improvement | none | stop after this many in a row |
/// | seed | 0 | same seed, same search |
///
/// ```
/// use argmin::core::{CostFunction, Error, Executor, Gradient, State};
/// use hpa_optim::{BasinHopping, Bounds, Lbfgsb};
/// use std::f64::consts::TAU;
///
/// /// Rastrigin's function: a minimum near every integer, the lowest one at 0.
/// struct Rastrigin;
///
/// impl CostFunction for Rastrigin {
///     type Param = Vec<f64>;
///     type Output = f64;
///     fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
///         Ok(x.iter().map(|x| x * x + 10.0 * (1.0 - (TAU * x).cos())).sum())
///     }
/// }
///
/// impl Gradient for Rastrigin {
///     type Param = Vec<f64>;
///     type Gradient = Vec<f64>;
///     fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
///         Ok(x.iter().map(|x| 2.0 * x + 10.0 * TAU * (TAU * x).sin()).collect())
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// let local = Lbfgsb::new(Bounds::uniform(2, -5.12, 5.12)?);
/// let solver = BasinHopping::new(local).with_seed(4).with_step_size(1.0)?;
/// let result = Executor::new(Rastrigin, solver)
///     .configure(|state| state.param(vec![3.2, -4.1]))
///     .run()?;
/// assert!(result.state().get_best_cost() < 1e-9);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(
    serialize = "L: Serialize, T: Serialize",
    deserialize = "L: Deserialize<'de>, T: Deserialize<'de>"
))]
pub struct BasinHopping<L, I = VectorState, T = ()> {
    local: L,
    seed: u64,
    hops: u64,
    temperature: f64,
    step_size: AdaptiveStepSize,
    bounds: Option<Bounds>,
    test: T,
    max_hops_without_improvement: Option<u64>,
    local_iterations: u64,
    hops_without_improvement: u64,
    current_converged: bool,
    stop: Option<StopReason>,
    #[serde(skip)]
    state: PhantomData<fn() -> I>,
}

impl<L, I> BasinHopping<L, I> {
    /// Basin hopping around `local`, with the defaults above.
    #[must_use]
    pub fn new(local: L) -> Self {
        Self {
            local,
            seed: 0,
            hops: 100,
            temperature: 1.0,
            step_size: AdaptiveStepSize::new(0.5),
            bounds: None,
            test: (),
            max_hops_without_improvement: None,
            local_iterations: 15_000,
            hops_without_improvement: 0,
            current_converged: false,
            stop: None,
            state: PhantomData,
        }
    }
}

impl<L, I, T> BasinHopping<L, I, T> {
    /// Rejects every local result that fails `test`; replaces the previous test.
    ///
    /// ```
    /// use hpa_optim::{BasinHopping, Bounds, Closures, Hop, Lbfgsb, minimize};
    /// # fn main() -> Result<(), hpa_optim::Error> {
    /// let well = Closures::new(
    ///     |x| (x[0] * x[0] - 1.0).powi(2) + 0.3 * x[0],
    ///     |x| vec![4.0 * x[0] * (x[0] * x[0] - 1.0) + 0.3],
    /// );
    /// let local = Lbfgsb::new(Bounds::uniform(1, -2.0, 2.0)?);
    /// let solver: BasinHopping<Lbfgsb> = BasinHopping::new(local).with_step_size(1.5)?;
    /// let right = solver.with_accept_test(|hop: &Hop<'_>| hop.point[0] > 0.0);
    /// // The lower well, at -1.04, is never accepted.
    /// assert!(minimize(&well, &[0.95], &right)?.param[0] > 0.9);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_accept_test<U>(self, test: U) -> BasinHopping<L, I, U> {
        BasinHopping {
            local: self.local,
            seed: self.seed,
            hops: self.hops,
            temperature: self.temperature,
            step_size: self.step_size,
            bounds: self.bounds,
            test,
            max_hops_without_improvement: self.max_hops_without_improvement,
            local_iterations: self.local_iterations,
            hops_without_improvement: self.hops_without_improvement,
            current_converged: self.current_converged,
            stop: self.stop,
            state: PhantomData,
        }
    }

    /// The seed of all random numbers.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Hops after the first local search (SciPy's `niter`).
    #[must_use]
    pub fn with_hops(mut self, hops: u64) -> Self {
        self.hops = hops;
        self
    }

    /// Stops after this many hops in a row without a lower minimum (SciPy's `niter_success`).
    #[must_use]
    pub fn with_max_hops_without_improvement(mut self, hops: u64) -> Self {
        self.max_hops_without_improvement = Some(hops);
        self
    }

    /// Rejects every local result outside `bounds`.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Iteration limit of each local search, for solvers that have no stopping criterion.
    #[must_use]
    pub fn with_local_iterations(mut self, iterations: u64) -> Self {
        self.local_iterations = iterations;
        self
    }

    /// Largest displacement of a coordinate before the step size adapts.
    ///
    /// # Errors
    /// Not a finite number above 0.
    pub fn with_step_size(mut self, size: f64) -> Result<Self, Error> {
        let ok = size > 0.0 && size.is_finite();
        self.step_size.initial = in_range("step size", size, ok, "a finite number > 0")?;
        Ok(self)
    }

    /// Rise of the objective that is accepted with probability 1/e; 0 accepts no rise.
    ///
    /// # Errors
    /// Negative, infinite or NaN.
    pub fn with_temperature(mut self, temperature: f64) -> Result<Self, Error> {
        let ok = temperature >= 0.0 && temperature.is_finite();
        self.temperature = in_range("temperature", temperature, ok, "a finite number >= 0")?;
        Ok(self)
    }

    /// The acceptance rate that the step size adapts to.
    ///
    /// # Errors
    /// Not between 0 and 1.
    pub fn with_target_acceptance(mut self, share: f64) -> Result<Self, Error> {
        let ok = share > 0.0 && share < 1.0;
        self.step_size.target =
            in_range("target acceptance", share, ok, "a number between 0 and 1")?;
        Ok(self)
    }

    /// Hops between adaptations of the step size.
    ///
    /// # Errors
    /// Zero.
    pub fn with_interval(mut self, hops: u64) -> Result<Self, Error> {
        in_range("interval", hops as f64, hops > 0, "at least one hop")?;
        self.step_size.interval = hops;
        Ok(self)
    }

    /// Factor by which an adaptation multiplies or divides the step size.
    ///
    /// # Errors
    /// Not between 0 and 1.
    pub fn with_step_factor(mut self, factor: f64) -> Result<Self, Error> {
        let ok = factor > 0.0 && factor < 1.0;
        self.step_size.factor = in_range("step factor", factor, ok, "a number between 0 and 1")?;
        Ok(self)
    }

    /// Why the last run stopped; `None` while it goes on or when argmin stopped it.
    #[must_use]
    pub fn stop(&self) -> Option<StopReason> {
        self.stop
    }
}

/// The result of a local search.
struct LocalMinimum {
    point: Vec<f64>,
    cost: f64,
    converged: bool,
    reason: String,
}

impl<L, I: LocalState, T: AcceptTest> BasinHopping<L, I, T> {
    /// Runs a copy of the local minimiser from `start`.
    fn local_search<O>(
        &self,
        problem: &mut Problem<O>,
        start: Vec<f64>,
    ) -> Result<LocalMinimum, argmin::core::Error>
    where
        L: Solver<O, I> + Clone,
    {
        let inner = problem.take_problem().expect("argmin's executor always holds the problem");
        let result = Executor::new(inner, self.local.clone())
            .configure(|_| I::at(start, self.local_iterations))
            .ctrlc(false) // argmin allows a signal handler in the outermost executor only
            .timer(false)
            .run()?;
        let reason = result.state.get_termination_reason();
        let converged = StopReason::is_success(reason);
        let reason = reason.map_or_else(String::new, ToString::to_string);
        let point = result.state.get_best_param().cloned();
        let cost = result.state.get_best_cost();
        problem.consume_problem(result.problem);
        let error = || Error::NoLocalMinimum { solver: self.local.name().to_owned() };
        let point = point.ok_or_else(error)?;
        Ok(LocalMinimum { cost: finite_cost(cost, &point)?, point, converged, reason })
    }

    fn passes_tests(&self, hop: &Hop<'_>) -> bool {
        self.bounds.as_ref().is_none_or(|bounds| bounds.accepts(hop)) && self.test.accepts(hop)
    }

    /// The Metropolis criterion; an unconverged minimum never replaces a converged one.
    fn metropolis(&self, minimum: &LocalMinimum, current_cost: f64, draw: f64) -> bool {
        let rise = minimum.cost - current_cost;
        // At temperature 0 the exponential is 0 and a draw of exactly 0 would accept a rise.
        let is_likely =
            rise <= 0.0 || (self.temperature > 0.0 && (-rise / self.temperature).exp() >= draw);
        is_likely && (minimum.converged || !self.current_converged)
    }

    fn check_convergence(&self, hops: u64) -> Option<StopReason> {
        let limit = self.max_hops_without_improvement;
        if limit.is_some_and(|limit| self.hops_without_improvement >= limit) {
            return Some(StopReason::NoImprovement);
        }
        (hops >= self.hops).then_some(StopReason::MaxHops)
    }

    /// What observers see of a hop.
    fn report(&self, minimum: &LocalMinimum, accepted: bool, step_size: f64) -> KV {
        kv!(
            "accepted" => accepted;
            "trial_cost" => minimum.cost;
            "step_size" => step_size;
            "acceptance" => self.step_size.acceptance_rate();
            "hops_without_improvement" => self.hops_without_improvement;
            "local_reason" => minimum.reason.clone();
        )
    }
}

impl<O, L, I, T> Solver<O, VectorState> for BasinHopping<L, I, T>
where
    O: CostFunction<Param = Vec<f64>, Output = f64>,
    L: Solver<O, I> + Clone,
    I: LocalState,
    T: AcceptTest,
{
    fn name(&self) -> &'static str {
        "basin hopping"
    }

    fn init(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> StepResult {
        let start = state.take_param().ok_or(Error::NoStart)?;
        check_start(&start, self.bounds.as_ref().map(Bounds::len))?;
        self.step_size.reset();
        self.hops_without_improvement = 0;
        let minimum = self.local_search(problem, start)?;
        if let Some(error) = self.bounds.as_ref().and_then(|b| b.first_outside(&minimum.point)) {
            return Err(error.into()); // there would be no valid point to return
        }
        self.current_converged = minimum.converged;
        self.stop = self.check_convergence(0);
        let report = self.report(&minimum, true, self.step_size.initial);
        let state = init_state(state, &minimum.point, minimum.cost);
        Ok((state.param(minimum.point).cost(minimum.cost), Some(report)))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> StepResult {
        let current = state.take_param().ok_or(Error::NoStart)?;
        let current_cost = state.get_cost();
        let hop_number = state.get_iter() + 1;
        let mut rng = HopRng::new(self.seed, hop_number);
        let step_size = self.step_size.next();
        let minimum = self.local_search(problem, rng.displace(&current, step_size))?;
        let passes = self.passes_tests(&Hop {
            point: &minimum.point,
            cost: minimum.cost,
            from: &current,
            from_cost: current_cost,
        });
        let accepted = self.metropolis(&minimum, current_cost, rng.uniform()) && passes;
        self.step_size.record(accepted);
        let improved = minimum.cost < state.get_best_cost() && passes;
        self.hops_without_improvement =
            if improved { 0 } else { self.hops_without_improvement + 1 };
        self.stop = self.check_convergence(hop_number);
        let report = self.report(&minimum, accepted, step_size);
        if improved && !accepted {
            // argmin itself records only points that the search moved to.
            state.prev_best_param = state.best_param.replace(minimum.point.clone());
            state.prev_best_cost = state.best_cost;
            state.best_cost = minimum.cost;
            state.last_best_iter = state.get_iter();
        }
        let state = if accepted {
            self.current_converged = minimum.converged;
            state.param(minimum.point).cost(minimum.cost)
        } else {
            state.param(current).cost(current_cost)
        };
        Ok((state, Some(report)))
    }

    fn terminate(&mut self, _state: &VectorState) -> TerminationStatus {
        StopReason::status(self.stop)
    }
}

fn check_start(start: &[f64], bounds: Option<usize>) -> Result<(), Error> {
    if start.is_empty() {
        return Err(Error::NoVariables);
    }
    if let Some(bounds) = bounds.filter(|&bounds| bounds != start.len()) {
        return Err(Error::StartLength { start: start.len(), bounds });
    }
    match start.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::StartNotFinite { index, value: start[index] }),
        None => Ok(()),
    }
}

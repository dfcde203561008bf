//! `Lbfgsb`: minimises a smooth function of many variables within bounds.
//!
//! Each iteration models the function by a quadratic whose Hessian comes from the last `m`
//! steps (`compact.rs`), follows the projected steepest descent to the model's first minimum
//! (`cauchy.rs`), minimises the model over the variables that are free there (`subspace.rs`), and
//! searches along the line to that point for the strong Wolfe conditions (`line_search.rs`).
//!
//! Requires of the problem: `CostFunction` and `Gradient` on `Vec<f64>`, both finite in the box
//! (without a gradient wrap it in [`FiniteDifference`](crate::FiniteDifference)). The start is
//! moved into the box; no point outside it is ever measured, and the result is never worse than
//! the start.
//!
//! Sources: Byrd, Lu, Nocedal & Zhu, *A limited memory algorithm for bound constrained
//! optimization*, SIAM J. Sci. Comput. 16 (1995), 1190-1208. Zhu, Byrd, Lu & Nocedal,
//! *Algorithm 778*, ACM Trans. Math. Software 23 (1997), 550-560 (tolerances, first step,
//! curvature skip, restarts). Morales & Nocedal, *Remark on Algorithm 778*, ibid. 38 (2011), 7:1-4.

use crate::Error;
use crate::bounds::Bounds;
use crate::compact::Compact;
use crate::error::in_range;
use crate::evaluation::Iterate;
use crate::iteration::Outcome;
use crate::termination::Stop;
use argmin::core::{CostFunction, Gradient, IterState, KV, Problem, Solver, TerminationStatus};
use argmin::kv;
use serde::{Deserialize, Serialize};

/// The argmin state of both solvers: a point and its gradient as plain vectors.
pub type VectorState = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// What a solver step returns to argmin.
pub(crate) type Stepped = Result<(VectorState, Option<KV>), argmin::core::Error>;

/// Limited-memory BFGS with bounds, an argmin [`Solver`].
///
/// | option | default (SciPy's) | meaning |
/// |---|---|---|
/// | memory | 10 | pairs of step and gradient change kept |
/// | cost tolerance | 2.220446049250313e-9 | stop when `(f - f') ≤ tol · max(\|f\|, \|f'\|, 1)` |
/// | gradient tolerance | 1e-5 | stop when the largest projected gradient component is below |
/// | line search steps | 20 | measurements along one line |
/// | evaluations | 15000 | measurements in all |
///
/// ```
/// use argmin::core::{CostFunction, Error, Executor, Gradient, State};
/// use hpa_optim::{Bounds, Lbfgsb, Stop};
///
/// /// (x - 3)² + (y + 1)², whose minimum lies outside the unit square.
/// struct Bowl;
///
/// impl CostFunction for Bowl {
///     type Param = Vec<f64>;
///     type Output = f64;
///     fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
///         Ok((x[0] - 3.0).powi(2) + (x[1] + 1.0).powi(2))
///     }
/// }
///
/// impl Gradient for Bowl {
///     type Param = Vec<f64>;
///     type Gradient = Vec<f64>;
///     fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
///         Ok(vec![2.0 * (x[0] - 3.0), 2.0 * (x[1] + 1.0)])
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// let solver = Lbfgsb::new(Bounds::uniform(2, 0.0, 1.0)?).with_gradient_tolerance(1e-8)?;
/// let result = Executor::new(Bowl, solver)
///     .configure(|state| state.param(vec![0.5, 0.5]).max_iters(100))
///     .run()?;
/// let state = result.state();
/// assert_eq!(state.get_best_param(), Some(&vec![1.0, 0.0]));
/// assert_eq!(state.get_termination_reason().and_then(Stop::of), Some(Stop::GradientSmall));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lbfgsb {
    pub(crate) bounds: Bounds,
    pub(crate) cost_tolerance: f64,
    gradient_tolerance: f64,
    pub(crate) line_search_steps: u64,
    max_evaluations: u64,
    pub(crate) compact: Compact,
    pub(crate) evaluations: u64,
    pub(crate) first_step: bool,
    stop: Option<Stop>,
}

impl Lbfgsb {
    /// A solver for points within `bounds`, with the defaults above.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            cost_tolerance: 1e7 * f64::EPSILON,
            gradient_tolerance: 1e-5,
            line_search_steps: 20,
            max_evaluations: 15_000,
            compact: Compact::new(10),
            evaluations: 0,
            first_step: true,
            stop: None,
        }
    }

    /// Pairs of step and gradient change kept, at least 1; 3 to 20 are useful.
    ///
    /// # Errors
    /// Zero.
    pub fn with_memory(mut self, pairs: usize) -> Result<Self, Error> {
        in_range("memory", pairs as f64, pairs > 0, "at least one pair")?;
        self.compact = Compact::new(pairs);
        Ok(self)
    }

    /// Relative reduction of the objective in one iteration at which to stop (SciPy's `ftol`).
    ///
    /// # Errors
    /// Negative, infinite or NaN.
    pub fn with_cost_tolerance(mut self, tolerance: f64) -> Result<Self, Error> {
        let ok = tolerance >= 0.0 && tolerance.is_finite();
        self.cost_tolerance = in_range("cost tolerance", tolerance, ok, "a finite number >= 0")?;
        Ok(self)
    }

    /// The same in units of the machine precision (the papers' `factr`).
    ///
    /// # Errors
    /// Negative, infinite or NaN.
    pub fn with_factr(self, factr: f64) -> Result<Self, Error> {
        self.with_cost_tolerance(factr * f64::EPSILON)
    }

    /// Largest projected gradient component at which to stop (SciPy's `gtol`).
    ///
    /// # Errors
    /// Negative, infinite or NaN.
    pub fn with_gradient_tolerance(mut self, tolerance: f64) -> Result<Self, Error> {
        let ok = tolerance >= 0.0 && tolerance.is_finite();
        self.gradient_tolerance =
            in_range("gradient tolerance", tolerance, ok, "a finite number >= 0")?;
        Ok(self)
    }

    /// Measurements along one line before it is given up, at least 1 (SciPy's `maxls`).
    ///
    /// # Errors
    /// Zero.
    pub fn with_line_search_steps(mut self, steps: u64) -> Result<Self, Error> {
        in_range("line search steps", steps as f64, steps > 0, "at least one")?;
        self.line_search_steps = steps;
        Ok(self)
    }

    /// Measurements after which no further iteration begins (SciPy's `maxfun`).
    #[must_use]
    pub fn with_max_evaluations(mut self, evaluations: u64) -> Self {
        self.max_evaluations = evaluations;
        self
    }

    /// The box.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Why the last search ended; none while it goes on or if argmin ended it.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Checks that end a search at `here`, reached from `before` if there was an iteration.
    fn judge(&self, here: &Iterate, before: Option<f64>) -> Option<Stop> {
        if self.steepness(here) <= self.gradient_tolerance {
            return Some(Stop::GradientSmall);
        }
        if let Some(before) = before {
            let scale = before.abs().max(here.cost.abs()).max(1.0);
            if before - here.cost <= self.cost_tolerance * scale {
                return Some(Stop::CostFlat);
            }
        }
        (self.evaluations >= self.max_evaluations).then_some(Stop::EvaluationsSpent)
    }

    fn steepness(&self, here: &Iterate) -> f64 {
        self.bounds.projected_gradient_norm(&here.point, &here.gradient)
    }

    fn report(&self, here: &Iterate) -> KV {
        kv!(
            "projected_gradient" => self.steepness(here);
            "evaluations" => self.evaluations;
            "pairs" => self.compact.pairs() as u64;
        )
    }
}

impl<O> Solver<O, VectorState> for Lbfgsb
where
    O: CostFunction<Param = Vec<f64>, Output = f64>
        + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
{
    fn name(&self) -> &'static str {
        "L-BFGS-B"
    }

    fn init(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> Stepped {
        let start = state.take_param().ok_or(Error::NoStart)?;
        self.compact.forget();
        self.first_step = true;
        let here = Iterate::measure(problem, self.bounds.admit(&start)?)?;
        self.evaluations = 1;
        self.stop = self.judge(&here, None);
        let report = self.report(&here);
        Ok((write(begin(state, &here.point, here.cost), here), Some(report)))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> Stepped {
        let here = read(&mut state, &self.bounds)?;
        let here = match self.iterate(problem, &here)? {
            Outcome::Lower(next) => {
                self.stop = self.judge(&next, Some(here.cost));
                next
            }
            Outcome::Ended(stop) => {
                self.stop = Some(stop);
                here
            }
        };
        let report = self.report(&here);
        Ok((write(state, here), Some(report)))
    }

    fn terminate(&mut self, _state: &VectorState) -> TerminationStatus {
        self.stop.map_or(TerminationStatus::NotTerminated, |stop| {
            TerminationStatus::Terminated(stop.reason())
        })
    }
}

/// Takes the point out of argmin's state; a restored state may be anything.
fn read(state: &mut VectorState, bounds: &Bounds) -> Result<Iterate, Error> {
    let point = state.take_param().ok_or(Error::NoStart)?;
    let gradient = state.take_gradient().ok_or(Error::NoStart)?;
    if point.len() != bounds.len() {
        return Err(Error::StartLength { start: point.len(), bounds: bounds.len() });
    }
    if gradient.len() != bounds.len() {
        return Err(Error::GradientLength { gradient: gradient.len(), variables: bounds.len() });
    }
    Ok(Iterate { point, cost: state.get_cost(), gradient })
}

fn write(state: VectorState, here: Iterate) -> VectorState {
    state.param(here.point).cost(here.cost).gradient(here.gradient)
}

/// The state at the beginning of a search, free of infinities: JSON has none, and a checkpoint
/// with one could not be read back. "No target" becomes the lowest number; "no best point yet"
/// becomes the start.
pub(crate) fn begin(mut state: VectorState, start: &[f64], cost: f64) -> VectorState {
    (state.cost, state.prev_cost) = (cost, cost);
    (state.best_cost, state.prev_best_cost) = (cost, cost);
    state.best_param = Some(start.to_vec());
    state.target_cost = state.target_cost.max(f64::MIN);
    state
}

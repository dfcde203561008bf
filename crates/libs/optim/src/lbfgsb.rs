//! `Lbfgsb`: L-BFGS with bounds on the variables.
//!
//! Each iteration models the function by a quadratic whose Hessian comes from the last `m`
//! steps (`bfgs_matrix.rs`), follows the projected steepest descent to the model's first minimum
//! (`cauchy.rs`), minimises the model over the variables that are free there (`subspace.rs`), and
//! searches along the line to that point for the strong Wolfe conditions (`line_search.rs`).
//!
//! Requires of the problem: `CostFunction` and `Gradient` on `Vec<f64>`, both finite within the
//! bounds (for a problem without a gradient use [`FiniteDifference`](crate::FiniteDifference)).
//! The start is projected onto the bounds; no point outside them is evaluated, and the result is
//! never worse than the start.
//!
//! Sources: Byrd, Lu, Nocedal & Zhu, *A limited memory algorithm for bound constrained
//! optimization*, SIAM J. Sci. Comput. 16 (1995), 1190-1208. Zhu, Byrd, Lu & Nocedal,
//! *Algorithm 778*, ACM Trans. Math. Software 23 (1997), 550-560 (tolerances, first step,
//! curvature skip, restarts). Morales & Nocedal, *Remark on Algorithm 778*, ibid. 38 (2011), 7:1-4.

use crate::Error;
use crate::bfgs_matrix::BfgsMatrix;
use crate::bounds::Bounds;
use crate::cauchy::CauchyPoint;
use crate::error::in_range;
use crate::interpolation::Sample;
use crate::iterate::Iterate;
use crate::linalg::dot;
use crate::line_search::{LineSearch, Next};
use crate::state::{StepResult, VectorState, init_state};
use crate::stop_reason::StopReason;
use crate::subspace;
use argmin::core::{CostFunction, Gradient, KV, Problem, Solver, TerminationStatus};
use argmin::kv;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Longest step where no bound limits it.
const MAX_STEP: f64 = 1e10;

/// Limited-memory BFGS with bounds, an argmin [`Solver`].
///
/// | option | default (SciPy's) | meaning |
/// |---|---|---|
/// | memory | 10 | pairs of step and gradient change kept |
/// | cost tolerance | 2.220446049250313e-9 | stop when `(f - f') ≤ tol · max(\|f\|, \|f'\|, 1)` |
/// | gradient tolerance | 1e-5 | stop when the largest projected gradient component is below |
/// | line search steps | 20 | evaluations in one line search |
/// | evaluations | 15000 | evaluations in all |
///
/// ```
/// use argmin::core::{CostFunction, Error, Executor, Gradient, State};
/// use hpa_optim::{Bounds, Lbfgsb, StopReason};
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
/// assert_eq!(state.get_termination_reason().and_then(StopReason::of), Some(StopReason::GradientTolerance));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lbfgsb {
    bounds: Bounds,
    cost_tolerance: f64,
    gradient_tolerance: f64,
    line_search_steps: u64,
    max_evaluations: u64,
    hessian: BfgsMatrix,
    evaluations: u64,
    first_step: bool,
    stop: Option<StopReason>,
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
            hessian: BfgsMatrix::new(10),
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
        self.hessian = BfgsMatrix::new(pairs);
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

    /// Evaluations in one line search, at least 1 (SciPy's `maxls`).
    ///
    /// # Errors
    /// Zero.
    pub fn with_line_search_steps(mut self, steps: u64) -> Result<Self, Error> {
        in_range("line search steps", steps as f64, steps > 0, "at least one")?;
        self.line_search_steps = steps;
        Ok(self)
    }

    /// Evaluations after which no further iteration begins (SciPy's `maxfun`).
    #[must_use]
    pub fn with_max_evaluations(mut self, evaluations: u64) -> Self {
        self.max_evaluations = evaluations;
        self
    }

    /// Why the last run stopped; `None` while it goes on or when argmin stopped it.
    #[must_use]
    pub fn stop(&self) -> Option<StopReason> {
        self.stop
    }

    /// The reason to stop at `iterate`, reached from a cost of `previous` if there was an iteration.
    fn check_convergence(&self, iterate: &Iterate, previous: Option<f64>) -> Option<StopReason> {
        if self.projected_gradient_norm(iterate) <= self.gradient_tolerance {
            return Some(StopReason::GradientTolerance);
        }
        if let Some(previous) = previous {
            let scale = previous.abs().max(iterate.cost.abs()).max(1.0);
            if previous - iterate.cost <= self.cost_tolerance * scale {
                return Some(StopReason::CostTolerance);
            }
        }
        (self.evaluations >= self.max_evaluations).then_some(StopReason::MaxEvaluations)
    }

    fn projected_gradient_norm(&self, iterate: &Iterate) -> f64 {
        self.bounds.projected_gradient_norm(&iterate.point, &iterate.gradient)
    }

    /// What observers see of an iteration.
    fn report(&self, iterate: &Iterate) -> KV {
        kv!(
            "projected_gradient" => self.projected_gradient_norm(iterate);
            "evaluations" => self.evaluations;
            "pairs" => self.hessian.pairs() as u64;
        )
    }

    /// The next iterate, of lower cost than `current`, or the reason why there is none.
    ///
    /// A direction without a lower point resets the memory and the iteration starts again from
    /// steepest descent, unless the predicted reduction is within the tolerance, where rounding
    /// hides what is left.
    fn iterate<O>(
        &mut self,
        problem: &mut Problem<O>,
        current: &Iterate,
    ) -> Result<ControlFlow<StopReason, Iterate>, argmin::core::Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>
            + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
    {
        loop {
            let mut predicted_reduction = f64::INFINITY;
            if let Some(target) = self.model_minimum(current) {
                let line = Line::new(current, target);
                if let Some(next) = self.line_search(problem, current, &line)? {
                    self.update_hessian(current, &next);
                    return Ok(ControlFlow::Continue(next));
                }
                predicted_reduction = line.slope.abs();
            }
            if predicted_reduction <= self.cost_tolerance * current.cost.abs().max(1.0) {
                return Ok(ControlFlow::Break(StopReason::CostTolerance));
            }
            if self.hessian.is_identity() {
                return Ok(ControlFlow::Break(StopReason::LineSearchFailed));
            }
            self.hessian.reset();
        }
    }

    /// The minimiser of the quadratic model within the bounds; `None` if rounding has made the
    /// model indefinite.
    fn model_minimum(&self, current: &Iterate) -> Option<Vec<f64>> {
        let (point, gradient) = (&current.point, &current.gradient);
        let (bounds, hessian) = (&self.bounds, &self.hessian);
        if hessian.is_identity() {
            return Some(CauchyPoint::find(point, gradient, bounds, hessian).point);
        }
        let cauchy = if bounds.is_unbounded() {
            CauchyPoint::at_start(point, hessian)
        } else {
            CauchyPoint::find(point, gradient, bounds, hessian)
        };
        if cauchy.free.is_empty() {
            return Some(cauchy.point);
        }
        subspace::minimize(point, gradient, &cauchy, bounds, hessian)
    }

    /// A lower point along `line` and, within the bounds, beyond its end.
    fn line_search<O>(
        &mut self,
        problem: &mut Problem<O>,
        current: &Iterate,
        line: &Line,
    ) -> Result<Option<Iterate>, argmin::core::Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>
            + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
    {
        if line.slope >= 0.0 || line.slope.is_nan() {
            return Ok(None);
        }
        let max_step = self.max_step(&current.point, &line.direction);
        let mut step = self.initial_step(&line.direction, max_step);
        self.first_step = false;
        let start = Sample { step: 0.0, value: current.cost, slope: line.slope };
        let mut search = LineSearch::new(start, step, max_step);
        let mut best: Option<Iterate> = None;
        for _ in 0..self.line_search_steps {
            let iterate = Iterate::evaluate(problem, self.point_along(current, line, step))?;
            self.evaluations += 1;
            let slope = dot(&iterate.gradient, &line.direction);
            let next = search.advance(Sample { step, value: iterate.cost, slope });
            if next == Next::Accept {
                return Ok(Some(iterate));
            }
            if search.best_step().to_bits() == step.to_bits() {
                best = Some(iterate);
            }
            match next {
                Next::Evaluate(next) => step = next,
                Next::Accept | Next::AcceptBest => {
                    return Ok(best.filter(|best| best.cost < current.cost));
                }
            }
        }
        Ok(None)
    }

    /// The longest step along `direction` that the line search may take.
    fn max_step(&self, point: &[f64], direction: &[f64]) -> f64 {
        if self.bounds.is_unbounded() {
            return MAX_STEP;
        }
        if self.first_step {
            return 1.0;
        }
        let mut max_step = MAX_STEP;
        for (i, (&x, &d)) in point.iter().zip(direction).enumerate() {
            if d != 0.0 {
                let bound = if d < 0.0 { self.bounds.lower()[i] } else { self.bounds.upper()[i] };
                max_step = max_step.min(((bound - x) / d).max(0.0));
            }
        }
        // The end of the line is within the bounds, so anything below 1 is rounding.
        max_step.max(1.0)
    }

    /// The first step of a line search. Without curvature its length is a guess: unit length, unless
    /// bounds on every variable give a scale.
    fn initial_step(&self, direction: &[f64], max_step: f64) -> f64 {
        let is_guess = self.first_step && !self.bounds.is_boxed();
        let step = if is_guess { 1.0 / dot(direction, direction).sqrt() } else { 1.0 };
        step.min(max_step)
    }

    fn point_along(&self, current: &Iterate, line: &Line, step: f64) -> Vec<f64> {
        if step.to_bits() == 1.0_f64.to_bits() {
            return line.end.clone(); // exactly on its bounds
        }
        let moved = current.point.iter().zip(&line.direction).map(|(x, d)| x + step * d);
        moved.enumerate().map(|(i, value)| self.bounds.clamp(i, value)).collect()
    }

    /// Adds the pair of step and gradient change, unless its curvature is lost in rounding.
    fn update_hessian(&mut self, current: &Iterate, next: &Iterate) {
        let difference =
            |b: &[f64], a: &[f64]| -> Vec<f64> { b.iter().zip(a).map(|(b, a)| b - a).collect() };
        let step = difference(&next.point, &current.point);
        let change = difference(&next.gradient, &current.gradient);
        if dot(&step, &change) > f64::EPSILON * -dot(&step, &current.gradient) {
            self.hessian.update(step, change);
        }
    }
}

/// The line from the current point to the model's minimum.
struct Line {
    end: Vec<f64>,
    direction: Vec<f64>,
    slope: f64,
}

impl Line {
    fn new(current: &Iterate, end: Vec<f64>) -> Self {
        let direction: Vec<f64> = end.iter().zip(&current.point).map(|(z, x)| z - x).collect();
        let slope = dot(&current.gradient, &direction);
        Self { end, direction, slope }
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

    fn init(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> StepResult {
        let start = state.take_param().ok_or(Error::NoStart)?;
        self.hessian.reset();
        self.first_step = true;
        let iterate = Iterate::evaluate(problem, self.bounds.project_start(&start)?)?;
        self.evaluations = 1;
        self.stop = self.check_convergence(&iterate, None);
        let report = self.report(&iterate);
        let state = init_state(state, &iterate.point, iterate.cost);
        Ok((iterate.into_state(state), Some(report)))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> StepResult {
        let mut current = Iterate::from_state(&mut state, &self.bounds)?;
        match self.iterate(problem, &current)? {
            ControlFlow::Continue(next) => {
                self.stop = self.check_convergence(&next, Some(current.cost));
                current = next;
            }
            ControlFlow::Break(stop) => self.stop = Some(stop),
        }
        let report = self.report(&current);
        Ok((current.into_state(state), Some(report)))
    }

    fn terminate(&mut self, _state: &VectorState) -> TerminationStatus {
        StopReason::status(self.stop)
    }
}

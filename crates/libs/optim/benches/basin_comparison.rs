//! Evaluations, results and time of this crate's solvers and of the crate `basin` on the 62 test
//! problems.
//!
//! `cargo bench -p hpa-optim --bench basin_comparison`
//!
//! L-BFGS-B: ftol 1e-12, gtol 1e-8, memory 10, as in `tests/scipy.rs`. Basin hopping: 10 hops around
//! it, step size 0.5, temperature 1, three seeds; the random numbers of the two crates differ. Times
//! are the sums of the problems' medians of interleaved runs.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench may panic")]

#[path = "../tests/problems/mod.rs"]
mod problems;

use hpa_optim::{BasinHopping, Closures, Lbfgsb, minimize};
use problems::{Problem, cases};
use std::convert::Infallible;
use std::time::Instant;

const COST_TOLERANCE: f64 = 1e-12;
const GRADIENT_TOLERANCE: f64 = 1e-8;
const HOPS: u64 = 10;
const SEEDS: std::ops::Range<u64> = 0..3;
const REPEATS: usize = 3;

/// A problem with the traits of `basin`.
struct BasinProblem {
    function: problems::Function,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl BasinProblem {
    fn new(problem: &Problem) -> Self {
        let (lower, upper) = (problem.bounds.lower().to_vec(), problem.bounds.upper().to_vec());
        Self { function: problem.function, lower, upper }
    }
}

impl basin::Constraints for BasinProblem {
    type Set = basin::ConstraintSet<basin::BoxBounds<Vec<f64>>>;

    fn constraints(&self) -> <Self::Set as basin::ConstraintDescription>::Borrowed<'_> {
        let bounds = basin::BoxBounds::new(Some(&self.lower), Some(&self.upper));
        basin::ConstraintSet::new().with_bounds(bounds)
    }
}

impl basin::CostFunction for BasinProblem {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = Infallible;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Infallible> {
        Ok((self.function)(x).0)
    }
}

impl basin::Gradient for BasinProblem {
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Infallible> {
        Ok((self.function)(x).1)
    }
}

/// `basin`'s L-BFGS-B as its own `BasinHopping` can use it: that requires a local solver whose error
/// is the problem's, and this one wraps it.
struct LocalSolver(basin::Lbfgsb<Vec<f64>>);

type LocalState = basin::FirstOrderState<Vec<f64>>;

impl basin::Solver<BasinProblem, LocalState> for LocalSolver {
    type Error = Infallible;

    fn init(
        &mut self,
        problem: &mut basin::Problem<BasinProblem>,
        state: LocalState,
    ) -> Result<LocalState, Infallible> {
        Ok(self.0.init(problem, state).unwrap())
    }

    fn next_iter(
        &mut self,
        problem: &mut basin::Problem<BasinProblem>,
        state: LocalState,
    ) -> Result<basin::SolverStep<LocalState>, Infallible> {
        Ok(self.0.next_iter(problem, state).unwrap())
    }

    fn reset_convergence(&mut self) {
        basin::Solver::<BasinProblem, LocalState>::reset_convergence(&mut self.0);
    }

    fn check_convergence(
        &mut self,
        problem: &basin::Problem<BasinProblem>,
        state: &LocalState,
    ) -> Option<basin::Termination<f64>> {
        self.0.check_convergence(problem, state)
    }
}

impl basin::InitialState<Vec<f64>> for LocalSolver {
    type State = LocalState;

    fn seed(&self, x: &Vec<f64>) -> LocalState {
        self.0.seed(x)
    }
}

impl basin::WarmStart<Vec<f64>> for LocalSolver {}

/// The result of one run.
struct Run {
    cost: f64,
    evaluations: u64,
    seconds: f64,
}

fn timed(run: impl FnOnce() -> (f64, u64)) -> Run {
    let start = Instant::now();
    let (cost, evaluations) = run();
    Run { cost, evaluations, seconds: start.elapsed().as_secs_f64() }
}

fn own_lbfgsb(problem: &Problem) -> Lbfgsb {
    Lbfgsb::new(problem.bounds.clone())
        .with_cost_tolerance(COST_TOLERANCE)
        .and_then(|solver| solver.with_gradient_tolerance(GRADIENT_TOLERANCE))
        .unwrap()
}

fn basin_lbfgsb() -> basin::Lbfgsb<Vec<f64>> {
    basin::Lbfgsb::new()
        .with_relative_cost_reduction_tolerance(COST_TOLERANCE)
        .with_absolute_projected_gradient_tolerance(GRADIENT_TOLERANCE)
}

fn own_local(problem: &Problem, _: u64) -> Run {
    timed(|| {
        let solver = own_lbfgsb(problem);
        // Without the problem's check of the bounds, which `basin` does not pay for either.
        let function = problem.function;
        let bare = Closures::new(|x: &[f64]| function(x).0, |x: &[f64]| function(x).1);
        let minimum = minimize(&bare, &problem.start, &solver).unwrap();
        (minimum.cost, minimum.evaluations)
    })
}

fn basin_local(problem: &Problem, _: u64) -> Run {
    timed(|| {
        let start = basin::FirstOrderState::new(problem.bounds.project(&problem.start));
        let executor = basin::Executor::new(BasinProblem::new(problem), basin_lbfgsb(), start);
        let result = executor.max_iter(15_000).run().unwrap();
        (result.best_cost(), result.cost_evals())
    })
}

fn own_hops(problem: &Problem, seed: u64) -> Run {
    timed(|| {
        let solver: BasinHopping<Lbfgsb> = BasinHopping::new(own_lbfgsb(problem));
        let solver = solver.with_seed(seed).with_hops(HOPS);
        // Without the problem's check of the bounds, which `basin` does not pay for either.
        let function = problem.function;
        let bare = Closures::new(|x: &[f64]| function(x).0, |x: &[f64]| function(x).1);
        let minimum = minimize(&bare, &problem.start, &solver).unwrap();
        (minimum.cost, minimum.evaluations)
    })
}

fn basin_hops(problem: &Problem, seed: u64) -> Run {
    timed(|| {
        let start = basin::PointState::new(problem.bounds.project(&problem.start));
        let solver =
            basin::BasinHopping::new(LocalSolver(basin_lbfgsb()), seed).with_inner_max_iter(15_000);
        let executor = basin::Executor::new(BasinProblem::new(problem), solver, start);
        let result = executor.max_iter(HOPS).run().unwrap();
        (result.best_cost(), result.cost_evals())
    })
}

/// Sums over problems and seeds.
#[derive(Default)]
struct Totals {
    lower: u32,
    evaluations: u64,
    seconds: f64,
}

impl Totals {
    fn add(&mut self, runs: &mut [Run], other_cost: f64) {
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        self.seconds += runs[runs.len() / 2].seconds;
        self.evaluations += runs[0].evaluations;
        let tolerance = 1e-8 * other_cost.abs().max(1.0);
        self.lower += u32::from(runs[0].cost < other_cost - tolerance);
    }
}

fn compare(
    name: &str,
    seeds: std::ops::Range<u64>,
    own: fn(&Problem, u64) -> Run,
    other: fn(&Problem, u64) -> Run,
) {
    let (mut own_totals, mut other_totals) = (Totals::default(), Totals::default());
    let mut n_runs = 0;
    for problem in cases::all() {
        for seed in seeds.clone() {
            let pairs = (0..REPEATS).map(|_| (own(&problem, seed), other(&problem, seed)));
            let (mut own_runs, mut other_runs): (Vec<Run>, Vec<Run>) = pairs.unzip();
            let (own_cost, other_cost) = (own_runs[0].cost, other_runs[0].cost);
            own_totals.add(&mut own_runs, other_cost);
            other_totals.add(&mut other_runs, own_cost);
            n_runs += 1;
            if own_runs[0].evaluations > 2 * other_runs[0].evaluations
                || other_runs[0].evaluations > 2 * own_runs[0].evaluations
                || (own_cost - other_cost).abs() > 1e-8 * own_cost.abs().max(1.0)
            {
                println!(
                    "  {name}, {} seed {seed}: {own_cost:e} in {}, basin {other_cost:e} in {}",
                    problem.name, own_runs[0].evaluations, other_runs[0].evaluations
                );
            }
        }
    }
    for (who, totals) in [("hpa-optim", own_totals), ("basin", other_totals)] {
        println!(
            "{name}, {who}: {} evaluations, lower in {} of {n_runs} runs, {:.1} ms",
            totals.evaluations,
            totals.lower,
            1e3 * totals.seconds
        );
    }
}

fn main() {
    compare("L-BFGS-B", 0..1, own_local, basin_local);
    compare("basin hopping", SEEDS, own_hops, basin_hops);
}

//! The recipe that the talk took over, for comparison: L-BFGS-B on the staircase itself.
//!
//! Minimises -F over thresholds in [0, 1] from 0.2, slopes by differences of 0.05, inside basin
//! hopping with 10 hops of at most 0.1 at SciPy's default temperature of 1, hops that
//! leave the box refused. Source: `src/p2_metrics.py` of mratsim's Amazon-Forest code, 2017.

use crate::tally::Tally;
use crate::{Fit, Problem, ThresholdError};
use argmin::core::CostFunction;
use hpa_core::Seed;
use hpa_optim::{BasinHopping, Bounds, FiniteDifference, Lbfgsb, minimise};
use std::cell::RefCell;

/// Searches all thresholds at once; the same seed gives the same ones.
pub(crate) fn mratsim(problem: &Problem, seed: Seed) -> Result<Fit, ThresholdError> {
    run(problem, seed.derive("basinhopping-mratsim")).map_err(ThresholdError::Search)
}

fn run(problem: &Problem, seed: Seed) -> Result<Fit, hpa_optim::Error> {
    let n_labels = problem.columns().len();
    let bounds = Bounds::uniform(n_labels, 0.0, 1.0)?;
    let staircase = Staircase(RefCell::new(Tally::new(problem)));
    let staircase = FiniteDifference::new(staircase, 0.05, bounds.clone())?;
    let hops = BasinHopping::new(Lbfgsb::new(bounds.clone()))
        .with_bounds(bounds)
        .with_hops(10)
        .with_step_size(0.1)?
        .with_seed(seed.get());
    let minimum = minimise(&staircase, &vec![0.2; n_labels], &hops)?;
    Ok(Fit::new(minimum.param, staircase.evaluations()))
}

/// -F of thresholds. The tally moves from one call to the next: only what changed costs.
struct Staircase<'a>(RefCell<Tally<'a>>);

impl CostFunction for Staircase<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, thresholds: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        let mut tally = self.0.borrow_mut();
        tally.move_all(thresholds);
        Ok(-tally.score())
    }
}

//! `basinhopping-mratsim`: mratsim's recipe, for comparison: L-BFGS-B on the step function itself.
//!
//! Minimises -F over thresholds in [0, 1] from 0.2, with gradients by finite differences of 0.05,
//! inside basin hopping with 10 hops of at most 0.1 at SciPy's default temperature of 1; results
//! outside the bounds are rejected. Source: `src/p2_metrics.py` of mratsim's Amazon-Forest code, 2017.

use super::Fit;
use crate::score::IncrementalScore;
use crate::{Problem, ThresholdError};
use argmin::core::CostFunction;
use hpa_core::Seed;
use hpa_optim::{BasinHopping, Bounds, FiniteDifference, Lbfgsb, minimize};
use std::cell::RefCell;

/// Searches all thresholds at once; the same seed gives the same ones.
pub(super) fn mratsim(problem: &Problem, seed: Seed) -> Result<Fit, ThresholdError> {
    search(problem, seed.derive("basinhopping-mratsim")).map_err(ThresholdError::Search)
}

fn search(problem: &Problem, seed: Seed) -> Result<Fit, hpa_optim::Error> {
    let n_labels = problem.rankings().len();
    let bounds = Bounds::uniform(n_labels, 0.0, 1.0)?;
    let negative_f = NegativeF(RefCell::new(IncrementalScore::new(problem)));
    let objective = FiniteDifference::new(negative_f, 0.05, bounds.clone())?;
    let solver = BasinHopping::new(Lbfgsb::new(bounds.clone()))
        .with_bounds(bounds)
        .with_hops(10)
        .with_step_size(0.1)?
        .with_seed(seed.get());
    let minimum = minimize(&objective, &vec![0.2; n_labels], &solver)?;
    Ok(Fit::new(minimum.param, objective.evaluations()))
}

/// -F of thresholds, updated from one call to the next.
struct NegativeF<'a>(RefCell<IncrementalScore<'a>>);

impl CostFunction for NegativeF<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, thresholds: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        let mut score = self.0.borrow_mut();
        score.move_all(thresholds);
        Ok(-score.value())
    }
}

//! The bounded test problems; `golden/scipy_lbfgsb.py` defines the same ones.
//!
//! A function gives its value and gradient at a point. Sources: Moré, Garbow & Hillstrom,
//! ACM TOMS 7 (1981), 17-41 (MGH); Hock & Schittkowski (1981) (HS); `CUTEst` (names as there).

pub(crate) mod bounded;
pub(crate) mod cases;
pub(crate) mod extended;
pub(crate) mod small;

use argmin::core::{CostFunction, Error, Gradient};
use hpa_optim::Bounds;

/// Value and gradient at a point.
pub(crate) type Function = fn(&[f64]) -> (f64, Vec<f64>);

/// A function, a start and bounds.
#[derive(Clone)]
pub(crate) struct Problem {
    pub(crate) name: &'static str,
    pub(crate) function: Function,
    pub(crate) start: Vec<f64>,
    pub(crate) bounds: Bounds,
}

impl CostFunction for Problem {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        assert!(self.bounds.contains(x), "{}: evaluated outside the bounds", self.name);
        Ok((self.function)(x).0)
    }
}

impl Gradient for Problem {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok((self.function)(x).1)
    }
}

//! `BasinHopping`: looks for the lowest of many minima by random hops between local searches.
//!
//! Each hop moves every coordinate of the present minimum by a random amount, runs the local
//! minimiser from there, and lets Metropolis decide whether to stay: a lower minimum always, a
//! higher one with probability `exp(-(f' - f)/T)`. The hop length adapts to the acceptance.
//!
//! A result outside the bounds, or one that fails an accept test, is turned down.
//!
//! Differences from SciPy's `basinhopping`, whose defaults it has: the result is the lowest
//! point that any local search returned and that bounds and test let pass, also when Metropolis turned it down
//! or the search ended without converging; `n` hops without improvement stop after `n`, not
//! `n + 1`; the random numbers are other ones.
//!
//! Sources: Wales & Doye, J. Phys. Chem. A 101 (1997), 5111-5116; Li & Scheraga, PNAS 84
//! (1987), 6611-6615; the adaptive step as in SciPy 1.17.

use crate::Error;
use crate::bounds::Bounds;
use crate::displacement::AdaptiveStep;
use crate::error::in_range;
use crate::lbfgsb::VectorState;
use crate::termination::Stop;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Basin hopping around the local minimiser `L`, an argmin [`Solver`](argmin::core::Solver).
///
/// `L` is any argmin solver over `Vec<f64>` that starts from its state's parameter; `I`, its
/// state, is inferred where the search is run.
///
/// | option | default (SciPy's) | meaning |
/// |---|---|---|
/// | hops | 100 | hops after the first local search |
/// | step size | 0.5 | largest move of a coordinate, at first |
/// | temperature | 1 | rise of the objective accepted with probability 1/e |
/// | target acceptance | 0.5 | share of hops accepted that the step size is adapted to |
/// | interval | 50 | hops between adaptations |
/// | step factor | 0.9 | by which the step size then changes |
/// | bounds | none | a local result outside is turned down |
/// | accept test | none | a local result that fails it is turned down; the start's own is kept |
/// | max hops without improvement | none | stop after that many in a row |
/// | seed | 0 | same seed, same search |
///
/// ```
/// use argmin::core::{CostFunction, Error, Executor, Gradient, State};
/// use hpa_optim::{BasinHopping, Bounds, Lbfgsb};
/// use std::f64::consts::TAU;
///
/// /// Rastrigin's function: a minimum near every whole number, the lowest one at 0.
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
    pub(crate) local: L,
    pub(crate) seed: u64,
    pub(crate) hops: u64,
    pub(crate) temperature: f64,
    pub(crate) step: AdaptiveStep,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) test: T,
    pub(crate) patience: Option<u64>,
    pub(crate) local_iterations: u64,
    pub(crate) fruitless: u64,
    pub(crate) present_converged: bool,
    pub(crate) stop: Option<Stop>,
    #[serde(skip)]
    pub(crate) state: PhantomData<fn() -> I>,
}

impl<L, I> BasinHopping<L, I> {
    /// Hops around `local`, with the defaults above.
    #[must_use]
    pub fn new(local: L) -> Self {
        Self {
            local,
            seed: 0,
            hops: 100,
            temperature: 1.0,
            step: AdaptiveStep::new(0.5),
            bounds: None,
            test: (),
            patience: None,
            local_iterations: 15_000,
            fruitless: 0,
            present_converged: false,
            stop: None,
            state: PhantomData,
        }
    }
}

impl<L, I, T> BasinHopping<L, I, T> {
    /// Turns down every local result that fails `test`, in place of the test so far.
    ///
    /// ```
    /// use hpa_optim::{BasinHopping, Bounds, Closures, Hop, Lbfgsb, minimise};
    /// # fn main() -> Result<(), hpa_optim::Error> {
    /// let well = Closures::new(
    ///     |x| (x[0] * x[0] - 1.0).powi(2) + 0.3 * x[0],
    ///     |x| vec![4.0 * x[0] * (x[0] * x[0] - 1.0) + 0.3],
    /// );
    /// let local = Lbfgsb::new(Bounds::uniform(1, -2.0, 2.0)?);
    /// let hops: BasinHopping<Lbfgsb> = BasinHopping::new(local).with_step_size(1.5)?;
    /// let right = hops.with_accept_test(|hop: &Hop<'_>| hop.point[0] > 0.0);
    /// // The lower well, at -1.04, is never gone to.
    /// assert!(minimise(&well, &[0.95], &right)?.param[0] > 0.9);
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
            step: self.step,
            bounds: self.bounds,
            test,
            patience: self.patience,
            local_iterations: self.local_iterations,
            fruitless: self.fruitless,
            present_converged: self.present_converged,
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

    /// Stops after so many hops in a row that found nothing lower (SciPy's `niter_success`).
    #[must_use]
    pub fn with_max_hops_without_improvement(mut self, hops: u64) -> Self {
        self.patience = Some(hops);
        self
    }

    /// Turns down every local result outside `bounds`.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Iterations allowed to each local search; a solver without an end of its own needs it.
    #[must_use]
    pub fn with_local_iterations(mut self, iterations: u64) -> Self {
        self.local_iterations = iterations;
        self
    }

    /// Largest move of a coordinate in the first hops.
    ///
    /// # Errors
    /// Not a finite number above 0.
    pub fn with_step_size(mut self, size: f64) -> Result<Self, Error> {
        let ok = size > 0.0 && size.is_finite();
        self.step.initial = in_range("step size", size, ok, "a finite number > 0")?;
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

    /// Share of hops accepted that the step size is adapted to.
    ///
    /// # Errors
    /// Not between 0 and 1.
    pub fn with_target_acceptance(mut self, share: f64) -> Result<Self, Error> {
        let ok = share > 0.0 && share < 1.0;
        self.step.target = in_range("target acceptance", share, ok, "a number between 0 and 1")?;
        Ok(self)
    }

    /// Hops between adaptations of the step size.
    ///
    /// # Errors
    /// Zero.
    pub fn with_interval(mut self, hops: u64) -> Result<Self, Error> {
        in_range("interval", hops as f64, hops > 0, "at least one hop")?;
        self.step.interval = hops;
        Ok(self)
    }

    /// Factor by which an adaptation shrinks the step (or, inverted, lengthens it).
    ///
    /// # Errors
    /// Not between 0 and 1.
    pub fn with_step_factor(mut self, factor: f64) -> Result<Self, Error> {
        let ok = factor > 0.0 && factor < 1.0;
        self.step.factor = in_range("step factor", factor, ok, "a number between 0 and 1")?;
        Ok(self)
    }

    /// Why the last search ended; none while it goes on or if argmin ended it.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }
}

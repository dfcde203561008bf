//! Line search for the strong Wolfe conditions.
//!
//! Finds a step `α` with sufficient decrease, `φ(α) ≤ φ(0) + 10⁻³ α φ'(0)`, and
//! curvature, `|φ'(α)| ≤ 0.9 |φ'(0)|`. At first the auxiliary function
//! `ψ(α) = φ(α) - φ(0) - 10⁻³ α φ'(0)` is minimised, until a step has `ψ ≤ 0` and `φ' ≥ 0`; then `φ`.
//! A state machine: the caller evaluates the function, [`LineSearch::advance`] returns what to do next.
//!
//! Source: Moré & Thuente, ACM Trans. Math. Software 20 (1994), 286-307; the three constants
//! are those of L-BFGS-B (Zhu, Byrd, Lu & Nocedal, Algorithm 778, 1997).

use crate::interpolation::{Interval, Sample};

const SUFFICIENT_DECREASE: f64 = 1e-3;
const CURVATURE: f64 = 0.9;
/// Relative width at which a bracket is not narrowed further.
const MIN_RELATIVE_WIDTH: f64 = 0.1;
/// A bracket that shrinks less than this in two updates is bisected.
const MIN_SHRINKAGE: f64 = 0.66;

/// What to do after an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    /// Evaluate at this step.
    Evaluate(f64),
    /// Accept the step just evaluated.
    Accept,
    /// Accept the lowest step so far: the interval cannot be narrowed further.
    AcceptBest,
}

/// The state of a line search.
#[derive(Debug, Clone)]
pub(crate) struct LineSearch {
    start: Sample,
    interval: Interval,
    use_auxiliary: bool,
    width: f64,
    width_before: f64,
    min_trial: f64,
    max_trial: f64,
    max_step: f64,
}

impl LineSearch {
    /// A search from `start` (step 0, negative slope) whose first step is `first` and whose
    /// longest is `max_step`.
    pub(crate) fn new(start: Sample, first: f64, max_step: f64) -> Self {
        let interval = Interval { best: start, other: start, bracketed: false };
        Self {
            start,
            interval,
            use_auxiliary: true,
            width: max_step,
            width_before: 2.0 * max_step,
            min_trial: 0.0,
            max_trial: 5.0 * first,
            max_step,
        }
    }

    /// Step of the lowest value so far; 0 if none was lower than the start.
    pub(crate) fn best_step(&self) -> f64 {
        self.interval.best.step
    }

    /// Takes in an evaluation.
    pub(crate) fn advance(&mut self, trial: Sample) -> Next {
        let tilt = SUFFICIENT_DECREASE * self.start.slope;
        let has_decreased = trial.value <= self.start.value + trial.step * tilt;
        if self.use_auxiliary && has_decreased && trial.slope >= 0.0 {
            self.use_auxiliary = false;
        }
        if has_decreased && trial.slope.abs() <= CURVATURE * -self.start.slope {
            return Next::Accept;
        }
        if trial.step >= self.max_step && has_decreased && trial.slope <= tilt {
            return Next::Accept; // still falling at the longest step
        }
        let next = self.narrow(trial, tilt, has_decreased);
        if self.is_exhausted(next) { Next::AcceptBest } else { Next::Evaluate(next) }
    }

    fn narrow(&mut self, trial: Sample, tilt: f64, has_decreased: bool) -> f64 {
        let mut next =
            if self.use_auxiliary && trial.value <= self.interval.best.value && !has_decreased {
                let mut tilted = self.interval;
                tilted.best = tilted.best.tilted(tilt);
                tilted.other = tilted.other.tilted(tilt);
                let next = tilted.update(trial.tilted(tilt), self.min_trial, self.max_trial);
                tilted.best = tilted.best.tilted(-tilt);
                tilted.other = tilted.other.tilted(-tilt);
                self.interval = tilted;
                next
            } else {
                self.interval.update(trial, self.min_trial, self.max_trial)
            };
        let (best, other) = (self.interval.best.step, self.interval.other.step);
        if self.interval.bracketed {
            if (other - best).abs() >= MIN_SHRINKAGE * self.width_before {
                next = best + 0.5 * (other - best);
            }
            self.width_before = self.width;
            self.width = (other - best).abs();
            (self.min_trial, self.max_trial) = (best.min(other), best.max(other));
        } else {
            // No bracket yet: extrapolate by 1.1 to 4 times the last step.
            self.min_trial = next + 1.1 * (next - best);
            self.max_trial = next + 4.0 * (next - best);
        }
        next.clamp(0.0, self.max_step)
    }

    /// Whether an evaluation at `next` could not narrow the interval.
    fn is_exhausted(&self, next: f64) -> bool {
        let is_narrow = self.max_trial - self.min_trial <= MIN_RELATIVE_WIDTH * self.max_trial;
        self.interval.bracketed && (is_narrow || next <= self.min_trial || next >= self.max_trial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the search on `f` (value and slope); the accepted step and the number of evaluations.
    fn run(f: impl Fn(f64) -> (f64, f64), first: f64, max_step: f64) -> (f64, usize) {
        let at = |step: f64| {
            let (value, slope) = f(step);
            Sample { step, value, slope }
        };
        let mut search = LineSearch::new(at(0.0), first, max_step);
        let mut step = first;
        for count in 1..=30 {
            match search.advance(at(step)) {
                Next::Evaluate(next) => step = next,
                Next::Accept => return (step, count),
                Next::AcceptBest => return (search.best_step(), count),
            }
        }
        panic!("the search does not end");
    }

    #[test]
    fn both_wolfe_conditions_hold_on_the_papers_first_function() {
        // φ(α) = -α / (α² + 2): equation (5.1) with β = 2; from steps far too short and too long.
        let f = |a: f64| (-a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0).powi(2));
        for first in [1e-3, 1e-1, 10.0, 1e3] {
            let (step, count) = run(f, first, 1e10);
            let ((value, slope), (_, slope0)) = (f(step), f(0.0));
            assert!(value <= SUFFICIENT_DECREASE * step * slope0, "{first}: {step}");
            assert!(slope.abs() <= CURVATURE * slope0.abs() && count < 12, "{first}: {count}");
        }
    }

    #[test]
    fn a_function_that_falls_to_the_end_is_followed_to_the_end() {
        let (step, _) = run(|a| (-a, -1.0), 1.0, 3.0);
        assert!((step - 3.0).abs() < f64::EPSILON);
    }
}

//! Line search for the strong Wolfe conditions.
//!
//! Seeks a step `α` at which the function has fallen enough, `φ(α) ≤ φ(0) + 10⁻³ α φ'(0)`, and
//! is flat enough, `|φ'(α)| ≤ 0.9 |φ'(0)|`. At first the auxiliary function
//! `ψ(α) = φ(α) - φ(0) - 10⁻³ α φ'(0)` steers, until a step has `ψ ≤ 0` and `φ' ≥ 0`; then `φ`.
//! A state machine: the caller measures, [`LineSearch::advance`] says what to do next.
//!
//! Source: Moré & Thuente, ACM Trans. Math. Software 20 (1994), 286-307; the three constants
//! are those of L-BFGS-B (Zhu, Byrd, Lu & Nocedal, Algorithm 778, 1997).

use crate::interpolation::{Interval, Sample};

const SUFFICIENT_DECREASE: f64 = 1e-3;
const FLATNESS: f64 = 0.9;
/// Relative width at which a bracket is not narrowed any further.
const WIDTH: f64 = 0.1;
/// A bracket that shrinks less than this in two updates is halved.
const SHRINK: f64 = 0.66;

/// What to do after a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Measure at this step.
    Measure(f64),
    /// The step just measured is it.
    Accept,
    /// The interval is exhausted: the lowest step so far is the best there is.
    AcceptBest,
}

/// Where the search stands.
#[derive(Debug, Clone)]
pub(crate) struct LineSearch {
    start: Sample,
    interval: Interval,
    auxiliary: bool,
    width: f64,
    width_before: f64,
    least: f64,
    most: f64,
    longest: f64,
}

impl LineSearch {
    /// A search from `start` (step 0, negative slope) whose first step is `first` and whose
    /// longest is `longest`.
    pub(crate) fn new(start: Sample, first: f64, longest: f64) -> Self {
        let interval = Interval { best: start, other: start, bracketed: false };
        Self {
            start,
            interval,
            auxiliary: true,
            width: longest,
            width_before: 2.0 * longest,
            least: 0.0,
            most: 5.0 * first,
            longest,
        }
    }

    /// Step of the lowest measurement so far; 0 if none was better than the start.
    pub(crate) fn best_step(&self) -> f64 {
        self.interval.best.step
    }

    /// Takes in a measurement.
    pub(crate) fn advance(&mut self, trial: Sample) -> Verdict {
        let tilt = SUFFICIENT_DECREASE * self.start.slope;
        let low_enough = trial.value <= self.start.value + trial.step * tilt;
        if self.auxiliary && low_enough && trial.slope >= 0.0 {
            self.auxiliary = false;
        }
        if low_enough && trial.slope.abs() <= FLATNESS * -self.start.slope {
            return Verdict::Accept;
        }
        if trial.step >= self.longest && low_enough && trial.slope <= tilt {
            return Verdict::Accept; // still falling, but the box ends here
        }
        let next = self.narrow(trial, tilt, low_enough);
        if self.exhausted(next) { Verdict::AcceptBest } else { Verdict::Measure(next) }
    }

    fn narrow(&mut self, trial: Sample, tilt: f64, low_enough: bool) -> f64 {
        let mut next = if self.auxiliary && trial.value <= self.interval.best.value && !low_enough {
            let mut tilted = self.interval;
            tilted.best = tilted.best.tilted(tilt);
            tilted.other = tilted.other.tilted(tilt);
            let next = tilted.update(trial.tilted(tilt), self.least, self.most);
            tilted.best = tilted.best.tilted(-tilt);
            tilted.other = tilted.other.tilted(-tilt);
            self.interval = tilted;
            next
        } else {
            self.interval.update(trial, self.least, self.most)
        };
        let (best, other) = (self.interval.best.step, self.interval.other.step);
        if self.interval.bracketed {
            if (other - best).abs() >= SHRINK * self.width_before {
                next = best + 0.5 * (other - best);
            }
            self.width_before = self.width;
            self.width = (other - best).abs();
            (self.least, self.most) = (best.min(other), best.max(other));
        } else {
            // No minimiser in sight: between 1.1 and 4 times as far again.
            self.least = next + 1.1 * (next - best);
            self.most = next + 4.0 * (next - best);
        }
        next.clamp(0.0, self.longest)
    }

    /// Whether measuring at `next` could tell nothing new.
    fn exhausted(&self, next: f64) -> bool {
        let narrow = self.most - self.least <= WIDTH * self.most;
        self.interval.bracketed && (narrow || next <= self.least || next >= self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the search on `f` (value and slope); the accepted step and the measurements made.
    fn run(f: impl Fn(f64) -> (f64, f64), first: f64, longest: f64) -> (f64, usize) {
        let at = |step: f64| {
            let (value, slope) = f(step);
            Sample { step, value, slope }
        };
        let mut search = LineSearch::new(at(0.0), first, longest);
        let mut step = first;
        for count in 1..=30 {
            match search.advance(at(step)) {
                Verdict::Measure(next) => step = next,
                Verdict::Accept => return (step, count),
                Verdict::AcceptBest => return (search.best_step(), count),
            }
        }
        panic!("no end");
    }

    #[test]
    fn both_wolfe_conditions_hold_on_the_papers_first_function() {
        // φ(α) = -α / (α² + 2): equation (5.1) with β = 2; from steps far too short and too long.
        let f = |a: f64| (-a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0).powi(2));
        for first in [1e-3, 1e-1, 10.0, 1e3] {
            let (step, count) = run(f, first, 1e10);
            let ((value, slope), (_, slope0)) = (f(step), f(0.0));
            assert!(value <= SUFFICIENT_DECREASE * step * slope0, "{first}: {step}");
            assert!(slope.abs() <= FLATNESS * slope0.abs() && count < 12, "{first}: {count}");
        }
    }

    #[test]
    fn a_function_that_falls_to_the_end_is_followed_to_the_end() {
        let (step, _) = run(|a| (-a, -1.0), 1.0, 3.0);
        assert!((step - 3.0).abs() < f64::EPSILON);
    }
}

//! One iteration of [`Lbfgsb`]: model, direction, line search, update of the memory.

use crate::cauchy::CauchyPoint;
use crate::evaluation::Iterate;
use crate::interpolation::Sample;
use crate::lbfgsb::Lbfgsb;
use crate::linalg::dot;
use crate::line_search::{LineSearch, Verdict};
use crate::subspace;
use crate::termination::Stop;
use argmin::core::{CostFunction, Error, Gradient, Problem};

/// Longest step where no bound limits it.
const LONGEST: f64 = 1e10;

/// How an iteration went.
pub(crate) enum Outcome {
    /// To a lower point.
    Lower(Iterate),
    /// Nowhere.
    Ended(Stop),
}

/// The line to the model's minimum.
struct Line {
    target: Vec<f64>,
    direction: Vec<f64>,
    slope: f64,
}

impl Line {
    fn new(here: &Iterate, target: Vec<f64>) -> Self {
        let direction: Vec<f64> = target.iter().zip(&here.point).map(|(z, x)| z - x).collect();
        let slope = dot(&here.gradient, &direction);
        Self { target, direction, slope }
    }
}

impl Lbfgsb {
    /// The next point, lower than `here`, or why there is none.
    ///
    /// Whenever a direction fails the memory is forgotten and the iteration starts again, unless
    /// the direction promised no more than the tolerance: then rounding hides what is left.
    pub(crate) fn iterate<O>(
        &mut self,
        problem: &mut Problem<O>,
        here: &Iterate,
    ) -> Result<Outcome, Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>
            + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
    {
        loop {
            let mut promised = f64::INFINITY;
            if let Some(target) = self.target(here) {
                let line = Line::new(here, target);
                if let Some(next) = self.search(problem, here, &line)? {
                    self.learn(here, &next);
                    return Ok(Outcome::Lower(next));
                }
                promised = line.slope.abs();
            }
            if promised <= self.cost_tolerance * here.cost.abs().max(1.0) {
                return Ok(Outcome::Ended(Stop::CostFlat));
            }
            if self.compact.is_identity() {
                return Ok(Outcome::Ended(Stop::LineSearchFailed));
            }
            self.compact.forget();
        }
    }

    /// Where the model has its minimum within the box; none if it has lost definiteness.
    fn target(&self, here: &Iterate) -> Option<Vec<f64>> {
        let (point, gradient) = (&here.point, &here.gradient);
        let (bounds, compact) = (&self.bounds, &self.compact);
        if compact.is_identity() {
            return Some(CauchyPoint::find(point, gradient, bounds, compact).point);
        }
        let cauchy = if bounds.is_unbounded() {
            CauchyPoint::stay(point, compact)
        } else {
            CauchyPoint::find(point, gradient, bounds, compact)
        };
        if cauchy.free.is_empty() {
            return Some(cauchy.point);
        }
        subspace::minimise(point, gradient, &cauchy, bounds, compact)
    }

    /// Searches from `here` along (and, inside the box, beyond) `line`.
    fn search<O>(
        &mut self,
        problem: &mut Problem<O>,
        here: &Iterate,
        line: &Line,
    ) -> Result<Option<Iterate>, Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>
            + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
    {
        if line.slope >= 0.0 || line.slope.is_nan() {
            return Ok(None);
        }
        let (mut step, longest) = self.step_lengths(&here.point, &line.direction);
        self.first_step = false;
        let start = Sample { step: 0.0, value: here.cost, slope: line.slope };
        let mut search = LineSearch::new(start, step, longest);
        let mut best: Option<Iterate> = None;
        for _ in 0..self.line_search_steps {
            let point = self.along(here, line, step);
            let iterate = Iterate::measure(problem, point)?;
            self.evaluations += 1;
            let slope = dot(&iterate.gradient, &line.direction);
            let verdict = search.advance(Sample { step, value: iterate.cost, slope });
            if verdict == Verdict::Accept {
                return Ok(Some(iterate));
            }
            if search.best_step().to_bits() == step.to_bits() {
                best = Some(iterate);
            }
            match verdict {
                Verdict::Measure(next) => step = next,
                Verdict::Accept | Verdict::AcceptBest => return Ok(lower_than(here, best)),
            }
        }
        Ok(None)
    }

    /// First and longest step along `direction`.
    fn step_lengths(&self, point: &[f64], direction: &[f64]) -> (f64, f64) {
        let unbounded = self.bounds.is_unbounded();
        let longest = match (unbounded, self.first_step) {
            (true, _) => LONGEST,
            (false, true) => 1.0,
            (false, false) => self.room(point, direction),
        };
        // Without curvature the first length is a guess: unit length, unless a box gives scale.
        let guess = self.first_step && !self.bounds.is_boxed();
        let first = if guess { (1.0 / dot(direction, direction).sqrt()).min(longest) } else { 1.0 };
        (first.min(longest), longest)
    }

    /// How many times `direction` fits into the box.
    fn room(&self, point: &[f64], direction: &[f64]) -> f64 {
        let mut room = LONGEST;
        for (i, (&x, &d)) in point.iter().zip(direction).enumerate() {
            if d != 0.0 {
                let end = if d < 0.0 { self.bounds.lower()[i] } else { self.bounds.upper()[i] };
                room = room.min(((end - x) / d).max(0.0));
            }
        }
        // The target itself lies in the box; only rounding says otherwise.
        room.max(1.0)
    }

    fn along(&self, here: &Iterate, line: &Line, step: f64) -> Vec<f64> {
        if step.to_bits() == 1.0_f64.to_bits() {
            return line.target.clone(); // exactly on its bounds
        }
        let moved = here.point.iter().zip(&line.direction).map(|(x, d)| x + step * d);
        moved.enumerate().map(|(i, value)| self.bounds.clamp(i, value)).collect()
    }

    /// Remembers the pair, unless its curvature is lost in rounding.
    fn learn(&mut self, here: &Iterate, next: &Iterate) {
        let moved: Vec<f64> = next.point.iter().zip(&here.point).map(|(b, a)| b - a).collect();
        let change: Vec<f64> =
            next.gradient.iter().zip(&here.gradient).map(|(b, a)| b - a).collect();
        let curvature = dot(&moved, &change);
        let scale = -dot(&moved, &here.gradient);
        if curvature > f64::EPSILON * scale {
            self.compact.remember(moved, change);
        }
    }
}

/// The best of an exhausted line, if it is any better than its start.
fn lower_than(here: &Iterate, best: Option<Iterate>) -> Option<Iterate> {
    best.filter(|best| best.cost < here.cost)
}

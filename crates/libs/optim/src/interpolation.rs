//! Safeguarded cubic and quadratic interpolation for the line search.
//!
//! Source: Moré & Thuente, ACM Trans. Math. Software 20 (1994), 286-307, section 4.

/// The function along the line: its value and slope at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) step: f64,
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

impl Sample {
    /// The sample with a line of slope `tilt` through the origin subtracted.
    pub(crate) fn tilted(self, tilt: f64) -> Self {
        Self { value: self.value - self.step * tilt, slope: self.slope - tilt, ..self }
    }
}

/// The interval of uncertainty; a bracket once a minimiser must lie between its ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) best: Sample,
    pub(crate) other: Sample,
    pub(crate) bracketed: bool,
}

impl Interval {
    /// Takes in `trial` and returns the next step to evaluate, within `[min_trial, max_trial]` while
    /// there is no bracket.
    pub(crate) fn update(&mut self, trial: Sample, min_trial: f64, max_trial: f64) -> f64 {
        let slope_changed_sign = trial.slope * self.best.slope.signum() < 0.0;
        let next = if trial.value > self.best.value {
            self.bracketed = true;
            between_after_rise(self.best, trial)
        } else if slope_changed_sign {
            self.bracketed = true;
            let (cubic, secant) = (cubic_minimum(trial, self.best), secant(trial, self.best));
            farther(trial.step, cubic, secant)
        } else if trial.slope.abs() < self.best.slope.abs() {
            self.next_after_flatter(trial, min_trial, max_trial)
        } else if self.bracketed {
            cubic_minimum(trial, self.other)
        } else if trial.step > self.best.step {
            max_trial
        } else {
            min_trial
        };
        if trial.value > self.best.value {
            self.other = trial;
        } else {
            if slope_changed_sign {
                self.other = self.best;
            }
            self.best = trial;
        }
        next
    }

    /// Lower, slope of the same sign but smaller: the minimiser lies further along.
    fn next_after_flatter(&self, trial: Sample, min_trial: f64, max_trial: f64) -> f64 {
        let is_forward = trial.step > self.best.step;
        let cubic = cubic_beyond(trial, self.best).unwrap_or(if is_forward {
            max_trial
        } else {
            min_trial
        });
        let secant = secant(trial, self.best);
        if !self.bracketed {
            return farther(trial.step, cubic, secant).clamp(min_trial, max_trial);
        }
        // Inside a bracket not more than two thirds of the way to the far end.
        let limit = trial.step + 0.66 * (self.other.step - trial.step);
        let near = nearer(trial.step, cubic, secant);
        if is_forward { near.min(limit) } else { near.max(limit) }
    }
}

/// The value rose: the cubic's minimum, or the midpoint between it and the parabola's.
fn between_after_rise(best: Sample, trial: Sample) -> f64 {
    let cubic = cubic_minimum(best, trial);
    let span = trial.step - best.step;
    let fall = (best.value - trial.value) / span + best.slope;
    let parabola = best.step + best.slope / fall / 2.0 * span;
    if (cubic - best.step).abs() < (parabola - best.step).abs() {
        cubic
    } else {
        cubic + (parabola - cubic) / 2.0
    }
}

fn farther(from: f64, a: f64, b: f64) -> f64 {
    if (a - from).abs() > (b - from).abs() { a } else { b }
}

fn nearer(from: f64, a: f64, b: f64) -> f64 {
    if (a - from).abs() < (b - from).abs() { a } else { b }
}

/// Where the line through the two slopes is zero.
fn secant(from: Sample, to: Sample) -> f64 {
    from.step + from.slope / (from.slope - to.slope) * (to.step - from.step)
}

/// Minimum of the cubic that agrees with both samples in value and slope.
fn cubic_minimum(from: Sample, to: Sample) -> f64 {
    let (ratio, _) = cubic_ratio(from, to);
    from.step + ratio * (to.step - from.step)
}

/// The same if it lies beyond `from` as seen from `to`; `None` if the cubic has no minimum there.
fn cubic_beyond(from: Sample, to: Sample) -> Option<f64> {
    let (ratio, root) = cubic_ratio(from, to);
    (ratio < 0.0 && root != 0.0).then_some(from.step + ratio * (to.step - from.step))
}

/// Position of the cubic's minimum as a fraction of the interval, and the square root in its formula.
fn cubic_ratio(from: Sample, to: Sample) -> (f64, f64) {
    let span = to.step - from.step;
    let theta = 3.0 * (from.value - to.value) / span + from.slope + to.slope;
    // Scaled so that the squares do not overflow.
    let scale = theta.abs().max(from.slope.abs()).max(to.slope.abs());
    let inside = (theta / scale).powi(2) - (from.slope / scale) * (to.slope / scale);
    let root = scale * inside.max(0.0).sqrt() * span.signum();
    let ratio = (root - from.slope + theta) / (root - from.slope + root + to.slope);
    (ratio, root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(f: impl Fn(f64) -> (f64, f64), step: f64) -> Sample {
        let (value, slope) = f(step);
        Sample { step, value, slope }
    }

    #[test]
    fn a_cubic_is_minimised_exactly_from_either_side() {
        // x^3 - 3x has its minimum at 1.
        let cubic = |x: f64| (x.powi(3) - 3.0 * x, 3.0 * x * x - 3.0);
        let (a, b) = (sample(cubic, 0.0), sample(cubic, 3.0));
        assert!((cubic_minimum(a, b) - 1.0).abs() < 1e-14);
        assert!((cubic_minimum(b, a) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_rise_brackets_and_the_next_step_lies_inside() {
        let start = Sample { step: 0.0, value: 0.0, slope: -1.0 };
        let mut interval = Interval { best: start, other: start, bracketed: false };
        let rise = Sample { step: 2.0, value: 3.0, slope: 4.0 };
        let next = interval.update(rise, 0.0, 10.0);
        assert!(interval.bracketed && interval.other == rise && interval.best == start);
        assert!(next > 0.0 && next < 2.0);
    }
}

//! The generalised Cauchy point: the first minimiser of the quadratic model along the
//! projected steepest descent path `P(x - t g)`.
//!
//! The path bends where a variable meets its bound, at the breakpoints `t_i`. Between two of
//! them the model is a parabola in `t`, whose slope and curvature are updated from piece to
//! piece with the small vectors `p = Wᵀd` and `c = Wᵀ(xᶜ - x)`.
//!
//! Source: Byrd, Lu, Nocedal & Zhu (1995), section 4.

use crate::bfgs_matrix::BfgsMatrix;
use crate::bounds::Bounds;
use crate::linalg::{add_scaled, dot};

/// The Cauchy point, and which variables are not at a bound there.
pub(crate) struct CauchyPoint {
    pub(crate) point: Vec<f64>,
    /// `c = Wᵀ(xᶜ - x)`, `2k` entries.
    pub(crate) moved: Vec<f64>,
    /// The free variables in ascending order.
    pub(crate) free: Vec<usize>,
}

impl CauchyPoint {
    /// The starting point itself with every variable free: enough without bounds, because the
    /// subspace step then reaches the minimum from any point.
    pub(crate) fn at_start(point: &[f64], hessian: &BfgsMatrix) -> Self {
        let moved = vec![0.0; 2 * hessian.pairs()];
        Self { point: point.to_vec(), moved, free: (0..point.len()).collect() }
    }

    /// Follows the path from `point`.
    pub(crate) fn find(
        point: &[f64],
        gradient: &[f64],
        bounds: &Bounds,
        hessian: &BfgsMatrix,
    ) -> Self {
        Path::new(point, gradient, bounds, hessian).walk()
    }
}

/// The state of the walk: the parabola on the current piece of the path.
struct Path<'a> {
    bounds: &'a Bounds,
    hessian: &'a BfgsMatrix,
    start: &'a [f64],
    point: Vec<f64>,
    direction: Vec<f64>,
    fixed: Vec<bool>,
    /// (time, variable), ascending.
    breakpoints: Vec<(f64, usize)>,
    /// Whether a moving variable meets no bound.
    has_unlimited: bool,
    slope: f64,
    curvature: f64,
    min_curvature: f64,
    /// `p = Wᵀd`.
    projected: Vec<f64>,
    /// `c = Wᵀ(xᶜ - x)`.
    moved: Vec<f64>,
}

impl<'a> Path<'a> {
    fn new(
        start: &'a [f64],
        gradient: &[f64],
        bounds: &'a Bounds,
        hessian: &'a BfgsMatrix,
    ) -> Self {
        let n = start.len();
        let (mut direction, mut fixed) = (vec![0.0; n], vec![false; n]);
        let (mut breakpoints, mut has_unlimited) = (Vec::new(), false);
        for i in 0..n {
            let (below, above) = (start[i] - bounds.lower()[i], bounds.upper()[i] - start[i]);
            let down = -gradient[i];
            fixed[i] = (below <= 0.0 && down <= 0.0) || (above <= 0.0 && down >= 0.0);
            if fixed[i] || down == 0.0 {
                continue;
            }
            direction[i] = down;
            let time = if down < 0.0 { below / -down } else { above / down };
            if time.is_finite() { breakpoints.push((time, i)) } else { has_unlimited = true }
        }
        breakpoints.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let slope = -dot(&direction, &direction);
        let projected = hessian.transposed_times(&direction);
        let flat = -hessian.theta() * slope;
        let curvature = flat - dot(&projected, &hessian.middle_times(&projected));
        let (point, moved) = (start.to_vec(), vec![0.0; projected.len()]);
        let min_curvature = f64::EPSILON * flat;
        Self {
            bounds,
            hessian,
            start,
            point,
            direction,
            fixed,
            breakpoints,
            has_unlimited,
            slope,
            curvature,
            min_curvature,
            projected,
            moved,
        }
    }

    fn walk(mut self) -> CauchyPoint {
        let mut time = 0.0;
        let mut remaining = self.time_to_minimum();
        let mut passed = 0;
        while let Some(&(breakpoint, variable)) = self.breakpoints.get(passed) {
            let piece = breakpoint - time;
            if remaining < piece {
                break;
            }
            passed += 1;
            let at_bound = self.fix(variable);
            add_scaled(&mut self.moved, piece, &self.projected);
            self.pass_breakpoint(variable, piece, at_bound);
            time = breakpoint;
            let more = passed < self.breakpoints.len() || self.has_unlimited;
            remaining = if more { self.time_to_minimum() } else { 0.0 };
        }
        self.finish(time, remaining)
    }

    /// Time from here to the minimum of the parabola.
    fn time_to_minimum(&self) -> f64 {
        if self.slope < 0.0 { -self.slope / self.curvature } else { 0.0 }
    }

    /// Fixes `variable` at the bound that it meets; returns its distance from the start.
    fn fix(&mut self, variable: usize) -> f64 {
        let upward = self.direction[variable] > 0.0;
        let bounds = if upward { self.bounds.upper() } else { self.bounds.lower() };
        self.point[variable] = bounds[variable];
        self.fixed[variable] = true;
        bounds[variable] - self.start[variable]
    }

    /// Updates slope and curvature at the breakpoint of `variable`, which stops moving.
    fn pass_breakpoint(&mut self, variable: usize, piece: f64, at_bound: f64) {
        let (speed, theta) = (self.direction[variable], self.hessian.theta());
        self.direction[variable] = 0.0;
        self.slope += piece * self.curvature + speed * speed - theta * speed * at_bound;
        self.curvature -= theta * speed * speed;
        if !self.hessian.is_identity() {
            let row = self.hessian.row(variable);
            let weighted = self.hessian.middle_times(&row);
            self.slope += speed * dot(&weighted, &self.moved);
            self.curvature += 2.0 * speed * dot(&weighted, &self.projected)
                - speed * speed * dot(&weighted, &row);
            add_scaled(&mut self.projected, -speed, &row);
        }
        // The model is positive definite, so anything lower is rounding.
        self.curvature = self.curvature.max(self.min_curvature);
    }

    fn finish(mut self, time: f64, remaining: f64) -> CauchyPoint {
        add_scaled(&mut self.moved, remaining, &self.projected);
        for (i, &speed) in self.direction.iter().enumerate() {
            if speed != 0.0 {
                let reached = self.point[i] + (time + remaining) * speed;
                self.point[i] = self.bounds.clamp(i, reached);
            }
        }
        let free = (0..self.point.len()).filter(|&i| !self.fixed[i]).collect();
        CauchyPoint { point: self.point, moved: self.moved, free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_the_identity_the_path_ends_at_time_one() {
        let bounds = Bounds::new(vec![0.0, f64::NEG_INFINITY], vec![10.0, 10.0]).unwrap();
        let hessian = BfgsMatrix::new(3);
        let cauchy = CauchyPoint::find(&[1.0, 2.0], &[3.0, 0.5], &bounds, &hessian);
        // Variable 0 meets 0 at t = 1/3; variable 1 goes on to 2 - 0.5.
        assert_eq!(cauchy.point[0].to_bits(), 0.0_f64.to_bits());
        assert!((cauchy.point[1] - 1.5).abs() < 1e-14);
        assert_eq!(cauchy.free, [1]);
    }

    #[test]
    fn the_walk_agrees_with_a_fine_search_of_the_model_along_the_path() {
        let mut hessian = BfgsMatrix::new(3);
        hessian.update(vec![1.0, 0.2, -0.3], vec![4.0, 0.1, 0.2]);
        hessian.update(vec![-0.1, 1.0, 0.4], vec![0.3, 2.0, 1.0]);
        let bounds = Bounds::uniform(3, -0.25, 0.2).unwrap();
        let (x, g) = ([0.1, -0.2, 0.05], [0.9, -0.7, 0.31]);
        let model = |z: &[f64]| {
            let d: Vec<f64> = z.iter().zip(&x).map(|(z, x)| z - x).collect();
            let w = hessian.transposed_times(&d);
            let quadratic = hessian.theta() * dot(&d, &d) - dot(&w, &hessian.middle_times(&w));
            dot(&g, &d) + 0.5 * quadratic
        };
        let at = |t: f64| bounds.project(&[x[0] - t * g[0], x[1] - t * g[1], x[2] - t * g[2]]);
        let mut best = 0.0;
        while model(&at(best + 1e-5)) < model(&at(best)) {
            best += 1e-5;
        }
        let cauchy = CauchyPoint::find(&x, &g, &bounds, &hessian);
        for (found, expected) in cauchy.point.iter().zip(at(best)) {
            assert!((found - expected).abs() < 2e-5, "{found} {expected}");
        }
    }
}

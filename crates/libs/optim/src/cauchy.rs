//! The generalised Cauchy point: the first minimiser of the quadratic model along the
//! projected steepest descent path `P(x - t g)`.
//!
//! The path bends where a variable meets its bound, at the breakpoints `t_i`. Between two of
//! them the model is a parabola in `t`, whose slope and curvature are carried on from piece to
//! piece with the small vectors `p = Wᵀd` and `c = Wᵀ(xᶜ - x)`.
//!
//! Source: Byrd, Lu, Nocedal & Zhu (1995), section 4.

use crate::bounds::Bounds;
use crate::compact::Compact;
use crate::linalg::{add_scaled, dot};

/// Where the path ends, and which variables have not met a bound there.
pub(crate) struct CauchyPoint {
    pub(crate) point: Vec<f64>,
    /// `c = Wᵀ(xᶜ - x)`, `2k` entries.
    pub(crate) moved: Vec<f64>,
    /// Which variables are free, in ascending order.
    pub(crate) free: Vec<usize>,
}

impl CauchyPoint {
    /// Not moving at all, every variable free: right when there are no bounds, because the
    /// subspace step then finds the minimum from anywhere.
    pub(crate) fn stay(point: &[f64], compact: &Compact) -> Self {
        let moved = vec![0.0; 2 * compact.pairs()];
        Self { point: point.to_vec(), moved, free: (0..point.len()).collect() }
    }

    /// Follows the path from `point`.
    pub(crate) fn find(
        point: &[f64],
        gradient: &[f64],
        bounds: &Bounds,
        compact: &Compact,
    ) -> Self {
        Path::new(point, gradient, bounds, compact).walk()
    }
}

/// How far the walk has come: the parabola on the present piece.
struct Path<'a> {
    bounds: &'a Bounds,
    compact: &'a Compact,
    start: &'a [f64],
    point: Vec<f64>,
    direction: Vec<f64>,
    held: Vec<bool>,
    /// (time, variable), ascending.
    breakpoints: Vec<(f64, usize)>,
    /// Moving variables that meet no bound.
    endless: bool,
    slope: f64,
    curvature: f64,
    least_curvature: f64,
    /// `p = Wᵀd`.
    projected: Vec<f64>,
    /// `c = Wᵀ(xᶜ - x)`.
    moved: Vec<f64>,
}

impl<'a> Path<'a> {
    fn new(start: &'a [f64], gradient: &[f64], bounds: &'a Bounds, compact: &'a Compact) -> Self {
        let n = start.len();
        let (mut direction, mut held) = (vec![0.0; n], vec![false; n]);
        let (mut breakpoints, mut endless) = (Vec::new(), false);
        for i in 0..n {
            let (below, above) = (start[i] - bounds.lower()[i], bounds.upper()[i] - start[i]);
            let down = -gradient[i];
            held[i] = (below <= 0.0 && down <= 0.0) || (above <= 0.0 && down >= 0.0);
            if held[i] || down == 0.0 {
                continue;
            }
            direction[i] = down;
            let time = if down < 0.0 { below / -down } else { above / down };
            if time.is_finite() { breakpoints.push((time, i)) } else { endless = true }
        }
        breakpoints.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let slope = -dot(&direction, &direction);
        let projected = compact.transposed_times(&direction);
        let flat = -compact.theta() * slope;
        let curvature = flat - dot(&projected, &compact.middle_times(&projected));
        let (point, moved) = (start.to_vec(), vec![0.0; projected.len()]);
        let least_curvature = f64::EPSILON * flat;
        Self {
            bounds,
            compact,
            start,
            point,
            direction,
            held,
            breakpoints,
            endless,
            slope,
            curvature,
            least_curvature,
            projected,
            moved,
        }
    }

    fn walk(mut self) -> CauchyPoint {
        let mut time = 0.0;
        let mut ahead = self.minimum_ahead();
        let mut met = 0;
        while let Some(&(breakpoint, variable)) = self.breakpoints.get(met) {
            let piece = breakpoint - time;
            if ahead < piece {
                break;
            }
            met += 1;
            let at_bound = self.hold(variable);
            add_scaled(&mut self.moved, piece, &self.projected);
            self.bend(variable, piece, at_bound);
            time = breakpoint;
            let more = met < self.breakpoints.len() || self.endless;
            ahead = if more { self.minimum_ahead() } else { 0.0 };
        }
        self.finish(time, ahead)
    }

    /// How much further the parabola falls.
    fn minimum_ahead(&self) -> f64 {
        if self.slope < 0.0 { -self.slope / self.curvature } else { 0.0 }
    }

    /// Puts `variable` on the bound that it meets; how far that is from the start.
    fn hold(&mut self, variable: usize) -> f64 {
        let upward = self.direction[variable] > 0.0;
        let ends = if upward { self.bounds.upper() } else { self.bounds.lower() };
        self.point[variable] = ends[variable];
        self.held[variable] = true;
        ends[variable] - self.start[variable]
    }

    /// Carries slope and curvature over the breakpoint of `variable`, which stops moving.
    fn bend(&mut self, variable: usize, piece: f64, at_bound: f64) {
        let (speed, theta) = (self.direction[variable], self.compact.theta());
        self.direction[variable] = 0.0;
        self.slope += piece * self.curvature + speed * speed - theta * speed * at_bound;
        self.curvature -= theta * speed * speed;
        if !self.compact.is_identity() {
            let row = self.compact.row(variable);
            let weighted = self.compact.middle_times(&row);
            self.slope += speed * dot(&weighted, &self.moved);
            self.curvature += 2.0 * speed * dot(&weighted, &self.projected)
                - speed * speed * dot(&weighted, &row);
            add_scaled(&mut self.projected, -speed, &row);
        }
        // The model is positive definite; only rounding says otherwise.
        self.curvature = self.curvature.max(self.least_curvature);
    }

    fn finish(mut self, time: f64, ahead: f64) -> CauchyPoint {
        add_scaled(&mut self.moved, ahead, &self.projected);
        for (i, &speed) in self.direction.iter().enumerate() {
            if speed != 0.0 {
                let reached = self.point[i] + (time + ahead) * speed;
                self.point[i] = self.bounds.clamp(i, reached);
            }
        }
        let free = (0..self.point.len()).filter(|&i| !self.held[i]).collect();
        CauchyPoint { point: self.point, moved: self.moved, free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_the_identity_the_path_ends_at_time_one() {
        let bounds = Bounds::new(vec![0.0, f64::NEG_INFINITY], vec![10.0, 10.0]).unwrap();
        let compact = Compact::new(3);
        let cauchy = CauchyPoint::find(&[1.0, 2.0], &[3.0, 0.5], &bounds, &compact);
        // Variable 0 meets 0 at t = 1/3; variable 1 goes on to 2 - 0.5.
        assert_eq!(cauchy.point[0].to_bits(), 0.0_f64.to_bits());
        assert!((cauchy.point[1] - 1.5).abs() < 1e-14);
        assert_eq!(cauchy.free, [1]);
    }

    #[test]
    fn the_walk_agrees_with_a_fine_search_of_the_model_along_the_path() {
        let mut compact = Compact::new(3);
        compact.remember(vec![1.0, 0.2, -0.3], vec![4.0, 0.1, 0.2]);
        compact.remember(vec![-0.1, 1.0, 0.4], vec![0.3, 2.0, 1.0]);
        let bounds = Bounds::uniform(3, -0.25, 0.2).unwrap();
        let (x, g) = ([0.1, -0.2, 0.05], [0.9, -0.7, 0.31]);
        let model = |z: &[f64]| {
            let d: Vec<f64> = z.iter().zip(&x).map(|(z, x)| z - x).collect();
            let w = compact.transposed_times(&d);
            let quadratic = compact.theta() * dot(&d, &d) - dot(&w, &compact.middle_times(&w));
            dot(&g, &d) + 0.5 * quadratic
        };
        let at = |t: f64| bounds.project(&[x[0] - t * g[0], x[1] - t * g[1], x[2] - t * g[2]]);
        let mut best = 0.0;
        while model(&at(best + 1e-5)) < model(&at(best)) {
            best += 1e-5;
        }
        let cauchy = CauchyPoint::find(&x, &g, &bounds, &compact);
        for (found, expected) in cauchy.point.iter().zip(at(best)) {
            assert!((found - expected).abs() < 2e-5, "{found} {expected}");
        }
    }
}

//! Subspace minimisation: from the Cauchy point to the minimum of the model over the variables
//! that are free there, projected onto the bounds.
//!
//! With `r` the negative gradient of the model at the Cauchy point, restricted to the free
//! variables `F` (the others, `A`, stay), the Newton step is by Sherman, Morrison & Woodbury
//!
//! ```text
//!   B_FF⁻¹ r = r/θ + W_F K⁻¹ W_Fᵀ r / θ²,   K = M⁻¹ - W_Fᵀ W_F / θ
//!
//!       [ -D - Y_FᵀY_F/θ   Rᵀ        ]      R = S_AᵀY_A below the diagonal,
//!   K = [  R               θ S_AᵀS_A ]      R = -S_FᵀY_F on and above it.
//! ```
//!
//! The sums over `A` replace subtractions that would lose digits. The step is projected onto the
//! bounds; only if the result is not a descent direction is it truncated at the first bound instead.
//!
//! Source: Byrd, Lu, Nocedal & Zhu (1995), section 5.1; the projection: Morales & Nocedal,
//! ACM Trans. Math. Software 38 (2011), article 7.

use crate::bfgs_matrix::BfgsMatrix;
use crate::bounds::Bounds;
use crate::cauchy::CauchyPoint;
use crate::linalg::dot;
use crate::saddle_point::SaddlePoint;

/// The minimiser of the model within the bounds, approximated by one projected Newton step; `None`
/// if rounding has made the model indefinite.
pub(crate) fn minimize(
    point: &[f64],
    gradient: &[f64],
    cauchy: &CauchyPoint,
    bounds: &Bounds,
    hessian: &BfgsMatrix,
) -> Option<Vec<f64>> {
    let residual = residual(point, gradient, cauchy, hessian);
    let step = newton_step(&residual, cauchy, hessian)?;
    let mut target = cauchy.point.clone();
    let mut is_inside = true;
    for (&i, &delta) in cauchy.free.iter().zip(&step) {
        let full = cauchy.point[i] + delta;
        target[i] = bounds.clamp(i, full);
        is_inside &= full.to_bits() == target[i].to_bits();
    }
    let slope: f64 = target.iter().zip(point).zip(gradient).map(|((z, x), g)| (z - x) * g).sum();
    if is_inside || slope <= 0.0 { Some(target) } else { Some(truncated(cauchy, &step, bounds)) }
}

/// Negative gradient of the model at the Cauchy point, free variables only.
fn residual(
    point: &[f64],
    gradient: &[f64],
    cauchy: &CauchyPoint,
    hessian: &BfgsMatrix,
) -> Vec<f64> {
    let low_rank = hessian.wide_times(&hessian.middle_times(&cauchy.moved), point.len());
    let at =
        |&i: &usize| -hessian.theta() * (cauchy.point[i] - point[i]) - gradient[i] + low_rank[i];
    cauchy.free.iter().map(at).collect()
}

fn newton_step(residual: &[f64], cauchy: &CauchyPoint, hessian: &BfgsMatrix) -> Option<Vec<f64>> {
    let (k, theta, n) = (hessian.pairs(), hessian.theta(), cauchy.point.len());
    let split = Split::new(hessian, &cauchy.free, n);
    let inner = split.factor(hessian)?;
    let (changes, steps) = (&split.free_changes, &split.free_steps);
    let from_changes = changes.iter().map(|change| dot(change, residual));
    let from_steps = steps.iter().map(|step| theta * dot(step, residual));
    let weights = inner.solve(&from_changes.chain(from_steps).collect::<Vec<f64>>());
    let mut step: Vec<f64> = residual.iter().map(|value| value / theta).collect();
    for pair in 0..k {
        let (for_change, for_step) = (weights[pair] / (theta * theta), weights[k + pair] / theta);
        for ((value, y), s) in step.iter_mut().zip(&changes[pair]).zip(&steps[pair]) {
            *value += for_change * y + for_step * s;
        }
    }
    Some(step)
}

/// The Cauchy point moved along `step` up to the first bound.
fn truncated(cauchy: &CauchyPoint, step: &[f64], bounds: &Bounds) -> Vec<f64> {
    let mut fraction = 1.0_f64;
    for (&i, &delta) in cauchy.free.iter().zip(step) {
        if delta != 0.0 {
            let bound = if delta < 0.0 { bounds.lower()[i] } else { bounds.upper()[i] };
            fraction = fraction.min(((bound - cauchy.point[i]) / delta).max(0.0));
        }
    }
    let mut target = cauchy.point.clone();
    for (&i, &delta) in cauchy.free.iter().zip(step) {
        target[i] = bounds.clamp(i, cauchy.point[i] + fraction * delta);
    }
    target
}

/// The entries of the stored pairs for free and for fixed variables, gathered into dense vectors.
struct Split {
    free_steps: Vec<Vec<f64>>,
    free_changes: Vec<Vec<f64>>,
    fixed_steps: Vec<Vec<f64>>,
    fixed_changes: Vec<Vec<f64>>,
}

impl Split {
    fn new(hessian: &BfgsMatrix, free: &[usize], variables: usize) -> Self {
        let mut is_free = vec![false; variables];
        for &i in free {
            is_free[i] = true;
        }
        let fixed: Vec<usize> = (0..variables).filter(|&i| !is_free[i]).collect();
        let gather = |whole: &[f64], indices: &[usize]| -> Vec<f64> {
            indices.iter().map(|&i| whole[i]).collect()
        };
        let steps = |indices: &[usize]| {
            (0..hessian.pairs()).map(|pair| gather(hessian.step(pair), indices)).collect()
        };
        let changes = |indices: &[usize]| {
            (0..hessian.pairs()).map(|pair| gather(hessian.change(pair), indices)).collect()
        };
        Self {
            free_steps: steps(free),
            free_changes: changes(free),
            fixed_steps: steps(&fixed),
            fixed_changes: changes(&fixed),
        }
    }

    /// The matrix `K`, factored.
    fn factor(&self, hessian: &BfgsMatrix) -> Option<SaddlePoint> {
        let (k, theta) = (hessian.pairs(), hessian.theta());
        let (mut p, mut r, mut q) = (vec![0.0; k * k], vec![0.0; k * k], vec![0.0; k * k]);
        for i in 0..k {
            for j in 0..k {
                if j <= i {
                    p[i * k + j] = dot(&self.free_changes[i], &self.free_changes[j]) / theta;
                    q[i * k + j] = theta * dot(&self.fixed_steps[i], &self.fixed_steps[j]);
                }
                r[i * k + j] = if j < i {
                    dot(&self.fixed_steps[i], &self.fixed_changes[j])
                } else {
                    -dot(&self.free_steps[i], &self.free_changes[j])
                };
            }
            p[i * k + i] += hessian.curvature(i);
        }
        SaddlePoint::factor(k, p, r, q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of three pairs of a convex quadratic.
    fn hessian() -> BfgsMatrix {
        let mut hessian = BfgsMatrix::new(3);
        hessian.update(vec![1.0, 0.2, -0.3, 0.1], vec![4.0, 0.1, 0.2, 0.3]);
        hessian.update(vec![-0.1, 1.0, 0.4, -0.2], vec![0.3, 2.0, 1.0, 0.1]);
        hessian.update(vec![0.3, -0.2, 0.8, 0.5], vec![0.9, 0.2, 1.7, 0.6]);
        hessian
    }

    #[test]
    fn the_models_gradient_vanishes_on_the_free_variables() {
        let hessian = hessian();
        let bounds = Bounds::new(vec![-5.0, -5.0, 0.0, -5.0], vec![5.0, 5.0, 5.0, 5.0]).unwrap();
        let (x, g) = ([0.3, -0.2, 0.05, 0.1], [0.9, -0.7, 2.0, 0.4]);
        let cauchy = CauchyPoint::find(&x, &g, &bounds, &hessian);
        assert_eq!(cauchy.free, [0, 1, 3]);
        let target = minimize(&x, &g, &cauchy, &bounds, &hessian).unwrap();
        let d: Vec<f64> = target.iter().zip(x).map(|(z, x)| z - x).collect();
        let inner = hessian.middle_times(&hessian.transposed_times(&d));
        let low_rank = hessian.wide_times(&inner, 4);
        for &i in &cauchy.free {
            let slope = g[i] + hessian.theta() * d[i] - low_rank[i];
            assert!(slope.abs() < 1e-12, "variable {i}: {slope}");
        }
    }

    #[test]
    fn a_newton_step_out_of_the_bounds_is_projected_back() {
        let hessian = hessian();
        let bounds = Bounds::uniform(4, -0.3, 0.31).unwrap();
        let (x, g) = ([0.3, -0.2, 0.05, 0.1], [0.9, -0.7, 2.0, 0.4]);
        let cauchy = CauchyPoint::find(&x, &g, &bounds, &hessian);
        let target = minimize(&x, &g, &cauchy, &bounds, &hessian).unwrap();
        assert!(bounds.contains(&target));
        let step = vec![1.0; cauchy.free.len()];
        assert!(bounds.contains(&truncated(&cauchy, &step, &bounds)));
    }
}

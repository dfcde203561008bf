//! Small saddle point systems.
//!
//! Both small matrices of L-BFGS-B, the middle matrix `M⁻¹` and the `K` of the subspace, have the
//! form
//!
//! ```text
//! [ -P  Rᵀ ]      P positive definite,
//! [  R  Q  ]      Q + R P⁻¹ Rᵀ positive definite,
//! ```
//!
//! which is indefinite but solved by two Cholesky factors (block elimination of `P`).

use crate::linalg::{Cholesky, add_scaled, dot};
use serde::{Deserialize, Serialize};

/// The factored matrix; `order` is that of one block.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SaddlePoint {
    order: usize,
    corner: Cholesky,
    off_diagonal: Vec<f64>,
    schur: Cholesky,
}

impl SaddlePoint {
    /// Factors `[-p rᵀ; r q]`; of `p` and `q` only the lower triangles are read.
    pub(crate) fn factor(order: usize, p: Vec<f64>, r: Vec<f64>, mut q: Vec<f64>) -> Option<Self> {
        let corner = Cholesky::factor(order, p)?;
        // Row i of `scaled` is L⁻¹ times row i of R, so R P⁻¹ Rᵀ is made of its inner products.
        let mut scaled = r.clone();
        for row in scaled.chunks_exact_mut(order) {
            corner.solve_lower(row);
        }
        for i in 0..order {
            for j in 0..=i {
                q[i * order + j] += dot(row_of(&scaled, order, i), row_of(&scaled, order, j));
            }
        }
        let schur = Cholesky::factor(order, q)?;
        Some(Self { order, corner, off_diagonal: r, schur })
    }

    /// The solution for the right-hand side `right`, of twice the order.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (top, bottom) = right.split_at(self.order);
        let mut eliminated = top.to_vec();
        self.corner.solve(&mut eliminated);
        let mut lower = bottom.to_vec();
        for (i, value) in lower.iter_mut().enumerate() {
            *value += dot(row_of(&self.off_diagonal, self.order, i), &eliminated);
        }
        self.schur.solve(&mut lower);
        let mut solution: Vec<f64> = top.iter().map(|value| -value).collect();
        for (i, &value) in lower.iter().enumerate() {
            add_scaled(&mut solution, value, row_of(&self.off_diagonal, self.order, i));
        }
        self.corner.solve(&mut solution);
        solution.extend(lower);
        solution
    }
}

fn row_of(matrix: &[f64], order: usize, row: usize) -> &[f64] {
    &matrix[row * order..(row + 1) * order]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_satisfies_the_system() {
        let (p, r, q) = ([3.0, 0.5, 0.5, 2.0], [0.3, -1.0, 0.7, 0.2], [1.5, 0.1, 0.1, 4.0]);
        let system = SaddlePoint::factor(2, p.to_vec(), r.to_vec(), q.to_vec()).unwrap();
        let right = [1.0, -2.0, 0.5, 3.0];
        let x = system.solve(&right);
        for i in 0..2 {
            let upper = -p[2 * i] * x[0] - p[2 * i + 1] * x[1] + r[i] * x[2] + r[2 + i] * x[3];
            let lower =
                r[2 * i] * x[0] + r[2 * i + 1] * x[1] + q[2 * i] * x[2] + q[2 * i + 1] * x[3];
            assert!((upper - right[i]).abs() < 1e-14);
            assert!((lower - right[2 + i]).abs() < 1e-14);
        }
    }
}

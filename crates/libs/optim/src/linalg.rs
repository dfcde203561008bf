//! Inner products and small Cholesky factors.
//!
//! Matrices are square, row-major and at most twice the memory wide.

use serde::{Deserialize, Serialize};

/// Inner product, summed in four fixed lanes so that it vectorises and is reproducible.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (a_chunks, b_chunks) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..4 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + tail
}

/// `target += factor * vector`.
pub(crate) fn add_scaled(target: &mut [f64], factor: f64, vector: &[f64]) {
    for (t, v) in target.iter_mut().zip(vector) {
        *t += factor * v;
    }
}

/// The lower triangle `L` of a positive definite `A = L Lᵀ`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cholesky {
    order: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors `matrix` (only its lower triangle is read); `None` if it is not positive definite.
    pub(crate) fn factor(order: usize, mut matrix: Vec<f64>) -> Option<Self> {
        for row in 0..order {
            for column in 0..=row {
                let (i, j) = (row * order, column * order);
                let known = dot(&matrix[i..i + column], &matrix[j..j + column]);
                let rest = matrix[i + column] - known;
                if column < row {
                    matrix[i + column] = rest / matrix[j + column];
                } else if rest > 0.0 && rest.is_finite() {
                    matrix[i + column] = rest.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Self { order, lower: matrix })
    }

    /// `right <- L⁻¹ right`.
    pub(crate) fn solve_lower(&self, right: &mut [f64]) {
        for row in 0..self.order {
            let i = row * self.order;
            let known = dot(&self.lower[i..i + row], &right[..row]);
            right[row] = (right[row] - known) / self.lower[i + row];
        }
    }

    /// `right <- A⁻¹ right`.
    pub(crate) fn solve(&self, right: &mut [f64]) {
        self.solve_lower(right);
        for row in (0..self.order).rev() {
            let i = row * self.order;
            right[row] /= self.lower[i + row];
            let (before, at) = right.split_at_mut(row);
            add_scaled(before, -at[0], &self.lower[i..i + row]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_three_by_three_system_is_solved() {
        // A x = b with x = (1, -2, 3), worked by hand.
        let a = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        let mut b = [4.0 - 4.0 + 3.0, 2.0 - 10.0 + 9.0, 1.0 - 6.0 + 18.0];
        Cholesky::factor(3, a).unwrap().solve(&mut b);
        for (found, expected) in b.iter().zip([1.0, -2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_factor() {
        assert!(Cholesky::factor(2, vec![1.0, 0.0, 2.0, 1.0]).is_none());
        assert!(Cholesky::factor(1, vec![f64::NAN]).is_none());
    }

    #[test]
    fn the_inner_product_includes_the_tail() {
        let ones = [1.0; 11];
        assert!((dot(&ones, &ones) - 11.0).abs() < f64::EPSILON);
    }
}

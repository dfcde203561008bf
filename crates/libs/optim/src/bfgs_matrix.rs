//! The limited-memory BFGS matrix in compact form: `B = θ I - W M Wᵀ`.
//!
//! Of the last `m` steps `s` (changes of the point) and changes `y` of the gradient, with `S` and
//! `Y` their columns, oldest first, `W = [Y  θS]` and
//!
//! ```text
//!       [ -D    Lᵀ   ]⁻¹     D = diag(sᵢᵀyᵢ),
//!   M = [  L   θ SᵀS ]       L = the strictly lower part of SᵀY.
//! ```
//!
//! Shapes: `s`, `y` have `n` entries, `W` is `n × 2k`, `M` is `2k × 2k`, `k ≤ m` pairs kept.
//! Source: Byrd, Nocedal & Schnabel, Math. Programming 63 (1994), 129-156, section 2;
//! Byrd, Lu, Nocedal & Zhu, SIAM J. Sci. Comput. 16 (1995), 1190-1208, section 3.

use crate::linalg::{add_scaled, dot};
use crate::saddle_point::SaddlePoint;
use serde::{Deserialize, Serialize};

/// The stored pairs and the matrix that they define.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BfgsMatrix {
    memory: usize,
    theta: f64,
    steps: Vec<Vec<f64>>,
    changes: Vec<Vec<f64>>,
    steps_by_steps: Vec<f64>,
    steps_by_changes: Vec<f64>,
    middle: Option<SaddlePoint>,
}

impl BfgsMatrix {
    /// The identity, which will store up to `memory` pairs.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            memory,
            theta: 1.0,
            steps: Vec::new(),
            changes: Vec::new(),
            steps_by_steps: Vec::new(),
            steps_by_changes: Vec::new(),
            middle: None,
        }
    }

    /// The scale `θ` of the identity part.
    pub(crate) fn theta(&self) -> f64 {
        self.theta
    }

    /// Number of stored pairs.
    pub(crate) fn pairs(&self) -> usize {
        self.steps.len()
    }

    /// Whether this is the identity.
    pub(crate) fn is_identity(&self) -> bool {
        self.steps.is_empty()
    }

    /// Step `pair`, the oldest being 0.
    pub(crate) fn step(&self, pair: usize) -> &[f64] {
        &self.steps[pair]
    }

    /// Gradient change `pair`, the oldest being 0.
    pub(crate) fn change(&self, pair: usize) -> &[f64] {
        &self.changes[pair]
    }

    /// `sᵀy` of one pair.
    pub(crate) fn curvature(&self, pair: usize) -> f64 {
        self.steps_by_changes[pair * self.pairs() + pair]
    }

    /// Drops all pairs: back to the identity.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.memory);
    }

    /// Adds a pair with `sᵀy > 0`; resets if rounding has made the middle matrix indefinite.
    pub(crate) fn update(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let drop_oldest = usize::from(self.pairs() == self.memory);
        self.steps.drain(..drop_oldest);
        self.changes.drain(..drop_oldest);
        self.theta = dot(&change, &change) / dot(&step, &change);
        self.steps.push(step);
        self.changes.push(change);
        self.steps_by_steps =
            append_pair(&self.steps_by_steps, &self.steps, &self.steps, drop_oldest);
        self.steps_by_changes =
            append_pair(&self.steps_by_changes, &self.steps, &self.changes, drop_oldest);
        self.middle = self.factor_middle();
        if self.middle.is_none() {
            self.reset();
        }
    }

    fn factor_middle(&self) -> Option<SaddlePoint> {
        let k = self.pairs();
        let (mut diagonal, mut lower) = (vec![0.0; k * k], vec![0.0; k * k]);
        for i in 0..k {
            diagonal[i * k + i] = self.curvature(i);
            lower[i * k..i * k + i].copy_from_slice(&self.steps_by_changes[i * k..i * k + i]);
        }
        let scaled = self.steps_by_steps.iter().map(|value| self.theta * value).collect();
        SaddlePoint::factor(k, diagonal, lower, scaled)
    }

    /// `M v`, for a `v` of `2k` entries.
    pub(crate) fn middle_times(&self, vector: &[f64]) -> Vec<f64> {
        self.middle.as_ref().map_or_else(Vec::new, |middle| middle.solve(vector))
    }

    /// `Wᵀ v`, for a `v` of `n` entries.
    pub(crate) fn transposed_times(&self, vector: &[f64]) -> Vec<f64> {
        let from_changes = self.changes.iter().map(|change| dot(change, vector));
        let from_steps = self.steps.iter().map(|step| self.theta * dot(step, vector));
        from_changes.chain(from_steps).collect()
    }

    /// `W v`, for a `v` of `2k` entries; `variables` long.
    pub(crate) fn wide_times(&self, vector: &[f64], variables: usize) -> Vec<f64> {
        let mut product = vec![0.0; variables];
        let (for_changes, for_steps) = vector.split_at(self.pairs());
        for pair in 0..self.pairs() {
            add_scaled(&mut product, for_changes[pair], &self.changes[pair]);
            add_scaled(&mut product, self.theta * for_steps[pair], &self.steps[pair]);
        }
        product
    }

    /// Row `variable` of `W`.
    pub(crate) fn row(&self, variable: usize) -> Vec<f64> {
        let from_changes = self.changes.iter().map(|change| change[variable]);
        let from_steps = self.steps.iter().map(|step| self.theta * step[variable]);
        from_changes.chain(from_steps).collect()
    }
}

/// `leftᵀ right` after a pair was appended, from the products before (less the oldest pair).
fn append_pair(before: &[f64], left: &[Vec<f64>], right: &[Vec<f64>], dropped: usize) -> Vec<f64> {
    let order = left.len();
    let (last, old_order) = (order - 1, order - 1 + dropped);
    let mut products = vec![0.0; order * order];
    for i in 0..order {
        for j in 0..order {
            products[i * order + j] = if i == last || j == last {
                dot(&left[i], &right[j])
            } else {
                before[(i + dropped) * old_order + j + dropped]
            };
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(matrix: &BfgsMatrix, vector: &[f64]) -> Vec<f64> {
        let inner = matrix.middle_times(&matrix.transposed_times(vector));
        let low_rank = matrix.wide_times(&inner, vector.len());
        vector.iter().zip(low_rank).map(|(v, w)| matrix.theta() * v - w).collect()
    }

    #[test]
    fn the_newest_pair_satisfies_the_secant_equation_also_when_the_oldest_is_dropped() {
        let mut matrix = BfgsMatrix::new(2);
        let pairs = [
            ([1.0, 0.0, 0.5], [2.0, 0.1, 0.3]),
            ([0.2, 1.0, -0.3], [0.1, 3.0, 0.2]),
            ([-0.4, 0.3, 1.0], [0.2, 0.5, 1.5]),
        ];
        for (step, change) in pairs {
            matrix.update(step.to_vec(), change.to_vec());
            for (found, expected) in times(&matrix, &step).iter().zip(change) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
        assert_eq!(matrix.pairs(), 2);
    }

    #[test]
    fn a_row_of_w_is_its_transposed_product_with_a_unit_vector() {
        let mut matrix = BfgsMatrix::new(5);
        matrix.update(vec![1.0, 2.0], vec![3.0, 1.0]);
        assert_eq!(matrix.row(1), matrix.transposed_times(&[0.0, 1.0]));
    }
}

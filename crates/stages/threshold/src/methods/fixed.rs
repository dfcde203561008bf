//! `fixed:X`: the same given threshold for every label.

use super::Fit;
use crate::Problem;
use hpa_core::Threshold;

/// `threshold` for every label.
pub(super) fn fixed(problem: &Problem, threshold: Threshold) -> Fit {
    Fit::new(vec![threshold.get(); problem.rankings().len()], 0)
}

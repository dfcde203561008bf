//! The argmin state that both solvers share.

use argmin::core::{IterState, KV};

/// A point and its gradient as plain vectors.
pub type VectorState = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// What a solver step returns to argmin.
pub(crate) type StepResult = Result<(VectorState, Option<KV>), argmin::core::Error>;

/// The state at the start of a run, without infinities: JSON has none, so a checkpoint with one
/// could not be read back. "No target" becomes the lowest number; "no best point yet" becomes the
/// start.
pub(crate) fn init_state(mut state: VectorState, start: &[f64], cost: f64) -> VectorState {
    state.cost = cost;
    state.prev_cost = cost;
    state.best_cost = cost;
    state.prev_best_cost = cost;
    state.best_param = Some(start.to_vec());
    state.target_cost = state.target_cost.max(f64::MIN);
    state
}

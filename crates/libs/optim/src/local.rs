//! What basin hopping asks of a local minimiser: any argmin solver that starts from the
//! parameter in its state.

use argmin::core::{IterState, State};

/// A state that can be told where to start and when to give up.
///
/// Implemented for every `IterState` over `Vec<f64>`, hence for all of argmin's own solvers with
/// a starting point; implement it for your own state to hop with your own solver.
pub trait LocalState: State<Param = Vec<f64>, Float = f64> {
    /// A fresh state at `start`, allowed `max_iterations`.
    #[must_use]
    fn at(start: Vec<f64>, max_iterations: u64) -> Self;
}

impl<G, J, H, R> LocalState for IterState<Vec<f64>, G, J, H, R, f64> {
    fn at(start: Vec<f64>, max_iterations: u64) -> Self {
        Self::new().param(start).max_iters(max_iterations)
    }
}

//! L-BFGS-B and basin hopping as [argmin](https://argmin-rs.org) solvers, on plain `Vec<f64>`.
//!
//! * [`Lbfgsb`] minimises a smooth function of many variables, each within its [`Bounds`].
//! * [`BasinHopping`] searches for the lowest of many minima by random hops between local searches,
//!   with any argmin solver as the local one.
//! * [`FiniteDifference`] adds a gradient to a problem without one, within the bounds.
//! * [`minimize`] runs either solver without argmin's executor; [`Closures`] is a problem made of
//!   two closures.
//!
//! Both solvers work with argmin's state, observers and checkpoints in any serde format (no
//! infinities are written), and report why they stopped ([`StopReason`]) or what they refuse
//! ([`Error`]). Results depend on the problem, the options and the seed alone.
//!
//! ```
//! use hpa_optim::{BasinHopping, Bounds, Closures, Lbfgsb, minimize};
//! # fn main() -> Result<(), hpa_optim::Error> {
//! // A tilted double well, from a start in the higher well.
//! let well = Closures::new(
//!     |x| (x[0] * x[0] - 1.0).powi(2) + 0.3 * x[0],
//!     |x| vec![4.0 * x[0] * (x[0] * x[0] - 1.0) + 0.3],
//! );
//! let local = Lbfgsb::new(Bounds::uniform(1, -2.0, 2.0)?);
//! let near = minimize(&well, &[0.95], &local)?;
//! let solver: BasinHopping<Lbfgsb> = BasinHopping::new(local).with_seed(7).with_step_size(1.5)?;
//! let lowest = minimize(&well, &[0.95], &solver)?;
//! assert!(near.param[0] > 0.9 && lowest.param[0] < -1.0 && lowest.cost < near.cost);
//! # Ok(())
//! # }
//! ```

mod basin_hopping;
mod bfgs_matrix;
mod bounds;
mod cauchy;
mod displacement;
mod error;
mod finite_difference;
mod interpolation;
mod iterate;
mod lbfgsb;
mod linalg;
mod line_search;
mod minimize;
mod saddle_point;
mod state;
mod stop_reason;
mod subspace;

pub use basin_hopping::{AcceptTest, BasinHopping, Hop, LocalState};
pub use bounds::Bounds;
pub use error::Error;
pub use finite_difference::FiniteDifference;
pub use lbfgsb::Lbfgsb;
pub use minimize::{ByRef, Closures, Minimum, minimize};
pub use state::VectorState;
pub use stop_reason::StopReason;

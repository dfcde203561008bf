//! L-BFGS-B and basin hopping as [argmin](https://argmin-rs.org) solvers, on plain `Vec<f64>`.
//!
//! * [`Lbfgsb`] minimises a smooth function of many variables, each within its [`Bounds`].
//! * [`BasinHopping`] hops from one local minimum to the next in search of the lowest, with any
//!   argmin solver as the local one.
//! * [`FiniteDifference`] gives a gradient to a problem without one, within the bounds.
//! * [`minimise`] runs either solver without argmin's frame; [`Closures`] is a problem made of
//!   two closures.
//!
//! Both solvers work with argmin's state, observers and checkpoints ([`CheckpointFile`], or any
//! other serde format: no infinity is ever written), name the reason for which they stop ([`Stop`]), and refuse what
//! they cannot work with by name ([`Error`]). Results depend on the problem, the options and the
//! seed alone; argmin's counts and times are its own.
//!
//! ```
//! use hpa_optim::{BasinHopping, Bounds, Closures, Lbfgsb, minimise};
//! # fn main() -> Result<(), hpa_optim::Error> {
//! // A tilted double well, seen from the wrong side.
//! let well = Closures::new(
//!     |x| (x[0] * x[0] - 1.0).powi(2) + 0.3 * x[0],
//!     |x| vec![4.0 * x[0] * (x[0] * x[0] - 1.0) + 0.3],
//! );
//! let local = Lbfgsb::new(Bounds::uniform(1, -2.0, 2.0)?);
//! let near = minimise(&well, &[0.95], &local)?;
//! let solver: BasinHopping<Lbfgsb> = BasinHopping::new(local).with_seed(7).with_step_size(1.5)?;
//! let lowest = minimise(&well, &[0.95], &solver)?;
//! assert!(near.param[0] > 0.9 && lowest.param[0] < -1.0 && lowest.cost < near.cost);
//! # Ok(())
//! # }
//! ```

mod accept;
mod basin_hopping;
mod bounds;
mod cauchy;
mod checkpoint_file;
mod compact;
mod displacement;
mod error;
mod evaluation;
mod finite_difference;
mod hop;
mod interpolation;
mod iteration;
mod lbfgsb;
mod linalg;
mod line_search;
mod local;
mod minimise;
mod saddle;
mod subspace;
mod termination;

pub use accept::{AcceptTest, Hop};
pub use basin_hopping::BasinHopping;
pub use bounds::Bounds;
pub use checkpoint_file::CheckpointFile;
pub use error::Error;
pub use finite_difference::FiniteDifference;
pub use lbfgsb::{Lbfgsb, VectorState};
pub use local::LocalState;
pub use minimise::{Closures, Lent, Minimum, minimise};
pub use termination::Stop;

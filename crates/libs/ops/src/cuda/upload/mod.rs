//! From bytes of pictures to images on a graphics card.
//!
//! A batch lies in one piece of page-locked memory ([`Packet`]), goes to the card in one copy on a
//! stream of its own while the card computes the batch before, and becomes images there: looked
//! at through a map and a table of grey levels, mixed, shrunk (kernels/input.cu).

#[cfg(feature = "cuda")]
mod courier;
mod packet;
#[cfg(feature = "cuda")]
mod pinned;

#[cfg(feature = "cuda")]
pub use courier::{Arrived, Courier, Parcel, Wanted};
pub use packet::{Packet, Shown};
#[cfg(feature = "cuda")]
pub use pinned::Pinned;

/// The kernels' source, for NVRTC and for tests.
pub const KERNELS: &str = include_str!("../../../kernels/input.cu");

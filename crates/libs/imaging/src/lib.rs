//! Pictures to planes, resizing, perceptual hash, augmentation geometry.
//!
//! Everything here is a pure function on values: bytes of a file in, a [`Plane`] out; a
//! plane in, `S × S` grey levels or 64 bits out; a tensor of channels in, a turned one out.
//! Nothing opens a file, draws a random number or starts a thread, so the same input gives
//! the same bytes everywhere. Readers look at the header before they allocate, and refuse
//! whatever a strict reading of the format refuses.
//!
//! Shapes: a plane is `height × width`, row by row; tensors are `channels × S × S`.
//! Units: grey levels 0 to 255 as `u8`, or `[0, 1]` as `f32` in the augmentations.

mod affine;
mod boxes;
mod chunks;
mod decode;
mod dihedral;
mod lighting;
mod phash;
mod plane;
mod png_plane;
mod raster;
mod resize;
mod scratch;
mod unfilter;

pub use affine::Affine;
pub use chunks::{ChunkError, PngHeader};
pub use decode::{DecodeError, Format, Rules, decode, decode_with, memory_needed};
pub use dihedral::Dihedral;
pub use lighting::Lighting;
pub use phash::{hamming, perceptual_hash};
pub use plane::{Plane, Samples};
pub use png_plane::PngError;
pub use raster::RasterError;
pub use resize::{Filter, resize, resize_into};
pub use scratch::Scratch;

//! Image decoding, resizing, perceptual hashing and augmentation geometry.
//!
//! Pure functions on values: the bytes of a file to a [`Plane`]; a plane to `S × S` grey
//! levels or to a 64-bit hash; a tensor of channels to a transformed one. Nothing here opens
//! files, draws random numbers or starts threads, so the same input gives the same bytes on
//! every machine.
//!
//! Shapes: a plane is `height × width`, row-major; tensors are `channels × S × S`.
//! Units: grey levels are 0 to 255 as `u8`, or `[0, 1]` as `f32` in the augmentations.

mod affine;
mod block_sums;
mod decode;
mod dihedral;
mod lighting;
mod perceptual_hash;
mod plane;
mod resize;

pub use affine::Affine;
pub use decode::{
    DecodeBuffers, DecodeError, DecodeOptions, ImageFormat, JpegTiffError, PngError, decode,
    decode_memory_bytes, decode_with_buffers,
};
pub use dihedral::Dihedral;
pub use lighting::Lighting;
pub use perceptual_hash::{hamming_distance, perceptual_hash};
pub use plane::{Plane, Samples};
pub use resize::{ResizeFilter, resize, resize_into};

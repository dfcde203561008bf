//! Upload of batches to the GPU.
//!
//! A batch is one block of page-locked memory ([`BatchLayout`]). It is copied on a stream of its
//! own while the GPU computes the previous batch, and transformed into network inputs there: affine
//! sampling through lookup tables, mixup, area resize (kernels/transform.cu).

mod layout;
#[cfg(any(test, feature = "cuda", feature = "emulator"))]
mod transform;
#[cfg(feature = "cuda")]
mod uploader;

pub use layout::{BatchLayout, TransformParams};
#[cfg(feature = "cuda")]
pub use uploader::{DeviceBatch, PinnedBuffer, Transfer, Uploader};

/// A batch to upload, and how to transform it.
#[derive(Clone, Copy, Debug)]
pub struct BatchRequest {
    /// The layout of the batch.
    pub layout: BatchLayout,
    /// Whether images are mixed with their partners.
    pub is_mixed: bool,
    /// Side of the network inputs, at most that of the stored images.
    pub side: usize,
}

/// The network inputs `[images, side, side, channels]` of a batch, transformed on the emulated GPU.
///
/// # Panics
/// When the batch is shorter than its layout says.
#[cfg(any(test, feature = "emulator"))]
#[must_use]
pub fn emulate(
    emulator: &super::emulator::Emulator,
    batch: &[u8],
    request: &BatchRequest,
) -> Vec<f32> {
    use super::emulator::ThreadOrder::Ascending;
    assert!(batch.len() >= request.layout.bytes(), "the batch is incomplete");
    transform::transform(
        batch.as_ptr() as u64,
        request,
        |len| Ok(vec![f32::NAN; len]),
        |images| images.as_ptr() as u64,
        |launch| {
            emulator.run(launch, Ascending);
            Ok(())
        },
    )
    .expect("the emulated GPU always has memory")
}

//! Decode buffers reused from image to image.
//!
//! A decoded plane is larger than what the allocator caches, so a fresh buffer a file means
//! one `mmap` and one `munmap` each: a quarter of the run time of preprocessing.

use crate::{Plane, Samples};

/// The buffers of one thread, initially empty.
#[derive(Debug, Default)]
pub struct DecodeBuffers {
    /// The inflated zlib stream of a PNG.
    pub(super) inflated: Vec<u8>,
    /// Unfiltered rows of one interlace pass.
    pub(super) rows: Vec<u8>,
    /// Becomes the samples of the next plane.
    pub(super) samples: Vec<u8>,
}

/// Larger buffers are freed at once, so that one huge image does not occupy memory for the
/// whole run.
const MAX_RETAINED_BYTES: usize = 4 << 20;

impl DecodeBuffers {
    /// Takes back the memory of a plane that is no longer needed.
    pub fn recycle(&mut self, plane: Plane) {
        if let Samples::U8(samples) = plane.into_samples() {
            self.samples = samples;
        }
        for buffer in [&mut self.inflated, &mut self.rows, &mut self.samples] {
            if buffer.capacity() > MAX_RETAINED_BYTES {
                *buffer = Vec::new();
            }
        }
    }
}

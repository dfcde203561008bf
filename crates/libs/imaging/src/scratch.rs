//! Buffers that one picture leaves to the next.
//!
//! A picture's planes are larger than what an allocator keeps, so fresh ones would be asked
//! from and given back to the system for every file: a quarter of the time of a run.

use crate::{Plane, Samples};

/// The buffers of one thread; empty at first.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The inflated stream of a PNG.
    pub(crate) stream: Vec<u8>,
    /// Rows of one pass without their filters.
    pub(crate) rows: Vec<u8>,
    /// What the next plane's samples go into.
    pub(crate) samples: Vec<u8>,
}

/// Larger buffers are given back at once: one huge picture must not stay for the whole run.
const KEPT_BYTES: usize = 4 << 20;

impl Scratch {
    /// Takes back the memory of a plane that is no longer needed.
    pub fn recycle(&mut self, plane: Plane) {
        if let Samples::Eight(samples) = plane.into_samples() {
            self.samples = samples;
        }
        for buffer in [&mut self.stream, &mut self.rows, &mut self.samples] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
    }
}

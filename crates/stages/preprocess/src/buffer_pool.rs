//! Buffer pool: page buffers that the writer has finished with, for the rows to come.

use std::sync::{Mutex, PoisonError};

/// Larger buffers are freed instead of reused: enough for squares of 1024 px.
pub(crate) const MAX_RETAINED_BYTES: usize = 5 << 20;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Takes a buffer out of the pool; an empty one if there is none.
pub(crate) fn take() -> Vec<u8> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

/// Puts buffers into the pool.
pub(crate) fn put(buffers: Vec<Vec<u8>>) {
    if !buffers.is_empty() {
        let small = buffers.into_iter().filter(|buffer| buffer.capacity() <= MAX_RETAINED_BYTES);
        POOL.lock().unwrap_or_else(PoisonError::into_inner).extend(small);
    }
}

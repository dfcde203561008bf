//! Memory budget shared by all threads.
//!
//! An image of the usual size needs next to nothing, one of 4096 px a hundred megabytes, and
//! sixteen threads with sixteen of these more than a laptop has. So a thread reserves the bytes
//! of a file before reading it and those of its pixels before decoding it, and blocks while
//! too much is reserved. Always the file budget before the pixel budget, so no deadlock.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of files in memory at once.
pub(crate) static FILES: MemoryBudget = MemoryBudget::new(192 << 20);
/// Bytes of pixels being decoded at once.
pub(crate) static PIXELS: MemoryBudget = MemoryBudget::new(448 << 20);

/// A counting semaphore over bytes.
pub(crate) struct MemoryBudget {
    limit: u64,
    state: Mutex<State>,
    released: Condvar,
}

struct State {
    reserved: u64,
    /// Blocked threads: notifying costs a system call, which is skipped if there are none.
    waiting: usize,
}

/// A reservation, released on drop.
pub(crate) struct Reservation {
    budget: &'static MemoryBudget,
    bytes: u64,
}

impl MemoryBudget {
    const fn new(limit: u64) -> Self {
        let state = Mutex::new(State { reserved: 0, waiting: 0 });
        Self { limit, state, released: Condvar::new() }
    }

    /// Blocks until `bytes` are free; more than the limit counts as the limit.
    pub(crate) fn reserve(&'static self, bytes: u64) -> Reservation {
        let bytes = bytes.min(self.limit);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.reserved + bytes > self.limit {
            state.waiting += 1;
            state = self.released.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.reserved += bytes;
        Reservation { budget: self, bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.budget.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reserved -= self.bytes;
        if state.waiting > 0 {
            self.budget.released.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    #[test]
    fn reservations_never_exceed_the_limit_and_all_are_granted() {
        static BUDGET: MemoryBudget = MemoryBudget::new(10);
        let (reserved, granted) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [1, 3, 4, 7, 10, 99] {
                let (reserved, granted) = (&reserved, &granted);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let reservation = BUDGET.reserve(bytes);
                        let total = reserved.fetch_add(reservation.bytes, SeqCst);
                        assert!(total + reservation.bytes <= 10, "{total}");
                        reserved.fetch_sub(reservation.bytes, SeqCst);
                        granted.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), 1200);
    }
}

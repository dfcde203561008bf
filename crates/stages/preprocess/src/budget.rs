//! A bound on memory that holds for any number of threads.
//!
//! A picture of the usual size needs next to nothing, one of 4096 px a hundred megabytes;
//! sixteen threads with sixteen of these would need more than a laptop has. So each takes
//! its share of a budget before it reads and again before it decodes, and waits while others
//! hold too much. Who decodes waits for nobody, and who has read waits only for those who
//! decode, so nobody waits for ever.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of files that are in memory at once.
pub(crate) static FILES: Budget = Budget::new(192 << 20);
/// Bytes of pixels that are being decoded at once.
pub(crate) static PIXELS: Budget = Budget::new(448 << 20);

/// Bytes that threads may hold together.
pub(crate) struct Budget {
    limit: u64,
    state: Mutex<State>,
    freed: Condvar,
}

/// Who has how much.
struct State {
    held: u64,
    /// Threads that wait: without one, nobody needs to be woken, which is a call to the system.
    waiting: usize,
}

/// What one thread holds; given back when dropped.
pub(crate) struct Share {
    of: &'static Budget,
    bytes: u64,
}

impl Budget {
    pub(crate) const fn new(limit: u64) -> Self {
        Self { limit, state: Mutex::new(State { held: 0, waiting: 0 }), freed: Condvar::new() }
    }

    /// Waits until so many bytes are free. Who wants more than all gets all.
    pub(crate) fn take(&'static self, bytes: u64) -> Share {
        let bytes = bytes.min(self.limit);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.held + bytes > self.limit {
            state.waiting += 1;
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.held += bytes;
        Share { of: self, bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.of.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held -= self.bytes;
        if state.waiting > 0 {
            self.of.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    #[test]
    fn threads_never_hold_more_than_the_limit_and_all_get_their_turn() {
        static BUDGET: Budget = Budget::new(10);
        let (held, turns) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for wanted in [1, 3, 4, 7, 10, 99] {
                let (held, turns) = (&held, &turns);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let share = BUDGET.take(wanted);
                        let now = held.fetch_add(share.bytes, SeqCst) + share.bytes;
                        assert!(now <= 10, "{now}");
                        held.fetch_sub(share.bytes, SeqCst);
                        turns.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), 1200);
    }
}

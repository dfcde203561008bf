//! Ordered parallel map: items are produced by all threads and consumed in index order.
//!
//! Each thread of the pool produces the next item not yet claimed. A thread that completes the
//! item next in order consumes it, and those behind it that are complete, while the others go
//! on producing; so no thread is dedicated to consuming, and none waits at the end of a batch.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many items there are, and how many may be produced but not yet consumed.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) count: usize,
    pub(crate) max_pending: usize,
}

/// Produces the items `0..count` on all threads of the pool and consumes them in order.
///
/// `consume` can break with a smaller number of items, but never less than it has consumed:
/// items beyond are not consumed, though some may be produced.
pub(crate) fn parallel_ordered<T: Send>(
    limits: Limits,
    produce: impl Fn(usize) -> T + Sync,
    consume: impl FnMut(T) -> ControlFlow<usize> + Send,
) {
    let queue = Queue {
        state: Mutex::new(State {
            next: 0,
            consumed: 0,
            end: limits.count,
            complete: BTreeMap::new(),
        }),
        consume: Mutex::new(consume),
        changed: Condvar::new(),
        max_pending: limits.max_pending,
    };
    rayon::broadcast(|_| {
        let _guard = EndOnPanic(&queue);
        while let Some(index) = queue.claim() {
            queue.complete(index, produce(index));
        }
    });
}

/// Ends the other threads on panic, which would wait for the panicking thread's item.
struct EndOnPanic<'a, T, F: FnMut(T) -> ControlFlow<usize>>(&'a Queue<T, F>);

impl<T, F: FnMut(T) -> ControlFlow<usize>> Drop for EndOnPanic<'_, T, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().end = 0;
            self.0.changed.notify_all();
        }
    }
}

struct Queue<T, F> {
    state: Mutex<State<T>>,
    /// Locked by the thread that consumes.
    consume: Mutex<F>,
    /// An item was consumed, or the end moved.
    changed: Condvar,
    max_pending: usize,
}

struct State<T> {
    next: usize,
    consumed: usize,
    end: usize,
    complete: BTreeMap<usize, T>,
}

impl<T, F: FnMut(T) -> ControlFlow<usize>> Queue<T, F> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Index of the next item to produce; blocks while too many are pending.
    fn claim(&self) -> Option<usize> {
        let mut state = self.state();
        while state.next < state.end && state.next >= state.consumed + self.max_pending {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let index = state.next;
        state.next += 1;
        (index < state.end).then_some(index)
    }

    /// Stores an item and consumes what is next in order, unless another thread is doing so.
    fn complete(&self, index: usize, item: T) {
        self.state().complete.insert(index, item);
        // Checked again after each release of the lock, so that no item is left behind.
        while self.is_next_complete() {
            let Ok(mut consume) = self.consume.try_lock() else { return };
            while let Some(item) = self.pop_next() {
                let flow = consume(item);
                self.consumed(flow);
            }
        }
    }

    fn is_next_complete(&self) -> bool {
        let state = self.state();
        state.consumed < state.end && state.complete.contains_key(&state.consumed)
    }

    fn pop_next(&self) -> Option<T> {
        let mut state = self.state();
        let index = state.consumed;
        if index < state.end { state.complete.remove(&index) } else { None }
    }

    fn consumed(&self, flow: ControlFlow<usize>) {
        let mut state = self.state();
        state.consumed += 1;
        if let ControlFlow::Break(end) = flow {
            state.end = state.end.min(end.max(state.consumed));
        }
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    fn limits(max_pending: usize) -> Limits {
        Limits { count: 300, max_pending }
    }

    /// Takes longer for some items, so that they complete out of order.
    fn produce(index: usize) -> usize {
        std::thread::sleep(std::time::Duration::from_micros(index as u64 * 37 % 300));
        index
    }

    #[test]
    fn items_are_consumed_in_order_for_any_number_of_threads() {
        for (threads, max_pending) in [(1, 1), (2, 1), (3, 2), (8, 5)] {
            let mut got = Vec::new();
            let consume = |index| {
                got.push(index);
                ControlFlow::Continue(())
            };
            with_threads(threads, || parallel_ordered(limits(max_pending), produce, consume));
            assert_eq!(got, (0..300).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_break_ends_at_exactly_that_item() {
        for threads in [1, 2, 5] {
            let mut got = 0;
            let consume = |index| {
                got += 1;
                if index == 20 { ControlFlow::Break(33) } else { ControlFlow::Continue(()) }
            };
            with_threads(threads, || parallel_ordered(limits(7), produce, consume));
            assert_eq!(got, 33);
            let mut got = Vec::new();
            let consume = |index| {
                got.push(index);
                ControlFlow::Break(0)
            };
            with_threads(threads, || parallel_ordered(limits(7), produce, consume));
            assert_eq!(got, [0], "what is consumed stays consumed");
        }
    }

    #[test]
    fn a_panic_ends_all_threads_and_propagates() {
        let panics = |index| if index == 5 { panic!("bug") } else { produce(index) };
        let consume = |_| ControlFlow::Continue(());
        let run = || with_threads(3, || parallel_ordered(limits(2), panics, consume));
        assert!(std::panic::catch_unwind(run).is_err());
    }

    #[test]
    fn at_most_max_pending_items_are_in_flight() {
        let (pending, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let counted = |index| {
            most.fetch_max(pending.fetch_add(1, SeqCst) + 1, SeqCst);
            produce(index)
        };
        let consume = |_| {
            pending.fetch_sub(1, SeqCst);
            ControlFlow::Continue(())
        };
        with_threads(6, || parallel_ordered(limits(4), counted, consume));
        assert!(most.into_inner() <= 4);
    }
}

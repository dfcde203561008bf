//! Work that is done in any order and taken in one.
//!
//! Every thread of the pool makes the next thing that nobody makes yet; whoever finishes the
//! one whose turn it is takes it, and those behind it that are ready, while the others go on.
//! Nobody waits at the end of a chunk for the slowest, and there is no thread that only takes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Makes the things `0..count` by all threads of the pool and takes each in turn; at most
/// `ahead` of them are made and not yet taken.
///
/// `take` may say how many things there are instead, which is never less than what it has
/// taken: those beyond are not taken, though some may be made.
pub(crate) fn in_order<T: Send>(
    (count, ahead): (usize, usize),
    make: impl Fn(usize) -> T + Sync,
    take: impl FnMut(T) -> ControlFlow<usize> + Send,
) {
    let line = Line {
        state: Mutex::new(State { next: 0, taken: 0, end: count, ready: BTreeMap::new() }),
        taker: Mutex::new(take),
        moved: Condvar::new(),
        ahead,
    };
    rayon::broadcast(|_| {
        let _others = EndOnPanic(&line);
        while let Some(place) = line.next() {
            line.ready(place, make(place));
        }
    });
}

/// A thread that panics leaves a place empty for which the others would wait for ever.
struct EndOnPanic<'a, T, F: FnMut(T) -> ControlFlow<usize>>(&'a Line<T, F>);

impl<T, F: FnMut(T) -> ControlFlow<usize>> Drop for EndOnPanic<'_, T, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().end = 0;
            self.0.moved.notify_all();
        }
    }
}

struct Line<T, F> {
    state: Mutex<State<T>>,
    /// Held by whoever takes.
    taker: Mutex<F>,
    /// Something was taken, or the end came nearer.
    moved: Condvar,
    ahead: usize,
}

struct State<T> {
    next: usize,
    taken: usize,
    end: usize,
    ready: BTreeMap<usize, T>,
}

impl<T, F: FnMut(T) -> ControlFlow<usize>> Line<T, F> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next thing to make; waits while too many stand in the line.
    fn next(&self) -> Option<usize> {
        let mut state = self.state();
        while state.next < state.end && state.next >= state.taken + self.ahead {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let place = state.next;
        state.next += 1;
        (place < state.end).then_some(place)
    }

    /// Puts a thing into the line and takes what can be taken, unless somebody does.
    fn ready(&self, place: usize, thing: T) {
        self.state().ready.insert(place, thing);
        // Who holds it looks once more after letting it go, so nothing is left lying.
        while self.has_turn() {
            let Ok(mut take) = self.taker.try_lock() else { return };
            while let Some(thing) = self.turn() {
                let told = take(thing);
                self.taken(told);
            }
        }
    }

    fn has_turn(&self) -> bool {
        let state = self.state();
        state.taken < state.end && state.ready.contains_key(&state.taken)
    }

    fn turn(&self) -> Option<T> {
        let mut state = self.state();
        let place = state.taken;
        if place < state.end { state.ready.remove(&place) } else { None }
    }

    fn taken(&self, told: ControlFlow<usize>) {
        let mut state = self.state();
        state.taken += 1;
        if let ControlFlow::Break(end) = told {
            state.end = state.end.min(end.max(state.taken));
        }
        self.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    /// Takes long for some places, so that they come out of turn.
    fn uneven(place: usize) -> usize {
        std::thread::sleep(std::time::Duration::from_micros(place as u64 * 37 % 300));
        place
    }

    #[test]
    fn things_are_taken_in_order_by_any_number_of_threads() {
        for (threads, ahead) in [(1, 1), (2, 1), (3, 2), (8, 5)] {
            let mut got = Vec::new();
            let take = |place| {
                got.push(place);
                ControlFlow::Continue(())
            };
            with_threads(threads, || in_order((300, ahead), uneven, take));
            assert_eq!(got, (0..300).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_end_that_is_told_is_exact() {
        for threads in [1, 2, 5] {
            let mut got = 0;
            let take = |place| {
                got += 1;
                if place == 20 { ControlFlow::Break(33) } else { ControlFlow::Continue(()) }
            };
            with_threads(threads, || in_order((300, 7), uneven, take));
            assert_eq!(got, 33);
            let mut got = Vec::new();
            let take = |place| {
                got.push(place);
                ControlFlow::Break(0)
            };
            with_threads(threads, || in_order((300, 7), uneven, take));
            assert_eq!(got, [0], "what was taken stays taken");
        }
    }

    #[test]
    fn a_panic_ends_all_threads_and_is_passed_on() {
        let make = |place| if place == 5 { panic!("bug") } else { uneven(place) };
        let run = || with_threads(3, || in_order((300, 2), make, |_| ControlFlow::Continue(())));
        assert!(std::panic::catch_unwind(run).is_err());
    }

    #[test]
    fn no_more_than_so_many_things_are_in_the_line() {
        let (waiting, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |place| {
            most.fetch_max(waiting.fetch_add(1, SeqCst) + 1, SeqCst);
            uneven(place)
        };
        let take = |_| {
            waiting.fetch_sub(1, SeqCst);
            ControlFlow::Continue(())
        };
        with_threads(6, || in_order((300, 4), make, take));
        assert!(most.into_inner() <= 4);
    }
}

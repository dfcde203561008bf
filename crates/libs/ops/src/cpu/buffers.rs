//! Aligned scratch from a free list, outputs written once without zeroing, shared pointers.
//!
//! Every layer of every step allocates and frees scratch of the same sizes. Fresh memory costs a
//! page fault for each 4 KiB; a free list by size class costs a lock. Scratch keeps the contents of
//! its last use, so a kernel writes it before it reads it.
#![expect(unsafe_code, reason = "tasks write disjoint parts of one buffer")]

use rayon::prelude::*;
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// One cache line, so that scratch starts on a line and vectors do not straddle two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

static FREE: Mutex<BTreeMap<usize, Vec<Vec<Line>>>> = Mutex::new(BTreeMap::new());

/// An aligned buffer with arbitrary (initialised) contents, returned to the free list when dropped.
pub(crate) struct Scratch {
    lines: Vec<Line>,
}

impl Scratch {
    /// At least `len` values.
    pub(crate) fn take(len: usize) -> Self {
        let class = size_class(len.div_ceil(16).max(1));
        let mut free = FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let reused = free.get_mut(&class).and_then(Vec::pop);
        drop(free);
        Self { lines: reused.unwrap_or_else(|| vec![Line([0.0; 16]); class]) }
    }

    pub(crate) fn shared_mut(&mut self) -> SharedMut {
        SharedMut(self.lines.as_mut_ptr().cast())
    }

    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.lines.as_ptr().cast()
    }

    pub(crate) fn slice(&mut self, len: usize) -> &mut [f32] {
        assert!(len <= self.lines.len() * 16, "a slice of scratch fits into it");
        // SAFETY: the lines are initialised, contiguous `f32`, and the length was checked.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let mut free = FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        free.entry(lines.len()).or_default().push(lines);
    }
}

/// Rounds up to one of eight steps per power of two: at most an eighth is wasted.
pub(crate) fn size_class(len: usize) -> usize {
    let step = (len.next_power_of_two() / 16).max(1);
    len.next_multiple_of(step)
}

/// A pointer through which several tasks write, each to its own part.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut(*mut f32);

// SAFETY: the tasks that share one write disjoint parts; each use says which.
unsafe impl Send for SharedMut {}
// SAFETY: as above.
unsafe impl Sync for SharedMut {}

impl SharedMut {
    pub(crate) fn of(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    pub(crate) fn get(self) -> *mut f32 {
        self.0
    }
}

/// A pointer through which several tasks read.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*const f32);

// SAFETY: only reads go through it, and the buffer outlives the tasks.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(from: *const f32) -> Self {
        Self(from)
    }

    pub(crate) fn get(self) -> *const f32 {
        self.0
    }
}

/// A vector of `len` values that `fill` writes, without zeroing it first.
///
/// # Safety
/// `fill` writes each of the `len` values before it returns.
pub(crate) unsafe fn output(len: usize, fill: impl FnOnce(SharedMut)) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    fill(SharedMut(values.as_mut_ptr()));
    // SAFETY: the capacity is there and the caller's promise says that the values are.
    unsafe { values.set_len(len) };
    values
}

/// A vector of `len` values that `fill` writes through a slice, without zeroing it first.
///
/// # Safety
/// `fill` writes each of the values before it returns.
pub(crate) unsafe fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is there and the caller's promise says that the values are.
    unsafe { values.set_len(len) };
    values
}

/// A vector of `len` zeros, written by all threads: reused memory is not zero.
pub(crate) fn zeros(len: usize) -> Vec<f32> {
    let fill = |values: &mut [MaybeUninit<f32>]| {
        values.par_chunks_mut(1 << 15).for_each(|part| part.fill(MaybeUninit::new(0.0)));
    };
    // SAFETY: the chunks are the whole vector.
    unsafe { filled(len, fill) }
}

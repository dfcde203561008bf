//! A global allocator that keeps large freed blocks in free lists.
//!
//! Every training step allocates and frees the same buffers of megabytes. The system's allocator
//! returns them to the kernel, and the next step pays a page fault for each 4 KiB: up to a third of
//! a step. Candle owns the outputs of operations, so they can only be reused below it, here: blocks
//! of at least [`LARGE`] bytes are reused by size class; smaller ones come from the system's
//! allocator. General allocators such as mimalloc map the largest blocks, which are most of a step,
//! one by one and unmap them when they are freed.
#![expect(unsafe_code, reason = "an allocator returns raw memory")]
#![expect(clippy::cast_ptr_alignment, reason = "kept blocks start on a cache line")]

use crate::cpu::buffers::size_class;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Blocks of at least so many bytes are kept when they are freed.
const LARGE: usize = 128 << 10;
/// Alignment of kept blocks: a cache line.
const LINE: usize = 64;
/// Size classes: eight per power of two, from 128 KiB to 64 GiB.
const CLASSES: usize = 8 * 20;

/// For programs that train:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();
/// ```
pub struct CachingAllocator {
    busy: AtomicBool,
    /// Heads of the free lists; a free block's first word points to the next.
    heads: std::cell::UnsafeCell<[*mut u8; CLASSES]>,
}

// SAFETY: the lists are touched only between `lock` and `unlock`.
unsafe impl Sync for CachingAllocator {}
// SAFETY: as above.
unsafe impl Send for CachingAllocator {}

impl Default for CachingAllocator {
    fn default() -> Self {
        Self::new()
    }
}

/// The class of a large block and its whole size, if it has one.
fn class(layout: Layout) -> Option<(usize, Layout)> {
    if layout.size() < LARGE || layout.align() > LINE {
        return None;
    }
    let size = size_class(layout.size());
    let power = size.ilog2();
    let eighth = (size >> (power - 3)) & 7;
    let index = (usize::try_from(power).ok()? - 17) * 8 + eighth;
    let whole = Layout::from_size_align(size, LINE).ok()?;
    (index < CLASSES).then_some((index, whole))
}

impl CachingAllocator {
    /// An allocator with empty free lists.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            busy: AtomicBool::new(false),
            heads: std::cell::UnsafeCell::new([ptr::null_mut(); CLASSES]),
        }
    }

    /// Runs `change` on the head of a list under the lock.
    fn with_head<T>(&self, index: usize, change: impl FnOnce(&mut *mut u8) -> T) -> T {
        // A spin lock: a mutex may allocate, and the work inside is two words.
        while self
            .busy
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            std::thread::yield_now();
        }
        // SAFETY: the lock is held.
        let result = change(unsafe { &mut (*self.heads.get())[index] });
        self.busy.store(false, Ordering::Release);
        result
    }

    fn pop(&self, index: usize) -> *mut u8 {
        self.with_head(index, |head| {
            let block = *head;
            if !block.is_null() {
                // SAFETY: a free block's first word is the next block's address; it is aligned.
                *head = unsafe { block.cast::<*mut u8>().read() };
            }
            block
        })
    }
}

// SAFETY: blocks come from the system allocator with the layout of their class, which is a
// function of the requested layout alone, and have one owner at a time.
unsafe impl GlobalAlloc for CachingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((index, whole)) = class(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        let kept = self.pop(index);
        // SAFETY: a class is never empty.
        if kept.is_null() { unsafe { System.alloc(whole) } } else { kept }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some((index, whole)) = class(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        };
        let kept = self.pop(index);
        if kept.is_null() {
            // SAFETY: a class is never empty.
            return unsafe { System.alloc_zeroed(whole) };
        }
        // SAFETY: the block has at least the size of the layout.
        unsafe { ptr::write_bytes(kept, 0, layout.size()) };
        kept
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((index, _)) = class(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.dealloc(block, layout) };
        };
        self.with_head(index, |head| {
            // SAFETY: the block is free, aligned, and larger than a word.
            unsafe { block.cast::<*mut u8>().write(*head) };
            *head = block;
        });
    }
}

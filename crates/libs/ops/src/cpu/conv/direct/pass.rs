//! One pass from a framed map to a map, cut into tasks.
#![expect(unsafe_code, reason = "tasks write disjoint pixels and channels of one buffer")]

use super::kernel::{self, Block, Row};
use super::padded_input::Framed;
use crate::cpu::buffers::{Scratch, Shared, SharedMut};
use crate::cpu::conv::Epilogue;
use crate::cpu::simd::GemmDtype;
use rayon::prelude::*;
use std::ops::Range;

/// Pixels of a task: eight tiles of the widest path.
const PIXELS: usize = 112;
/// Tasks of a pass, at least, where it has so many panels.
const TASKS: usize = 32;
/// GemmDtype of a pixel from which its patch is taken in blocks, and words of such a block.
const DEEP: usize = 1024;
const DEPTH: usize = 512;
/// From one copied row to the next: a cache line more than the block.
const NEXT: usize = DEPTH + 16;
/// Bytes of output from which it is written past the caches.
const STREAMED: usize = 16 << 20;

/// A regular set of pixels: where their patches begin and where their outputs go.
pub(super) struct Places {
    /// Images, rows and columns.
    pub(super) count: [usize; 3],
    /// From one image, row, column to the next, in the framed map (dtype) and the output.
    pub(super) from: [usize; 3],
    pub(super) from_first: usize,
    pub(super) to: [usize; 3],
    pub(super) to_first: usize,
}

impl Places {
    fn len(&self) -> usize {
        self.count.iter().product()
    }

    fn rows(&self, range: Range<usize>) -> Vec<Row> {
        let [_, h, w] = self.count;
        let along =
            |step: [usize; 3], [n, y, x]: [usize; 3]| n * step[0] + y * step[1] + x * step[2];
        let place = |i: usize| [i / (h * w), i / w % h, i % w];
        range
            .map(|i| Row {
                from: self.from_first + along(self.from, place(i)),
                to: self.to_first + along(self.to, place(i)),
            })
            .collect()
    }
}

/// One pass.
pub(super) struct Pass<'a> {
    pub(super) dtype: GemmDtype,
    pub(super) framed: &'a Framed<'a>,
    /// Taps of the kernel, down and across.
    pub(super) taps: [usize; 2],
    pub(super) packed: &'a Scratch,
    /// Output channels.
    pub(super) n: usize,
    pub(super) places: Places,
}

impl Pass<'_> {
    /// # Safety
    /// The places lie in the framed map and in `y`; nobody else writes their outputs.
    pub(super) unsafe fn run(&self, y: SharedMut, epilogue: &Epilogue) {
        let panel = self.dtype.panel();
        let (panels, pixels) = (self.n.div_ceil(panel), self.places.len());
        let blocks = pixels.div_ceil(PIXELS);
        let share = panels.div_ceil(TASKS.div_ceil(blocks.max(1)).min(panels));
        let groups = panels.div_ceil(share);
        let (length, streams) = (self.length(), self.streams(y));
        let size = self.taps[0] * length * panel;
        let b = Shared::new(self.packed.as_ptr());
        (0..blocks * groups).into_par_iter().with_max_len(1).for_each(|task| {
            let (first, group) = (task / groups * PIXELS, task % groups);
            let rows = self.places.rows(first..(first + PIXELS).min(pixels));
            // SAFETY: the caller's promise; tasks have their own pixels and channels.
            unsafe {
                let block = Block {
                    a: self.framed.words().as_ptr(),
                    rows: &rows,
                    runs: self.taps[0],
                    length,
                    next_run: self.framed.row(),
                    b: b.get().add(group * share * size),
                    next_panel: size,
                    c: y.get(),
                    continues: false,
                    streams,
                    columns: [group * share * panel, ((group + 1) * share * panel).min(self.n)],
                    epilogue,
                };
                if self.taps == [1, 1] && length >= DEEP {
                    run_deep(self.dtype, block);
                } else {
                    kernel::run(self.dtype, block);
                }
            }
        });
    }

    /// GemmDtype of a run.
    fn length(&self) -> usize {
        self.taps[1] * self.framed.pixel
    }

    /// Whether the outputs are so many that they leave the cache before anybody reads them.
    fn streams(&self, y: SharedMut) -> bool {
        let Places { to, to_first, .. } = self.places;
        let is_whole = |words: usize| words.is_multiple_of(self.dtype.panel());
        let is_aligned = y.get().addr().is_multiple_of(2 * self.dtype.panel());
        self.places.len() * self.n * 4 >= STREAMED
            && is_aligned
            && is_whole(self.n)
            && is_whole(to_first)
            && to.into_iter().all(is_whole)
            && self.length() < DEEP
    }
}

/// Pixels of many channels, a block of them at a time.
///
/// Their rows are a power of two apart as a rule and fall onto the same few sets of the cache; a
/// copy, a little apart, does not.
///
/// # Safety
/// As `kernel::run`, for patches of one run.
unsafe fn run_deep(dtype: GemmDtype, block: Block) {
    let mut copy = Scratch::take(block.rows.len() * NEXT);
    let values = copy.slice(block.rows.len() * NEXT);
    let place = |(i, row): (usize, &Row)| Row { from: i * NEXT, to: row.to };
    let rows: Vec<Row> = block.rows.iter().enumerate().map(place).collect();
    for start in (0..block.length).step_by(DEPTH) {
        let length = DEPTH.min(block.length - start);
        // SAFETY: the words lie in the patches and in the panels; the rest is the caller's promise.
        unsafe {
            for (row, to) in block.rows.iter().zip(values.chunks_exact_mut(NEXT)) {
                let from = std::slice::from_raw_parts(block.a.add(row.from + start), length);
                to[..length].copy_from_slice(from);
            }
            let is_last = start + length == block.length;
            let part = Block {
                a: values.as_ptr(),
                rows: &rows,
                length,
                b: block.b.add(start * dtype.panel()),
                continues: start > 0,
                epilogue: if is_last { block.epilogue } else { &Epilogue::NONE },
                ..block
            };
            kernel::run(dtype, part);
        }
    }
}

//! One pass from a framed map to a map, cut into tasks.
#![expect(unsafe_code, reason = "tasks write disjoint pixels and channels of one buffer")]

use super::frame::Framed;
use super::kernel::{self, Block, Row};
use crate::conv::after::After;
use crate::memory::{Scratch, Shared, SharedMut};
use crate::simd::Words;
use rayon::prelude::*;
use std::ops::Range;

/// Pixels of a task: eight tiles of the widest path.
const PIXELS: usize = 112;
/// Tasks of a pass, at least, where it has so many panels.
const TASKS: usize = 32;

/// A regular set of pixels: where their patches begin and where their outputs go.
pub(super) struct Places {
    /// Images, rows and columns.
    pub(super) count: [usize; 3],
    /// From one image, row, column to the next, in the framed map (words) and the output.
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
    pub(super) words: Words,
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
    pub(super) unsafe fn run(&self, y: SharedMut, after: &After) {
        let panel = self.words.panel();
        let (panels, pixels) = (self.n.div_ceil(panel), self.places.len());
        let blocks = pixels.div_ceil(PIXELS);
        let share = panels.div_ceil(TASKS.div_ceil(blocks.max(1)).min(panels));
        let groups = panels.div_ceil(share);
        let length = self.taps[1] * self.framed.pixel;
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
                    c: y.get(),
                    columns: [group * share * panel, ((group + 1) * share * panel).min(self.n)],
                    after,
                };
                kernel::run(self.words, block);
            }
        });
    }
}

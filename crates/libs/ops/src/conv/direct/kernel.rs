//! Register tiles whose rows begin anywhere in a framed map.
//!
//! Each output is one chain of multiply-adds over the runs and the words of its patch, whatever
//! the tile it falls into, so cutting the pixels or channels differently does not change a bit.
#![expect(unsafe_code, reason = "register tiles over raw pointers; contracts are stated")]

use crate::conv::after::After;
use crate::simd::{Simd, worded};

/// One output pixel: where its patch begins, and where its outputs go.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Some pixels against some panels of kernels.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) a: *const f32,
    pub(super) rows: &'a [Row],
    /// A patch: how many runs, words of each, and words from one to the next.
    pub(super) runs: usize,
    pub(super) length: usize,
    pub(super) next_run: usize,
    /// The first of the panels.
    pub(super) b: *const f32,
    pub(super) c: *mut f32,
    /// First output channel, and the one behind the last.
    pub(super) columns: [usize; 2],
    pub(super) after: &'a After<'a>,
}

worded! {
    Pairs:
    /// `c[to + o] = after(patch . kernel o)` for the pixels and channels of the block.
    ///
    /// # Safety
    /// The patches lie in `a`, the outputs in `c` and in the residual; `b` has whole panels; nobody
    /// else writes the outputs.
    pub(super) fn run<S>(block: Block) {
        let panel = 2 * S::LANES;
        let [first, end] = block.columns;
        let size = block.runs * block.length * panel;
        for (j, column) in (first..end).step_by(panel).enumerate() {
            let b = block.b.add(j * size);
            let mut rest = block.rows;
            while !rest.is_empty() {
                let (rows, behind) = rest.split_at(height::<S>(rest.len()));
                rows_of::<S>(&block, rows, b, column);
                rest = behind;
            }
        }
    }
}

/// Rows of the next tile: two even tiles beat a full one and a sliver.
#[inline(always)]
fn height<S: Simd>(left: usize) -> usize {
    if left <= S::ROWS {
        left
    } else if left < 2 * S::ROWS {
        left.div_ceil(2)
    } else {
        S::ROWS
    }
}

/// # Safety
/// As `run`.
#[inline(always)]
unsafe fn rows_of<S: Simd>(block: &Block, rows: &[Row], b: *const f32, column: usize) {
    macro_rules! of {
        ($($n:literal)*) => {
            match rows.len() {
                // SAFETY: the caller's promise.
                $($n if $n <= S::ROWS => unsafe { tile::<S, $n>(block, rows, b, column) },)*
                _ => debug_assert!(false, "a tile has at most S::ROWS rows"),
            }
        };
    }
    of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// As `run`.
#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize>(
    block: &Block,
    rows: &[Row],
    b: *const f32,
    column: usize,
) {
    // SAFETY: the caller's promise; a run's end may point outside but is not read.
    unsafe {
        let mut at: [*const f32; ROWS] = std::array::from_fn(|i| block.a.add(rows[i].from));
        let mut sums = [[S::splat(0.0); 2]; ROWS];
        let mut b = b;
        for _ in 0..block.runs {
            for k in 0..block.length {
                let (b0, b1) = (S::load(b), S::load(b.add(S::LANES)));
                for (at, sum) in at.iter().zip(&mut sums) {
                    let x = S::splat(*at.add(k));
                    *sum = [S::fma(x, b0, sum[0]), S::fma(x, b1, sum[1])];
                }
                b = b.add(2 * S::LANES);
            }
            at = at.map(|at| at.wrapping_add(block.next_run));
        }
        for (row, sum) in rows.iter().zip(sums) {
            put::<S>(block, row.to + column, column, sum);
        }
    }
}

/// # Safety
/// As `run`.
#[inline(always)]
unsafe fn put<S: Simd>(block: &Block, place: usize, column: usize, sum: [S::V; 2]) {
    let columns = block.columns[1] - column;
    // SAFETY: the caller's promise; a tile is at most 32 wide.
    unsafe {
        if columns >= 2 * S::LANES {
            for (half, sum) in sum.into_iter().enumerate() {
                let shift = half * S::LANES;
                let value = block.after.vector::<S>(sum, place + shift, column + shift);
                S::store(block.c.add(place + shift), value);
            }
            return;
        }
        let mut values = [0.0; 32];
        S::store(values.as_mut_ptr(), sum[0]);
        S::store(values.as_mut_ptr().add(S::LANES), sum[1]);
        for (lane, value) in values[..columns].iter().enumerate() {
            *block.c.add(place + lane) = block.after.single(*value, place + lane, column + lane);
        }
    }
}

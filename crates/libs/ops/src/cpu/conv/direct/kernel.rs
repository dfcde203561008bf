//! Register tiles whose rows begin anywhere in a framed map.
//!
//! Each output is one chain of multiply-adds over the runs and the words of its patch, whatever
//! the tile it falls into, so cutting the pixels or channels differently does not change a bit.
#![expect(unsafe_code, reason = "register tiles over raw pointers; contracts are stated")]

use crate::cpu::conv::Epilogue;
use crate::cpu::simd::{Simd, multiversion_dtype};

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
    /// The first of the panels, and words from one to the next.
    pub(super) b: *const f32,
    pub(super) next_panel: usize,
    pub(super) c: *mut f32,
    /// Go on from the sums in `c`.
    pub(super) continues: bool,
    /// Write past the caches: `c` and its pixels begin on whole vectors.
    pub(super) streams: bool,
    /// First output channel, and the one behind the last.
    pub(super) columns: [usize; 2],
    pub(super) epilogue: &'a Epilogue<'a>,
}

multiversion_dtype! {
    Bf16Dot:
    /// `c[to + o] = epilogue(patch . kernel o)` for the pixels and channels of the block.
    ///
    /// # Safety
    /// The patches lie in `a`, the outputs in `c` and in the residual; `b` has whole panels; nobody
    /// else writes the outputs.
    pub(super) fn run<S>(block: Block) {
        let panel = 2 * S::LANES;
        let [first, end] = block.columns;
        for (j, column) in (first..end).step_by(panel).enumerate() {
            let b = block.b.add(j * block.next_panel);
            let mut rest = block.rows;
            while !rest.is_empty() {
                let (rows, behind) = rest.split_at(height::<S>(rest.len()));
                // The first panel reads the patches from afar: one run follows the other there.
                let next = behind.first().filter(|_| j == 0 && block.runs == 1);
                let next = next.map_or(block.a, |row| block.a.add(row.from));
                rows_of::<S>(&block, rows, (b, column), next);
                rest = behind;
            }
        }
        if block.streams {
            S::fence();
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
unsafe fn rows_of<S: Simd>(
    block: &Block,
    rows: &[Row],
    panel: (*const f32, usize),
    next: *const f32,
) {
    macro_rules! of {
        ($($n:literal)*) => {
            match rows.len() {
                // SAFETY: the caller's promise.
                $($n if $n <= S::ROWS => unsafe { tile::<S, $n>(block, rows, panel, next) },)*
                _ => unreachable!("a tile has at most S::ROWS rows"),
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
    (b, column): (*const f32, usize),
    next: *const f32,
) {
    // SAFETY: the caller's promise; a run's end may point outside but is not read.
    unsafe {
        let mut at: [*const f32; ROWS] = std::array::from_fn(|i| block.a.add(rows[i].from));
        let mut sums = [[S::splat(0.0); 2]; ROWS];
        if block.continues {
            for (row, sum) in rows.iter().zip(&mut sums) {
                *sum = get::<S>(block, row.to + column, column);
            }
        }
        let mut b = b;
        for _ in 0..block.runs {
            for k in 0..block.length {
                let (b0, b1) = (S::load(b), S::load(b.add(S::LANES)));
                S::prefetch(next.wrapping_add(k * 16));
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

/// The sums so far.
///
/// # Safety
/// As `run`.
#[inline(always)]
unsafe fn get<S: Simd>(block: &Block, place: usize, column: usize) -> [S::V; 2] {
    let columns = block.columns[1] - column;
    // SAFETY: the caller's promise; a tile is at most 32 wide.
    unsafe {
        let from = block.c.add(place);
        if columns >= 2 * S::LANES {
            return [S::load(from), S::load(from.add(S::LANES))];
        }
        let mut values = [0.0; 32];
        std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), columns);
        [S::load(values.as_ptr()), S::load(values.as_ptr().add(S::LANES))]
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
                let value = block.epilogue.apply_vector::<S>(sum, place + shift, column + shift);
                let to = block.c.add(place + shift);
                if block.streams { S::stream(to, value) } else { S::store(to, value) }
            }
            return;
        }
        let mut values = [0.0; 32];
        S::store(values.as_mut_ptr(), sum[0]);
        S::store(values.as_mut_ptr().add(S::LANES), sum[1]);
        for (lane, value) in values[..columns].iter().enumerate() {
            *block.c.add(place + lane) =
                block.epilogue.apply_scalar(*value, place + lane, column + lane);
        }
    }
}

//! Matrix product on register tiles: `C (+)= A B` with any strides of A and packed panels of B.
//!
//! B is packed in panels of `SimdLevel::panel_width()` columns, each row of a panel contiguous and readable over
//! the whole panel width even where the matrix ends earlier (the surplus is computed and dropped).
//! Each element of C is one chain of fused multiply-adds over `k` in blocks of [`DEPTH`], whatever
//! the tile it falls into, so partitioning the rows or columns of C differently changes no bit.
#![expect(unsafe_code, reason = "register tiles over raw pointers; contracts are stated")]

use crate::cpu::simd::{Simd, match_tile_height, multiversion, multiversion_dtype};

/// Values of `k` per block: a panel's block stays in the first-level cache.
pub(crate) const DEPTH: usize = 256;
/// The widest panel of any SIMD level.
const MAX_PANEL: usize = 32;

/// One product; all strides in values.
#[derive(Clone, Copy)]
pub(crate) struct Gemm {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: *const f32,
    pub(crate) a_row: usize,
    pub(crate) a_col: usize,
    pub(crate) b: *const f32,
    /// From one panel of B to the next.
    pub(crate) b_panel: usize,
    pub(crate) b_row: usize,
    pub(crate) c: *mut f32,
    pub(crate) c_row: usize,
    /// Add to C instead of overwriting it.
    pub(crate) accumulate: bool,
}

multiversion! {
    /// Runs a product of `f32`.
    ///
    /// # Safety
    /// `a` and `c` are valid over the strides and sizes given, `b` over whole panels, and
    /// nothing else accesses C meanwhile.
    pub(crate) fn gemm<S>(g: Gemm) {
        multiply::<S>(g);
    }
}

multiversion_dtype! {
    Bf16Dot:
    /// Runs a product of `f32` or of bf16 pairs; `k` and the strides count 32-bit words.
    ///
    /// # Safety
    /// As `gemm`.
    pub(crate) fn gemm_with_dtype<S>(g: Gemm) {
        multiply::<S>(g);
    }
}

/// # Safety
/// As `gemm`.
#[inline(always)]
unsafe fn multiply<S: Simd>(g: Gemm) {
    if g.k == 0 {
        return;
    }
    let panel = 2 * S::LANES;
    for k0 in (0..g.k).step_by(DEPTH) {
        for j in 0..g.n.div_ceil(panel) {
            // SAFETY: the blocks lie in the matrices.
            unsafe {
                let block = Tile {
                    k: DEPTH.min(g.k - k0),
                    a: g.a.add(k0 * g.a_col),
                    b: g.b.add(j * g.b_panel + k0 * g.b_row),
                    c: g.c.add(j * panel),
                    columns: panel.min(g.n - j * panel),
                    accumulate: g.accumulate || k0 > 0,
                    gemm: &g,
                };
                multiply_panel::<S>(block);
            }
        }
    }
}

/// A block of rows against one panel and one block of `k`.
#[derive(Clone, Copy)]
struct Tile<'a> {
    k: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    columns: usize,
    accumulate: bool,
    gemm: &'a Gemm,
}

/// # Safety
/// As `gemm`.
#[inline(always)]
unsafe fn multiply_panel<S: Simd>(block: Tile) {
    let mut row = 0;
    while row < block.gemm.m {
        let rows = S::tile_height(block.gemm.m - row);
        // SAFETY: the rows lie in A and C.
        unsafe {
            let tile = Tile {
                a: block.a.add(row * block.gemm.a_row),
                c: block.c.add(row * block.gemm.c_row),
                ..block
            };
            match_tile_height!(S, rows, |ROWS| multiply_tile::<S, ROWS>(tile));
        }
        row += rows;
    }
}

/// # Safety
/// As `gemm`.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const ROWS: usize>(tile: Tile) {
    // SAFETY: the caller's promise covers A, B and the columns of C that are written.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; ROWS];
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.k {
            let (b0, b1) = (S::load(b), S::load(b.add(S::LANES)));
            for (i, sum) in sums.iter_mut().enumerate() {
                let x = S::splat(*a.add(i * tile.gemm.a_row));
                *sum = [S::fma(x, b0, sum[0]), S::fma(x, b1, sum[1])];
            }
            a = a.add(tile.gemm.a_col);
            b = b.add(tile.gemm.b_row);
        }
        if tile.columns == 2 * S::LANES {
            for (i, sum) in sums.iter().enumerate() {
                let c = tile.c.add(i * tile.gemm.c_row);
                store_vector::<S>(c, sum[0], tile.accumulate);
                store_vector::<S>(c.add(S::LANES), sum[1], tile.accumulate);
            }
        } else {
            store_partial::<S, ROWS>(tile, sums);
        }
    }
}

/// # Safety
/// `c` is valid for a vector.
#[inline(always)]
unsafe fn store_vector<S: Simd>(c: *mut f32, sum: S::V, accumulate: bool) {
    // SAFETY: the caller's promise.
    unsafe { S::store(c, if accumulate { S::add(S::load(c), sum) } else { sum }) }
}

/// Stores a tile that is wider than the columns left of C.
///
/// # Safety
/// As `gemm`.
#[inline(always)]
unsafe fn store_partial<S: Simd, const ROWS: usize>(tile: Tile, sums: [[S::V; 2]; ROWS]) {
    let mut values = [0.0; MAX_PANEL];
    for (i, sum) in sums.iter().enumerate() {
        // SAFETY: a tile is at most `MAX_PANEL` wide, and only `columns` values of C are touched.
        unsafe {
            S::store(values.as_mut_ptr(), sum[0]);
            S::store(values.as_mut_ptr().add(S::LANES), sum[1]);
            let c = std::slice::from_raw_parts_mut(tile.c.add(i * tile.gemm.c_row), tile.columns);
            for (c, value) in c.iter_mut().zip(values) {
                *c = if tile.accumulate { *c + value } else { value };
            }
        }
    }
}

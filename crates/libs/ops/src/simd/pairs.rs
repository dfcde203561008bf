//! 512-bit vectors where bf16 is wanted.
#![expect(unsafe_code, reason = "vector instructions that only some processors have")]

use super::{Avx512, Simd};
use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, _mm512_castsi512_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_slli_epi32,
};
use std::mem::transmute;

/// AVX-512 where a multiply-add takes two products of bf16, summed in `f32`.
///
/// Factors are words of two bf16; sums, and what is added or stored, are plain `f32`.
#[derive(Clone, Copy)]
pub(crate) struct Pairs;

/// AVX-512 in `f32` on operands rounded to bf16.
#[derive(Clone, Copy)]
pub(crate) struct Rounding;

/// All of AVX-512's methods but the multiply-add and the reading of operands.
macro_rules! as_avx512 {
    ($operand:expr, $fma:expr) => {
        type V = __m512;
        const LANES: usize = Avx512::LANES;
        const ROWS: usize = Avx512::ROWS;
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { Avx512::splat(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { Avx512::load(from) }
        }
        #[inline(always)]
        unsafe fn operand(from: *const f32) -> __m512 {
            unsafe { $operand(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: __m512) {
            unsafe { Avx512::store(to, value) }
        }
        #[inline(always)]
        unsafe fn stream(to: *mut f32, value: __m512) {
            unsafe { Avx512::stream(to, value) }
        }
        #[inline(always)]
        unsafe fn fence() {
            unsafe { Avx512::fence() }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const f32) {
            unsafe { Avx512::prefetch(from) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { Avx512::add(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { Avx512::sub(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { Avx512::mul(a, b) }
        }
        #[inline(always)]
        unsafe fn rectify(value: __m512) -> __m512 {
            unsafe { Avx512::rectify(value) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { $fma(a, b, c) }
        }
    };
}

/// # Safety
/// The processor has `avx512bf16`.
#[inline(always)]
unsafe fn add_products(a: __m512, b: __m512, c: __m512) -> __m512 {
    // SAFETY: both types are 512 bits of plain data; the rest is the caller's promise.
    unsafe {
        let (a, b) = (transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b));
        _mm512_dpbf16_ps(c, a, b)
    }
}

/// # Safety
/// The processor has `avx512bf16`; `from` is valid for 16 values.
#[inline(always)]
unsafe fn rounded(from: *const f32) -> __m512 {
    // SAFETY: 16 bf16 are 256 bits of plain data; the rest is the caller's promise.
    unsafe {
        let halves = transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(Avx512::load(from)));
        _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))
    }
}

// SAFETY (all methods): the trait's contract says that the instructions are there and that
// pointers are valid for `LANES` words.
impl Simd for Pairs {
    as_avx512!(Avx512::load, add_products);
}

// SAFETY (all methods): as above.
impl Simd for Rounding {
    as_avx512!(rounded, Avx512::fma);
}

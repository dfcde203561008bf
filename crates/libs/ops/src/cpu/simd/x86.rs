//! AVX2 with FMA (8 lanes), AVX-512 (16 lanes), and AVX-512 with bf16 products.
#![expect(unsafe_code, reason = "vector instructions that only some CPUs have")]

use super::Simd;
use std::arch::x86_64::{
    __m256, __m256bh, __m256i, __m512, __m512bh, _MM_HINT_T1, _mm_prefetch, _mm_sfence,
    _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_storeu_ps, _mm256_stream_ps, _mm256_sub_ps, _mm512_add_ps,
    _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_cvtneps_pbh, _mm512_dpbf16_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_stream_ps, _mm512_sub_ps,
};
use std::mem::transmute;

/// A type that implements [`Simd`] by the intrinsics of one vector width.
macro_rules! simd_type {
    (
        $(#[$meta:meta])* $name:ident: $vector:ident, lanes $lanes:literal, rows $rows:literal,
        $set1:ident, $setzero:ident, $loadu:ident, $storeu:ident, $stream:ident,
        $add:ident, $sub:ident, $mul:ident, $max:ident,
        operand $operand:ident, fma $fma:ident
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        // SAFETY (all methods): the trait's contract says that the instructions are there and that
        // pointers are valid for `LANES` values.
        impl Simd for $name {
            type V = $vector;
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;
            #[inline(always)]
            unsafe fn splat(value: f32) -> $vector {
                unsafe { $set1(value) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> $vector {
                unsafe { $loadu(from) }
            }
            #[inline(always)]
            unsafe fn operand(from: *const f32) -> $vector {
                unsafe { $operand(from) }
            }
            #[inline(always)]
            unsafe fn store(to: *mut f32, value: $vector) {
                unsafe { $storeu(to, value) }
            }
            #[inline(always)]
            unsafe fn stream(to: *mut f32, value: $vector) {
                unsafe { $stream(to, value) }
            }
            #[inline(always)]
            unsafe fn fence() {
                unsafe { _mm_sfence() }
            }
            #[inline(always)]
            unsafe fn prefetch(from: *const f32) {
                unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
            }
            #[inline(always)]
            unsafe fn add(a: $vector, b: $vector) -> $vector {
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            unsafe fn sub(a: $vector, b: $vector) -> $vector {
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            unsafe fn mul(a: $vector, b: $vector) -> $vector {
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            unsafe fn relu(value: $vector) -> $vector {
                // `max` returns the second operand if one is NaN and if both are zeros.
                unsafe { $max($setzero(), value) }
            }
            #[inline(always)]
            unsafe fn fma(a: $vector, b: $vector, c: $vector) -> $vector {
                unsafe { $fma(a, b, c) }
            }
        }
    };
}

/// A type of 512-bit vectors with its own operands and multiply-add.
macro_rules! simd_512 {
    ($(#[$meta:meta])* $name:ident, operand $operand:ident, fma $fma:ident) => {
        simd_type! {
            $(#[$meta])* $name: __m512, lanes 16, rows 14,
            _mm512_set1_ps, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps,
            _mm512_stream_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_max_ps,
            operand $operand, fma $fma
        }
    };
}

simd_type! {
    /// AVX2 with FMA.
    Avx2: __m256, lanes 8, rows 6,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps,
    _mm256_stream_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_max_ps,
    operand _mm256_loadu_ps, fma _mm256_fmadd_ps
}

simd_512! {
    /// AVX-512.
    Avx512, operand _mm512_loadu_ps, fma _mm512_fmadd_ps
}

simd_512! {
    /// AVX-512 whose multiply-add is the dot product of bf16 pairs, summed in `f32`.
    ///
    /// Factors are words of two bf16; sums and stored values are `f32`.
    Bf16Dot, operand _mm512_loadu_ps, fma dot_bf16
}

simd_512! {
    /// AVX-512 in `f32` on operands rounded to bf16 as they are loaded.
    Bf16Round, operand load_rounded, fma _mm512_fmadd_ps
}

/// # Safety
/// The CPU has `avx512bf16`.
#[inline(always)]
unsafe fn dot_bf16(a: __m512, b: __m512, c: __m512) -> __m512 {
    // SAFETY: both types are 512 bits of plain data; the rest is the caller's promise.
    unsafe {
        let (a, b) = (transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b));
        _mm512_dpbf16_ps(c, a, b)
    }
}

/// # Safety
/// The CPU has `avx512bf16`; `from` is valid for 16 values.
#[inline(always)]
unsafe fn load_rounded(from: *const f32) -> __m512 {
    // SAFETY: 16 bf16 are 256 bits of plain data; the rest is the caller's promise.
    unsafe {
        let halves = transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(from)));
        _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))
    }
}

//! 512-bit vectors of 16 values.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions that only some processors have")
)]

use super::Simd;

/// The AVX-512 path.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Avx512, Simd};
    use std::arch::x86_64::{
        __m512, _MM_HINT_T1, _mm_prefetch, _mm_sfence, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps,
        _mm512_storeu_ps, _mm512_stream_ps, _mm512_sub_ps,
    };

    // SAFETY (all methods): the trait's contract says that the instructions are there and that
    // pointers are valid for `LANES` values.
    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const ROWS: usize = 14;
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: __m512) {
            unsafe { _mm512_storeu_ps(to, value) }
        }
        #[inline(always)]
        unsafe fn stream(to: *mut f32, value: __m512) {
            unsafe { _mm512_stream_ps(to, value) }
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
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn rectify(value: __m512) -> __m512 {
            // The second operand comes back where one is NaN, and where both are zeros.
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), value) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Avx512 {
    pub(crate) const LANES: usize = 16;
}

//! 256-bit vectors of 8 values.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions that only some processors have")
)]

use super::Simd;

/// The AVX2 path with fused multiply-add.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Avx2, Simd};
    use std::arch::x86_64::{
        __m256, _MM_HINT_T1, _mm_prefetch, _mm_sfence, _mm256_add_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_storeu_ps, _mm256_stream_ps, _mm256_sub_ps,
    };

    // SAFETY (all methods): the trait's contract says that the instructions are there and that
    // pointers are valid for `LANES` values.
    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const ROWS: usize = 6;
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: __m256) {
            unsafe { _mm256_storeu_ps(to, value) }
        }
        #[inline(always)]
        unsafe fn stream(to: *mut f32, value: __m256) {
            unsafe { _mm256_stream_ps(to, value) }
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
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn rectify(value: __m256) -> __m256 {
            // The second operand comes back where one is NaN, and where both are zeros.
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), value) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Avx2 {
    pub(crate) const LANES: usize = 8;
}

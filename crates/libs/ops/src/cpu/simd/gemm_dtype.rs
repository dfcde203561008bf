//! Operand types of matrix products: `f32`, or bf16 packed in pairs.
//!
//! Kernels work on 32-bit words: one `f32`, or two neighbouring bf16 along `k`. `vdpbf16ps`
//! multiplies two pairs and adds both products to an `f32`, so that one kernel serves both types:
//! with bf16 it takes half as many steps of `k`, and the multiply-add is another instruction.

use super::SimdLevel;

/// The operand type of a matrix product, and the SIMD level that it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GemmDtype {
    pub(crate) level: SimdLevel,
    /// Set only by [`GemmDtype::bf16`], which checks that the CPU has the instructions.
    is_bf16: bool,
}

impl GemmDtype {
    pub(crate) fn f32(level: SimdLevel) -> Self {
        Self { level, is_bf16: false }
    }

    /// bf16, if the CPU has its dot product and the level is AVX-512.
    pub(crate) fn bf16(level: SimdLevel) -> Option<Self> {
        (level == SimdLevel::Avx512 && has_bf16()).then_some(Self { level, is_bf16: true })
    }

    pub(crate) fn is_bf16(self) -> bool {
        self.is_bf16
    }

    /// Values in a 32-bit word.
    pub(crate) fn values_per_word(self) -> usize {
        if self.is_bf16 { 2 } else { 1 }
    }

    /// Columns of a GEMM tile.
    pub(crate) fn panel_width(self) -> usize {
        self.level.panel_width()
    }
}

#[cfg(target_arch = "x86_64")]
fn has_bf16() -> bool {
    is_x86_feature_detected!("avx512bf16")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_bf16() -> bool {
    false
}

/// The 16 bits of a value rounded to the nearest bf16, to even between two; NaN stays NaN.
#[inline(always)]
pub(crate) fn bf16_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let kept = if value.is_nan() { bits | 0x0040_0000 } else { rounded };
    (kept >> 16) as u16
}

/// Two values as bf16 in one word.
#[inline(always)]
pub(crate) fn bf16_pair(low: f32, high: f32) -> f32 {
    f32::from_bits(u32::from(bf16_bits(low)) | (u32::from(bf16_bits(high)) << 16))
}

/// Values rounded to bf16.
pub(crate) fn round_to_bf16(level: SimdLevel, values: &[f32]) -> Vec<f32> {
    use rayon::prelude::*;
    let mut rounded = crate::cpu::buffers::zeros(values.len());
    let chunks = rounded.par_chunks_mut(1 << 14).zip(values.par_chunks(1 << 14));
    chunks.for_each(|(to, from)| round_all(level, to, from));
    rounded
}

super::multiversion_loops! {
    fn round_all(to: &mut [f32], from: &[f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(bf16_bits(*from)) << 16);
        }
    }
}

/// Compiles `fn NAME<S>(arguments)` for `f32` on every SIMD level and for bf16 (by the [`Simd`] named
/// first: [`Bf16Dot`], or [`Bf16Round`], which rounds each operand), and selects one by its first
/// argument, a [`GemmDtype`].
///
/// [`Simd`]: super::Simd
/// [`Bf16Dot`]: super::Bf16Dot
/// [`Bf16Round`]: super::Bf16Round
macro_rules! multiversion_dtype {
    ($bf16:ident: $(#[$meta:meta])* $vis:vis fn $name:ident<$s:ident>($($arg:ident : $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name(dtype: $crate::cpu::simd::GemmDtype, $($arg: $ty),*) {
            #[inline(always)]
            unsafe fn kernel<$s: $crate::cpu::simd::Simd>($($arg: $ty),*) {
                // SAFETY: the caller keeps the contract of the kernel's documentation.
                unsafe { $body }
            }
            $crate::cpu::simd::multiversion! {
                fn f32_kernel<S>($($arg: $ty),*) { kernel::<S>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16,avx2,fma")]
            unsafe fn bf16_kernel($($arg: $ty),*) {
                // SAFETY: as above; the instructions are enabled here.
                unsafe { kernel::<$crate::cpu::simd::$bf16>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            if dtype.is_bf16() {
                // SAFETY: the type is bf16 only where the CPU has the instructions.
                return unsafe { bf16_kernel($($arg),*) };
            }
            // SAFETY: the caller keeps the contract.
            unsafe { f32_kernel(dtype.level, $($arg),*) }
        }
    };
}
pub(crate) use multiversion_dtype;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_bf16_is_that_of_the_half_crate() {
        for bits in (0..=u32::MAX).step_by(9973) {
            let value = f32::from_bits(bits);
            let expected = half::bf16::from_f32(value);
            let got = half::bf16::from_bits(bf16_bits(value));
            let equal = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
            assert!(equal, "{value:e}: {got} for {expected}");
        }
        for ties in [1.0 + 1.0 / 256.0, 1.0 + 3.0_f32 / 256.0, f32::MAX, f32::INFINITY, -0.0] {
            assert_eq!(bf16_bits(ties), half::bf16::from_f32(ties).to_bits());
        }
    }
}

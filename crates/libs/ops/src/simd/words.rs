//! Words that products are made of: an `f32`, or two bf16 side by side in its 32 bits.
//!
//! `vdpbf16ps` multiplies two pairs and adds both products to an `f32`. To a register tile a pair
//! is a word like any other, so that one kernel serves both: only half as many steps of `k` are
//! taken, and the multiply-add is another instruction.

use super::Level;

/// What a product is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) level: Level,
    /// Pairs of bf16 in place of single `f32`; only [`Words::pairs`] makes them.
    is_pairs: bool,
}

impl Words {
    pub(crate) fn single(level: Level) -> Self {
        Self { level, is_pairs: false }
    }

    /// Pairs, where the processor multiplies them and no other path is pinned.
    pub(crate) fn pairs(level: Level) -> Option<Self> {
        (level == Level::Avx512 && has_bf16()).then_some(Self { level, is_pairs: true })
    }

    pub(crate) fn is_pairs(self) -> bool {
        self.is_pairs
    }

    /// Values in a word.
    pub(crate) fn values(self) -> usize {
        if self.is_pairs { 2 } else { 1 }
    }

    /// Columns of a GEMM tile.
    pub(crate) fn panel(self) -> usize {
        self.level.panel()
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
pub(crate) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let kept = if value.is_nan() { bits | 0x0040_0000 } else { rounded };
    (kept >> 16) as u16
}

/// A word of two values.
#[inline(always)]
pub(crate) fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(u32::from(bf16(low)) | (u32::from(bf16(high)) << 16))
}

/// Values rounded to bf16.
pub(crate) fn rounded_to_bf16(level: Level, values: &[f32]) -> Vec<f32> {
    use rayon::prelude::*;
    let mut rounded = crate::memory::zeros(values.len());
    let chunks = rounded.par_chunks_mut(1 << 14).zip(values.par_chunks(1 << 14));
    chunks.for_each(|(to, from)| round_all(level, to, from));
    rounded
}

super::vectorized_loops! {
    fn round_all(to: &mut [f32], from: &[f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(bf16(*from)) << 16);
        }
    }
}

/// Compiles `fn NAME<S>(arguments)` for single words on every path and for bf16 (by the path named
/// first: `Pairs` of operands, or `Rounding` of each), and picks one by its first argument, the
/// [`Words`].
macro_rules! worded {
    ($bf16:ident: $(#[$meta:meta])* $vis:vis fn $name:ident<$s:ident>($($arg:ident : $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name(words: $crate::simd::Words, $($arg: $ty),*) {
            #[inline(always)]
            unsafe fn kernel<$s: $crate::simd::Simd>($($arg: $ty),*) {
                // SAFETY: the caller keeps the contract of the kernel's documentation.
                unsafe { $body }
            }
            $crate::simd::vectorized! {
                fn single<S>($($arg: $ty),*) { kernel::<S>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16,avx2,fma")]
            unsafe fn pairs($($arg: $ty),*) {
                // SAFETY: as above; the instructions are enabled here.
                unsafe { kernel::<$crate::simd::$bf16>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            if words.is_pairs() {
                // SAFETY: pairs exist only where the processor has the instructions.
                return unsafe { pairs($($arg),*) };
            }
            // SAFETY: the caller keeps the contract.
            unsafe { single(words.level, $($arg),*) }
        }
    };
}
pub(crate) use worded;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_bf16_is_that_of_the_half_crate() {
        for bits in (0..=u32::MAX).step_by(9973) {
            let value = f32::from_bits(bits);
            let expected = half::bf16::from_f32(value);
            let got = half::bf16::from_bits(bf16(value));
            let equal = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
            assert!(equal, "{value:e}: {got} for {expected}");
        }
        for ties in [1.0 + 1.0 / 256.0, 1.0 + 3.0_f32 / 256.0, f32::MAX, f32::INFINITY, -0.0] {
            assert_eq!(bf16(ties), half::bf16::from_f32(ties).to_bits());
        }
    }
}

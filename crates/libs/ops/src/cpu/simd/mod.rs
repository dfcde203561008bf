//! SIMD levels, their selection at run time, and the vector operations of the kernels.
//!
//! A kernel is written once, generic over [`Simd`], and `multiversion!` compiles it three times:
//! for AVX-512, for AVX2 with FMA, and portably for the target's baseline. The level is selected
//! once, from the CPU and `HPA_SIMD`, and passed through an operation as a [`SimdLevel`].

mod gemm_dtype;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use gemm_dtype::{GemmDtype, bf16_bits, bf16_pair, multiversion_dtype, round_to_bf16};
pub(crate) use portable::Portable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Bf16Dot, Bf16Round};

/// Instructions that this CPU has; made only by [`level`] and [`pin_simd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SimdLevel {
    /// 512-bit vectors.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// Plain Rust.
    Portable,
}

impl SimdLevel {
    const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Columns of a GEMM tile: two vectors.
    pub(crate) fn panel_width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 2 * Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 2 * Avx2::LANES,
            _ => 2 * Portable::LANES,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        match self {
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
            }
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        self == Self::Portable
    }

    fn parse(name: &str) -> Result<Self, SimdError> {
        let level = Self::ALL
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or_else(|| SimdError::Unknown { name: name.to_owned() })?;
        if level.is_available() {
            Ok(level)
        } else {
            Err(SimdError::Unavailable { name: level.name() })
        }
    }
}

/// A SIMD path that does not exist or cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimdError {
    /// The name is none of `avx512`, `avx2` and `portable`.
    #[error(
        "{name:?} is not a SIMD path: HPA_SIMD takes avx512, avx2 or portable, or leave it unset"
    )]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The CPU lacks the instructions.
    #[error(
        "this CPU cannot run the SIMD path {name}: set HPA_SIMD to a lower one, or leave it unset"
    )]
    Unavailable {
        /// The name that was given.
        name: &'static str,
    },
}

/// 0: none pinned; otherwise 1 + the index in `SimdLevel::ALL`.
static PINNED: AtomicU8 = AtomicU8::new(0);

/// The level that operations run on, selected by the CPU and `HPA_SIMD` at the first call.
pub(crate) fn level() -> Result<SimdLevel, SimdError> {
    static SELECTED: OnceLock<Result<SimdLevel, SimdError>> = OnceLock::new();
    let pinned = usize::from(PINNED.load(Ordering::Relaxed));
    if pinned > 0 {
        return Ok(SimdLevel::ALL[pinned - 1]);
    }
    SELECTED.get_or_init(select).clone()
}

fn select() -> Result<SimdLevel, SimdError> {
    match std::env::var_os("HPA_SIMD") {
        Some(name) if !name.is_empty() => SimdLevel::parse(&name.to_string_lossy()),
        _ => {
            Ok(SimdLevel::ALL.into_iter().find(|l| l.is_available()).unwrap_or(SimdLevel::Portable))
        }
    }
}

/// [`level`] with candle's error type, for use inside operations.
pub(crate) fn current() -> candle_core::Result<SimdLevel> {
    level().map_err(candle_core::Error::wrap)
}

/// The name of the path in use: `avx512`, `avx2` or `portable`.
///
/// # Errors
/// When `HPA_SIMD` names no path, or one that this CPU cannot run. Operations fail with the
/// same error: there is no silent fallback.
pub fn select_simd() -> Result<&'static str, SimdError> {
    level().map(SimdLevel::name)
}

/// The name of the path in use, or `none` where [`select_simd`] would give an error.
#[must_use]
pub fn simd_path() -> &'static str {
    select_simd().unwrap_or("none")
}

/// Pins the path by name from here on, overriding `HPA_SIMD`.
///
/// # Errors
/// When `name` names no path, or one that this CPU cannot run.
pub fn pin_simd(name: &str) -> Result<(), SimdError> {
    let level = SimdLevel::parse(name)?;
    let index = SimdLevel::ALL.iter().position(|l| *l == level).unwrap_or(0);
    PINNED.store(u8::try_from(index + 1).unwrap_or(0), Ordering::Relaxed);
    Ok(())
}

/// The vector operations of the kernels.
///
/// # Safety
/// The methods may be called only where the CPU has the level's instructions: inside a
/// `multiversion!` kernel run for a [`SimdLevel`]. Pointers must be valid for `LANES` values.
#[expect(unsafe_code, reason = "vector instructions and raw pointers")]
pub(crate) trait Simd: Copy {
    /// A vector of `LANES` values.
    type V: Copy;
    /// Values in a vector.
    const LANES: usize;
    /// Rows of a GEMM tile whose accumulators all fit into registers; at most 14.
    const ROWS: usize;
    /// Height of the next tile of `left` rows: two tiles of equal height are faster than a full one
    /// and a low one.
    #[inline(always)]
    fn tile_height(left: usize) -> usize {
        if left <= Self::ROWS {
            left
        } else if left < 2 * Self::ROWS {
            left.div_ceil(2)
        } else {
            Self::ROWS
        }
    }
    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    /// Loads an operand of a product, rounded to bf16 by [`Bf16Round`].
    #[inline(always)]
    unsafe fn operand(from: *const f32) -> Self::V {
        // SAFETY: the trait's contract.
        unsafe { Self::load(from) }
    }
    unsafe fn store(to: *mut f32, value: Self::V);
    /// Non-temporal store to an address that is a multiple of the vector's size; visible to other
    /// threads after [`Simd::fence`].
    #[inline(always)]
    unsafe fn stream(to: *mut f32, value: Self::V) {
        // SAFETY: the trait's contract.
        unsafe { Self::store(to, value) }
    }
    /// Orders earlier non-temporal stores before later stores.
    #[inline(always)]
    unsafe fn fence() {}
    /// Prefetches the cache line at an address, which need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_from: *const f32) {}
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `max(value, 0)`, and NaN for NaN.
    unsafe fn relu(value: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the level has the instruction.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
}

/// Compiles `fn NAME<S>(arguments)` once per level and selects one by its first argument, a
/// [`SimdLevel`].
///
/// The body is unsafe code: it may use `S`, and its contract is that of the function's doc comment.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$s:ident>($($arg:ident : $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name(level: $crate::cpu::simd::SimdLevel, $($arg: $ty),*) {
            #[inline(always)]
            unsafe fn generic<$s: $crate::cpu::simd::Simd>($($arg: $ty),*) {
                // SAFETY: the caller keeps the contract of the kernel's documentation.
                unsafe { $body }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: as above; the instructions are enabled here.
                unsafe { generic::<$crate::cpu::simd::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: as above; the instructions are enabled here.
                unsafe { generic::<$crate::cpu::simd::Avx2>($($arg),*) }
            }
            // SAFETY: a level exists only where the CPU has its instructions.
            unsafe {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    $crate::cpu::simd::SimdLevel::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::cpu::simd::SimdLevel::Avx2 => avx2($($arg),*),
                    _ => generic::<$crate::cpu::simd::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use multiversion;

/// Evaluates an expression for a tile of `$height` rows, at most `$s::ROWS`, as the constant `$rows`.
macro_rules! match_tile_height {
    ($s:ident, $height:expr, |$rows:ident| $body:expr) => {
        $crate::cpu::simd::match_tile_height!(
            $s, $height, $rows, $body, 1 2 3 4 5 6 7 8 9 10 11 12 13 14
        )
    };
    ($s:ident, $height:expr, $rows:ident, $body:expr, $($value:literal)*) => {
        match $height {
            $($value if $value <= $s::ROWS => {
                const $rows: usize = $value;
                $body
            })*
            _ => unreachable!("a tile has at most ROWS rows"),
        }
    };
}
pub(crate) use match_tile_height;

/// Compiles a safe function of plain loops once per level, so that the compiler may use the wider
/// vectors; the results do not depend on the level because nothing is fused or reordered.
macro_rules! multiversion_loops {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[expect(unsafe_code, reason = "calls code for instructions that the CPU has at this level")]
        $vis fn $name(level: $crate::cpu::simd::SimdLevel, $($arg: $ty),*) {
            #[inline(always)]
            fn generic($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,fma")]
            fn avx512($($arg: $ty),*) {
                generic($($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) {
                generic($($arg),*);
            }
            match level {
                // SAFETY: a level exists only where the CPU has its instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::cpu::simd::SimdLevel::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::cpu::simd::SimdLevel::Avx2 => unsafe { avx2($($arg),*) },
                _ => generic($($arg),*),
            }
        }
    };
}
pub(crate) use multiversion_loops;

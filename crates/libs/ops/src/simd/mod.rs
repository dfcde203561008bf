//! Which vector instructions the kernels use, and the few operations they need from them.
//!
//! A kernel is written once, generic over [`Simd`], and `vectorized!` compiles it three times:
//! for AVX-512, for AVX2 with FMA, and for whatever the target has at least (portable). The path is
//! chosen once, from the processor and `HPA_SIMD`, and travels through an operation as a [`Level`].

mod avx2;
mod avx512;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod portable;
mod words;

pub(crate) use avx2::Avx2;
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) use pairs::{Pairs, Rounding};
pub(crate) use portable::Portable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
pub(crate) use words::{Words, bf16, pair, rounded_to_bf16, worded};

/// A path that this processor can run; only [`level`] and [`pin_simd`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// 512-bit vectors.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// Plain Rust.
    Portable,
}

impl Level {
    const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Columns of a GEMM tile: two vectors.
    pub(crate) fn panel(self) -> usize {
        match self {
            Self::Avx512 => 2 * Avx512::LANES,
            Self::Avx2 => 2 * Avx2::LANES,
            Self::Portable => 2 * Portable::LANES,
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

/// Why a SIMD path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimdError {
    /// The name is none of the three.
    #[error(
        "{name:?} is not a SIMD path: HPA_SIMD takes avx512, avx2 or portable, or leave it unset"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The processor lacks the instructions.
    #[error(
        "this processor cannot run the SIMD path {name}: set HPA_SIMD to a lower one, or leave it unset"
    )]
    Unavailable {
        /// What was asked for.
        name: &'static str,
    },
}

/// 0: nothing pinned; otherwise 1 + the index in `Level::ALL`.
static PINNED: AtomicU8 = AtomicU8::new(0);

/// The path that operations run on, decided by the processor and `HPA_SIMD` at the first call.
pub(crate) fn level() -> Result<Level, SimdError> {
    static CHOSEN: OnceLock<Result<Level, SimdError>> = OnceLock::new();
    let pinned = usize::from(PINNED.load(Ordering::Relaxed));
    if pinned > 0 {
        return Ok(Level::ALL[pinned - 1]);
    }
    CHOSEN.get_or_init(choose).clone()
}

fn choose() -> Result<Level, SimdError> {
    match std::env::var_os("HPA_SIMD") {
        Some(name) if !name.is_empty() => Level::parse(&name.to_string_lossy()),
        _ => Ok(Level::ALL.into_iter().find(|l| l.is_available()).unwrap_or(Level::Portable)),
    }
}

/// [`level`] with candle's error type, for use inside operations.
pub(crate) fn current() -> candle_core::Result<Level> {
    level().map_err(candle_core::Error::wrap)
}

/// The name of the path in use: `avx512`, `avx2` or `portable`.
///
/// # Errors
/// When `HPA_SIMD` names no path, or one that this processor cannot run. Operations fail with the
/// same error: nothing falls back silently.
pub fn select_simd() -> Result<&'static str, SimdError> {
    level().map(Level::name)
}

/// The name of the path in use, or `none` where [`select_simd`] would give an error.
#[must_use]
pub fn simd_path() -> &'static str {
    select_simd().unwrap_or("none")
}

/// Pins the path by name from here on, above `HPA_SIMD`.
///
/// # Errors
/// When `name` names no path, or one that this processor cannot run.
pub fn pin_simd(name: &str) -> Result<(), SimdError> {
    let level = Level::parse(name)?;
    let index = Level::ALL.iter().position(|l| *l == level).unwrap_or(0);
    PINNED.store(u8::try_from(index + 1).unwrap_or(0), Ordering::Relaxed);
    Ok(())
}

/// The vector operations that kernels are written in.
///
/// # Safety
/// The methods may be called only where the processor has the path's instructions: inside a
/// `vectorized!` kernel run for a [`Level`]. Pointers must be valid for `LANES` values.
#[expect(unsafe_code, reason = "vector instructions and raw pointers")]
pub(crate) trait Simd: Copy {
    /// A vector of `LANES` values.
    type V: Copy;
    /// Values in a vector.
    const LANES: usize;
    /// Rows of a GEMM tile that leave no accumulator in memory.
    const ROWS: usize;
    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    /// What is to be multiplied: rounded to bf16 where the path does that.
    #[inline(always)]
    unsafe fn operand(from: *const f32) -> Self::V {
        // SAFETY: the trait's contract.
        unsafe { Self::load(from) }
    }
    unsafe fn store(to: *mut f32, value: Self::V);
    /// Stores past the caches, to an address that is a multiple of the vector's size; others see
    /// it after [`Simd::fence`].
    #[inline(always)]
    unsafe fn stream(to: *mut f32, value: Self::V) {
        // SAFETY: the trait's contract.
        unsafe { Self::store(to, value) }
    }
    /// What was streamed before becomes visible before what is stored behind.
    #[inline(always)]
    unsafe fn fence() {}
    /// Asks for the cache line at an address that will be read soon; any address will do.
    #[inline(always)]
    unsafe fn prefetch(_from: *const f32) {}
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `max(value, 0)`, and NaN for NaN.
    unsafe fn rectify(value: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the path has the instruction.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
}

/// Compiles `fn NAME<S>(arguments)` once per path and picks one by its first argument, a `Level`.
///
/// The body is unsafe code: it may use `S`, and its contract is that of the function's doc comment.
macro_rules! vectorized {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$s:ident>($($arg:ident : $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name(level: $crate::simd::Level, $($arg: $ty),*) {
            #[inline(always)]
            unsafe fn generic<$s: $crate::simd::Simd>($($arg: $ty),*) {
                // SAFETY: the caller keeps the contract of the kernel's documentation.
                unsafe { $body }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: as above; the instructions are enabled here.
                unsafe { generic::<$crate::simd::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: as above; the instructions are enabled here.
                unsafe { generic::<$crate::simd::Avx2>($($arg),*) }
            }
            // SAFETY: a level exists only where the processor has its instructions.
            unsafe {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Level::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Level::Avx2 => avx2($($arg),*),
                    _ => generic::<$crate::simd::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use vectorized;

/// Compiles a safe function of plain loops once per path, so that the compiler may use the wider
/// vectors; the results do not depend on the path because nothing is fused or reordered.
macro_rules! vectorized_loops {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[expect(unsafe_code, reason = "calls code for instructions that the level vouches for")]
        $vis fn $name(level: $crate::simd::Level, $($arg: $ty),*) {
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
                // SAFETY: a level exists only where the processor has its instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => generic($($arg),*),
            }
        }
    };
}
pub(crate) use vectorized_loops;

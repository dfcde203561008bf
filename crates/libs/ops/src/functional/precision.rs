//! Precision of the operands of convolutions and linear layers.

use crate::cpu::simd::{self, GemmDtype, SimdError, SimdLevel};

/// The precision of products; sums are always taken in `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Operands as they are.
    F32,
    /// Operands rounded to bf16: 8 bits of mantissa, the range of `f32`.
    Bf16,
}

/// A precision that does not exist or cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrecisionError {
    /// The name is neither `f32` nor `bf16`.
    #[error("{name:?} is not a precision: expected f32 or bf16")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The SIMD path in use has no bf16 products.
    #[error("precision bf16 needs the SIMD path avx512, and {path} is in use: {help}")]
    Path {
        /// The SIMD path in use.
        path: &'static str,
        /// How to fix it.
        help: &'static str,
    },
    /// The CPU lacks the instruction.
    #[error("precision bf16 needs a CPU with avx512_bf16, which this one lacks: use f32")]
    Cpu,
    /// No SIMD path can be used.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

impl Precision {
    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// Whether this CPU, on the SIMD path in use, has products of this precision.
    ///
    /// # Errors
    /// When the CPU or the SIMD path in use cannot.
    pub fn check(self) -> Result<(), PrecisionError> {
        self.find_dtype().map(drop)
    }

    fn find_dtype(self) -> Result<GemmDtype, PrecisionError> {
        let level = simd::level()?;
        if self == Self::F32 {
            return Ok(GemmDtype::f32(level));
        }
        if level != SimdLevel::Avx512 {
            let help = "use f32, or unset HPA_SIMD on a CPU with avx512_bf16";
            return Err(PrecisionError::Path { path: simd::simd_path(), help });
        }
        GemmDtype::bf16(level).ok_or(PrecisionError::Cpu)
    }

    pub(crate) fn gemm_dtype(self) -> candle_core::Result<GemmDtype> {
        self.find_dtype().map_err(candle_core::Error::wrap)
    }
}

impl std::str::FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(name: &str) -> Result<Self, PrecisionError> {
        [Self::F32, Self::Bf16]
            .into_iter()
            .find(|precision| precision.name() == name)
            .ok_or_else(|| PrecisionError::Unknown { name: name.to_owned() })
    }
}

//! What the operands of convolutions and linear layers are rounded to.

use crate::simd::{self, Level, SimdError, Words};

/// The precision of products; sums are always taken in `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Operands as they are.
    F32,
    /// Operands rounded to bf16: 8 bits of mantissa, the range of `f32`.
    Bf16,
}

/// Why a precision cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrecisionError {
    /// The name is none of the two.
    #[error("{name:?} is not a precision: expected f32 or bf16")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The path in use has no products of bf16.
    #[error("precision bf16 needs the SIMD path avx512, and {path} is in use: {help}")]
    Path {
        /// The path in use.
        path: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// The processor lacks the instruction.
    #[error("precision bf16 needs a processor with avx512_bf16, which this one lacks: use f32")]
    Processor,
    /// No path can be used.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

impl Precision {
    /// The word in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// Whether products can be taken in this precision here.
    ///
    /// # Errors
    /// When the processor or the SIMD path in use cannot.
    pub fn check(self) -> Result<(), PrecisionError> {
        self.find_words().map(drop)
    }

    fn find_words(self) -> Result<Words, PrecisionError> {
        let level = simd::level()?;
        if self == Self::F32 {
            return Ok(Words::single(level));
        }
        if level != Level::Avx512 {
            let help = "use f32, or unset HPA_SIMD on a processor with avx512_bf16";
            return Err(PrecisionError::Path { path: simd::simd_path(), help });
        }
        Words::pairs(level).ok_or(PrecisionError::Processor)
    }

    pub(crate) fn words(self) -> candle_core::Result<Words> {
        self.find_words().map_err(candle_core::Error::wrap)
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

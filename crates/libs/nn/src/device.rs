//! Where tensors are computed.

use crate::NnError;

/// What a user may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The best that this build has: the CPU.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card through CUDA.
    Cuda,
}

impl Device {
    /// Checks that this build can compute there.
    ///
    /// # Errors
    /// For CUDA: this build has none.
    pub const fn check(self) -> Result<(), NnError> {
        match self {
            Self::Auto | Self::Cpu => Ok(()),
            Self::Cuda => Err(NnError::Device(
                "this program was built without CUDA\n  mend: use --device cpu (or auto)",
            )),
        }
    }
}

impl std::str::FromStr for Device {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            _ => Err(format!("{text:?} is not a device: expected auto, cpu or cuda")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_is_refused_with_the_reason() {
        let error = "cuda".parse::<Device>().unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("this program was built without CUDA"), "{error}");
        assert!("auto".parse::<Device>().unwrap().check().is_ok());
        assert!("gpu".parse::<Device>().unwrap_err().contains("auto, cpu or cuda"));
    }
}

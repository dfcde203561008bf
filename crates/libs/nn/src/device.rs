//! Where tensors are computed.

use crate::NnError;
use hpa_ops::{NoCuda, Precision, PrecisionError, find_cuda};

/// What a user may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// A graphics card where there is one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card through CUDA.
    Cuda,
}

/// What was found: where tensors will be computed.
#[derive(Clone, Debug)]
pub struct Computer {
    pub(crate) device: candle_core::Device,
    /// Why it is not what could have been hoped for.
    pub notice: Option<String>,
}

/// What can be done with the answer of [`find_cuda`].
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Processor { notice: Option<String> },
    Card,
}

impl Device {
    /// Finds it.
    ///
    /// # Errors
    /// When CUDA is asked for and cannot be used: with the reason.
    pub fn open(self) -> Result<Computer, NnError> {
        match self.choose(find_cuda)? {
            Choice::Processor { notice } => Ok(Computer { notice, ..Computer::cpu() }),
            Choice::Card => self.or_processor(Computer::cuda()),
        }
    }

    /// A card that is there may still be closed, as one that another process has for itself.
    fn or_processor(self, opened: Result<Computer, NnError>) -> Result<Computer, NnError> {
        match opened {
            Err(reason) if self == Self::Auto => {
                Ok(Computer { notice: Some(notice(&reason)), ..Computer::cpu() })
            }
            opened => opened,
        }
    }

    fn choose(self, find: impl FnOnce() -> Result<(), NoCuda>) -> Result<Choice, NoCuda> {
        match self {
            Self::Cpu => Ok(Choice::Processor { notice: None }),
            Self::Cuda => find().map(|()| Choice::Card),
            Self::Auto => Ok(match find() {
                Ok(()) => Choice::Card,
                // Of a build that has only the processor nobody expects anything else.
                Err(NoCuda::NotBuilt) => Choice::Processor { notice: None },
                Err(reason) => Choice::Processor { notice: Some(notice(&reason)) },
            }),
        }
    }
}

/// The reason without what would mend it: nothing is broken.
fn notice(reason: &impl std::fmt::Display) -> String {
    let reason = reason.to_string();
    let reason = reason.lines().next().unwrap_or_default();
    format!("computing on the CPU: {reason}")
}

impl Computer {
    /// The processor, without a word.
    #[must_use]
    pub const fn cpu() -> Self {
        Self { device: candle_core::Device::Cpu, notice: None }
    }

    #[cfg(feature = "cuda")]
    fn cuda() -> Result<Self, NnError> {
        Ok(Self { device: hpa_ops::open_cuda()?, notice: None })
    }

    #[cfg(not(feature = "cuda"))]
    fn cuda() -> Result<Self, NnError> {
        Err(NoCuda::NotBuilt.into())
    }

    /// Whether it is a graphics card.
    #[must_use]
    pub const fn is_cuda(&self) -> bool {
        matches!(self.device, candle_core::Device::Cuda(_))
    }

    /// What decides how sums round: the SIMD path of the processor, or `cuda`.
    #[must_use]
    pub fn path(&self) -> &'static str {
        if self.is_cuda() { "cuda" } else { hpa_ops::simd_path() }
    }

    /// The other paths that the same run could have been begun on.
    pub fn others(&self) -> impl Iterator<Item = &'static str> {
        // Two SIMD paths of processors stay apart: there a run can always be had whole.
        let is_cuda = self.is_cuda();
        ["avx512", "avx2", "portable", "cuda"]
            .into_iter()
            .filter(move |path| (*path == "cuda") != is_cuda)
    }

    /// How many of these threads load images.
    #[must_use]
    pub const fn loaders(&self, threads: usize) -> usize {
        if self.is_cuda() {
            // The card computes: the processor has nothing else to do.
            threads
        } else {
            // Half a loader a thread: it is several times as fast as the network.
            threads.div_ceil(2)
        }
    }

    /// Checks that products can be taken in this precision there.
    ///
    /// # Errors
    /// When the processor cannot; every card that is accepted can.
    pub fn check(&self, precision: Precision) -> Result<(), PrecisionError> {
        if self.is_cuda() { Ok(()) } else { precision.check() }
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
    fn auto_falls_back_with_a_notice_and_cuda_is_refused_with_the_reason() {
        let none = || Err(NoCuda::NoDriver);
        let Ok(Choice::Processor { notice: Some(notice) }) = Device::Auto.choose(none) else {
            panic!("auto did not fall back with a notice");
        };
        assert!(notice.starts_with("computing on the CPU: there is no NVIDIA driver"), "{notice}");
        assert!(!notice.contains("mend"), "{notice}");
        assert_eq!(Device::Cuda.choose(none), Err(NoCuda::NoDriver));
        assert_eq!(Device::Cpu.choose(none), Ok(Choice::Processor { notice: None }));
        assert_eq!(
            Device::Auto.choose(|| Err(NoCuda::NotBuilt)),
            Ok(Choice::Processor { notice: None })
        );
        for device in [Device::Auto, Device::Cuda] {
            assert_eq!(device.choose(|| Ok(())), Ok(Choice::Card));
        }
        assert!("gpu".parse::<Device>().unwrap_err().contains("auto, cpu or cuda"));
    }

    #[test]
    fn a_card_that_does_not_open_is_left_alone_by_auto_only() {
        let closed = || {
            let said = "DriverError(CUDA_ERROR_DEVICE_UNAVAILABLE)\n  at candle";
            Err(NnError::Tensor(candle_core::Error::Msg(said.into())))
        };
        let computer = Device::Auto.or_processor(closed()).unwrap();
        assert!(!computer.is_cuda());
        let notice = computer.notice.unwrap();
        assert_eq!(notice, "computing on the CPU: DriverError(CUDA_ERROR_DEVICE_UNAVAILABLE)");
        assert!(matches!(Device::Cuda.or_processor(closed()), Err(NnError::Tensor(_))));
        assert!(Device::Auto.or_processor(Ok(Computer::cpu())).unwrap().notice.is_none());
    }

    #[test]
    fn the_processor_is_asked_about_nothing() {
        let never = || panic!("the driver was asked");
        assert_eq!(Device::Cpu.choose(never), Ok(Choice::Processor { notice: None }));
        let computer = Device::Cpu.open().unwrap();
        assert!(!computer.is_cuda() && computer.path() == hpa_ops::simd_path());
    }
}

//! The device that tensors are computed on: CPU, or GPU through CUDA.

use crate::NnError;
use hpa_ops::{CudaUnavailable, Precision, PrecisionError, probe_cuda};

/// The device that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// A GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU through CUDA.
    Cuda,
}

/// An opened device.
#[derive(Clone, Debug)]
pub struct Device {
    pub(crate) device: candle_core::Device,
    /// Why [`DeviceKind::Auto`] fell back to the CPU.
    pub notice: Option<String>,
}

impl DeviceKind {
    /// Opens the device.
    ///
    /// # Errors
    /// When CUDA is asked for and cannot be used: with the reason.
    pub fn open(self) -> Result<Device, NnError> {
        self.open_with(probe_cuda, Device::cuda)
    }

    /// [`DeviceKind::open`] with the probe for CUDA and the constructor of a GPU device passed in.
    fn open_with(
        self,
        probe_cuda: impl FnOnce() -> Result<(), CudaUnavailable>,
        open_cuda: impl FnOnce() -> Result<Device, NnError>,
    ) -> Result<Device, NnError> {
        if self == Self::Cpu {
            return Ok(Device::cpu());
        }
        // A GPU that was found may still fail to open: another process may hold it exclusively.
        match probe_cuda().map_err(NnError::from).and_then(|()| open_cuda()) {
            // A build without CUDA computes on the CPU: that needs no notice.
            Err(NnError::Device(CudaUnavailable::NotBuilt)) if self == Self::Auto => {
                Ok(Device::cpu())
            }
            Err(reason) if self == Self::Auto => {
                // The first line has the reason, the others say how to fix it: nothing is broken.
                let reason = reason.to_string();
                let reason = reason.lines().next().unwrap_or_default();
                let notice = Some(format!("computing on the CPU: {reason}"));
                Ok(Device { notice, ..Device::cpu() })
            }
            opened => opened,
        }
    }
}

impl Device {
    /// The CPU, without a fallback notice.
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
        Err(CudaUnavailable::NotBuilt.into())
    }

    /// Whether this is a GPU.
    #[must_use]
    pub const fn is_cuda(&self) -> bool {
        matches!(self.device, candle_core::Device::Cuda(_))
    }

    /// The code path, which decides how sums round: the SIMD level of the CPU, or `cuda`.
    #[must_use]
    pub fn path(&self) -> &'static str {
        if self.is_cuda() { "cuda" } else { hpa_ops::simd_path() }
    }

    /// The other code paths that the same run could have been started on.
    pub fn others(&self) -> impl Iterator<Item = &'static str> {
        // SIMD levels are not interchangeable: any CPU can repeat the run of another at its level.
        let is_cuda = self.is_cuda();
        ["avx512", "avx2", "portable", "cuda"]
            .into_iter()
            .filter(move |path| (*path == "cuda") != is_cuda)
    }

    /// The number of data-loading workers, of this many threads.
    #[must_use]
    pub const fn loaders(&self, threads: usize) -> usize {
        if self.is_cuda() {
            // The CPU has nothing else to do.
            threads
        } else {
            // Loading an image takes a fraction of the time that the network needs for it.
            threads.div_ceil(2)
        }
    }

    /// Checks that the device supports matrix products in this precision.
    ///
    /// # Errors
    /// When the CPU does not; every GPU that is accepted does.
    pub fn check(&self, precision: Precision) -> Result<(), PrecisionError> {
        if self.is_cuda() { Ok(()) } else { precision.check() }
    }
}

impl std::str::FromStr for DeviceKind {
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

    #[expect(clippy::unnecessary_wraps, reason = "stands in for a function that may fail")]
    fn opened() -> Result<Device, NnError> {
        Ok(Device { notice: Some("GPU".into()), ..Device::cpu() })
    }

    #[test]
    fn auto_falls_back_with_a_notice_and_cuda_is_refused_with_the_reason() {
        let fallback =
            DeviceKind::Auto.open_with(|| Err(CudaUnavailable::NoDriver), opened).unwrap();
        let notice = fallback.notice.unwrap();
        assert!(notice.starts_with("computing on the CPU: no NVIDIA driver found"), "{notice}");
        assert!(!notice.contains("help"), "{notice}");
        let refused = DeviceKind::Cuda.open_with(|| Err(CudaUnavailable::NoDriver), opened);
        assert!(matches!(refused, Err(NnError::Device(CudaUnavailable::NoDriver))));
        let cpu_build =
            DeviceKind::Auto.open_with(|| Err(CudaUnavailable::NotBuilt), opened).unwrap();
        assert_eq!(cpu_build.notice, None);
        for kind in [DeviceKind::Auto, DeviceKind::Cuda] {
            assert_eq!(kind.open_with(|| Ok(()), opened).unwrap().notice.unwrap(), "GPU");
        }
        assert!("gpu".parse::<DeviceKind>().unwrap_err().contains("auto, cpu or cuda"));
    }

    #[test]
    fn a_gpu_that_fails_to_open_makes_auto_fall_back_and_cuda_fail() {
        let closed = || {
            let message = "DriverError(CUDA_ERROR_DEVICE_UNAVAILABLE)\n  at candle";
            Err(NnError::Tensor(candle_core::Error::Msg(message.into())))
        };
        let fallback = DeviceKind::Auto.open_with(|| Ok(()), closed).unwrap();
        assert!(!fallback.is_cuda());
        let notice = fallback.notice.unwrap();
        assert_eq!(notice, "computing on the CPU: DriverError(CUDA_ERROR_DEVICE_UNAVAILABLE)");
        let refused = DeviceKind::Cuda.open_with(|| Ok(()), closed);
        assert!(matches!(refused, Err(NnError::Tensor(_))));
    }

    #[test]
    fn the_cpu_opens_without_a_probe_for_cuda() {
        let probe = || panic!("probed for CUDA");
        let device = DeviceKind::Cpu.open_with(probe, opened).unwrap();
        assert!(!device.is_cuda() && device.path() == hpa_ops::simd_path());
    }
}

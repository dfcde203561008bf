//! Queries to a CUDA driver, and the reason that follows from the answers.

use super::CudaUnavailable;

/// Oldest compute capability: the first with bf16 matrix products.
const MIN_CAPABILITY: (u32, u32) = (8, 0);

/// An error of the driver, as a `CUresult`.
pub(super) struct DriverError {
    pub(super) code: u32,
    pub(super) name: String,
}

impl From<DriverError> for CudaUnavailable {
    fn from(error: DriverError) -> Self {
        Self::DriverFails(error.name)
    }
}

/// What is asked of a driver.
pub(super) trait Driver {
    /// Loads and initialises it.
    fn init(&self) -> Result<(), DriverError>;
    /// CUDA version that it supports.
    fn version(&self) -> Result<u32, DriverError>;
    /// CUDA version that the program was built for.
    fn required_version(&self) -> u32;
    fn gpu_count(&self) -> Result<u32, DriverError>;
    /// Compute capability of the first GPU.
    fn capability(&self) -> Result<(u32, u32), DriverError>;
    /// The first library that cannot be loaded.
    fn missing_library(&self) -> Option<&'static str>;
}

/// Values of `CUresult` with a reason of their own.
mod code {
    /// From NVIDIA's stub and the libraries of tools/cuda/lazy.py: there is no driver.
    pub(super) const STUB_LIBRARY: u32 = 34;
    pub(super) const INSUFFICIENT_DRIVER: u32 = 35;
    pub(super) const NO_DEVICE: u32 = 100;
    pub(super) const SYSTEM_DRIVER_MISMATCH: u32 = 803;
}

pub(super) fn probe(driver: &impl Driver) -> Result<(), CudaUnavailable> {
    let required = driver.required_version();
    driver.init().or_else(|error| match error.code {
        code::STUB_LIBRARY => Err(CudaUnavailable::NoDriver),
        code::INSUFFICIENT_DRIVER => {
            Err(CudaUnavailable::DriverTooOld { supported: driver.version()?, required })
        }
        code::NO_DEVICE => Err(CudaUnavailable::NoGpu),
        code::SYSTEM_DRIVER_MISMATCH => Err(CudaUnavailable::DriverFails(format!(
            "{}: kernel module and library have different versions",
            error.name
        ))),
        _ => Err(error.into()),
    })?;
    let supported = driver.version()?;
    if supported < required {
        return Err(CudaUnavailable::DriverTooOld { supported, required });
    }
    if driver.gpu_count()? == 0 {
        return Err(CudaUnavailable::NoGpu);
    }
    let (major, minor) = driver.capability()?;
    if (major, minor) < MIN_CAPABILITY {
        return Err(CudaUnavailable::GpuTooOld { major, minor });
    }
    driver.missing_library().map_or(Ok(()), |library| Err(CudaUnavailable::LibraryMissing(library)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FakeDriver {
        init: u32,
        version: u32,
        gpu_count: u32,
        capability: (u32, u32),
        missing_library: Option<&'static str>,
    }

    const WORKING: FakeDriver = FakeDriver {
        init: 0,
        version: 13000,
        gpu_count: 1,
        capability: (9, 0),
        missing_library: None,
    };

    impl Driver for FakeDriver {
        fn init(&self) -> Result<(), DriverError> {
            match self.init {
                0 => Ok(()),
                code => Err(DriverError { code, name: format!("error {code}") }),
            }
        }
        fn version(&self) -> Result<u32, DriverError> {
            Ok(self.version)
        }
        fn required_version(&self) -> u32 {
            13000
        }
        fn gpu_count(&self) -> Result<u32, DriverError> {
            Ok(self.gpu_count)
        }
        fn capability(&self) -> Result<(u32, u32), DriverError> {
            Ok(self.capability)
        }
        fn missing_library(&self) -> Option<&'static str> {
            self.missing_library
        }
    }

    #[test]
    fn each_reason_has_its_own_error_with_help() {
        assert_eq!(probe(&WORKING), Ok(()));
        assert_eq!(probe(&FakeDriver { version: 13020, capability: (12, 0), ..WORKING }), Ok(()));
        let old = "the NVIDIA driver supports CUDA 12.4, this program needs 13.0";
        for (driver, reason) in [
            (FakeDriver { init: 34, ..WORKING }, "no NVIDIA driver found"),
            (FakeDriver { init: 100, ..WORKING }, "the NVIDIA driver finds no GPU"),
            (FakeDriver { gpu_count: 0, ..WORKING }, "the NVIDIA driver finds no GPU"),
            (FakeDriver { version: 12040, ..WORKING }, old),
            (FakeDriver { init: 35, version: 12040, ..WORKING }, old),
            (FakeDriver { capability: (7, 5), ..WORKING }, "the GPU has compute capability 7.5"),
            (FakeDriver { missing_library: Some("libcudnn.so.9"), ..WORKING }, "libcudnn.so.9"),
            (FakeDriver { init: 803, ..WORKING }, "the NVIDIA driver does not start (error 803: "),
            (FakeDriver { init: 999, ..WORKING }, "the NVIDIA driver does not start (error 999)"),
        ] {
            let error = probe(&driver).unwrap_err().to_string();
            assert!(error.starts_with(reason) && error.contains("\n  help: "), "{error}");
        }
    }
}

//! CUDA availability: whether the first GPU can be used, and the reason if not.
//!
//! The driver is queried step by step, so that the error names what is missing instead of the call
//! that failed for lack of it. A program that was built with the feature `cuda` starts on a machine
//! without any CUDA library (tools/cuda/lazy.py).

/// Why CUDA cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaUnavailable {
    /// The feature `cuda` is off.
    #[error(
        "this program was built without CUDA\n  help: use --device cpu, or build it with `make cuda`"
    )]
    NotBuilt,
    /// No driver is installed.
    #[error(
        "no NVIDIA driver found (libcuda.so.1 cannot be loaded)\n  help: install the driver, or use --device cpu"
    )]
    NoDriver,
    /// The driver supports an older CUDA than the program was built for. A version is the number
    /// `1000 * major + 10 * minor`.
    #[error(
        "the NVIDIA driver supports CUDA {}, this program needs {}\n  help: update the driver, build with an older toolkit in CUDA_HOME, or use --device cpu",
        version_text(*supported), version_text(*required)
    )]
    DriverTooOld {
        /// CUDA version of the driver.
        supported: u32,
        /// CUDA version of the program.
        required: u32,
    },
    /// There is a driver but no GPU.
    #[error(
        "the NVIDIA driver finds no GPU\n  help: check nvidia-smi and CUDA_VISIBLE_DEVICES, or use --device cpu"
    )]
    NoGpu,
    /// The kernels are not compiled for GPUs this old.
    #[error(
        "the GPU has compute capability {major}.{minor}, this program needs 8.0 (Ampere) or later\n  help: use --device cpu"
    )]
    GpuTooOld {
        /// Major number of the compute capability.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// One of CUDA's libraries is missing.
    #[error(
        "{0} cannot be loaded\n  help: add its folder to LD_LIBRARY_PATH (docs/cuda.md says where to get it), or use --device cpu"
    )]
    LibraryMissing(&'static str),
    /// The driver returns an error.
    #[error(
        "the NVIDIA driver does not start ({0})\n  help: check nvidia-smi, or use --device cpu"
    )]
    DriverFails(String),
}

fn version_text(version: u32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// Whether CUDA can be used on the first GPU.
///
/// # Errors
/// With the reason why it cannot.
#[cfg(not(feature = "cuda"))]
pub const fn probe_cuda() -> Result<(), CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}

/// Whether CUDA can be used on the first GPU.
///
/// # Errors
/// With the reason why it cannot.
#[cfg(feature = "cuda")]
pub fn probe_cuda() -> Result<(), CudaUnavailable> {
    driver::probe(&installed::InstalledDriver)
}

/// The first GPU, with a stream of its own and a memory pool that keeps freed memory.
///
/// # Errors
/// When it cannot be opened although [`probe_cuda`] succeeded.
#[cfg(feature = "cuda")]
pub fn open_cuda() -> candle_core::Result<candle_core::Device> {
    let device = candle_core::Device::new_cuda_with_stream(0)?;
    installed::keep_freed_memory(&device).map_err(candle_core::Error::wrap)?;
    Ok(device)
}

#[cfg(any(test, feature = "cuda"))]
mod driver;
#[cfg(feature = "cuda")]
mod installed;

#[test]
#[cfg(not(feature = "cuda"))]
fn a_build_without_the_feature_says_so() {
    assert_eq!(probe_cuda(), Err(CudaUnavailable::NotBuilt));
}

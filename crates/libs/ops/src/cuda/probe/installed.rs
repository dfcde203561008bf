//! The installed CUDA driver.

use super::driver::{Driver, DriverError};
use candle_core::cuda_backend::cudarc::{cublas, cudnn, curand, driver, nvrtc};
use driver::sys::CUdevice_attribute as Attribute;

pub(super) struct InstalledDriver;

fn named<T>(result: Result<T, driver::DriverError>) -> Result<T, DriverError> {
    result.map_err(|error| DriverError { code: error.0 as u32, name: format!("{:?}", error.0) })
}

/// Makes the memory pool keep freed memory for the next step. By default it is returned at every
/// synchronisation, which costs more than the allocations of a step.
#[expect(unsafe_code, reason = "cudarc has no safe setter for this attribute")]
pub(super) fn keep_freed_memory(device: &candle_core::Device) -> Result<(), driver::DriverError> {
    use driver::{result::mem_pool, sys::CUmemPool_attribute};
    let candle_core::Device::Cuda(device) = device else { return Ok(()) };
    let stream = device.cuda_stream();
    let context = stream.context();
    let has_pools = Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
    // SAFETY: the context is alive, and its device is valid.
    if unsafe { driver::result::device::get_attribute(context.cu_device(), has_pools) }? == 0 {
        return Ok(());
    }
    let mut unlimited = u64::MAX;
    let threshold = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: context and pool are alive, and the attribute is a u64.
    unsafe {
        let pool = driver::result::device::get_default_mem_pool(context.cu_device())?;
        mem_pool::set_attribute(pool, threshold, (&raw mut unlimited).cast())
    }
}

#[expect(unsafe_code, reason = "queries that write to out parameters")]
impl Driver for InstalledDriver {
    fn init(&self) -> Result<(), DriverError> {
        named(driver::result::init())
    }

    fn version(&self) -> Result<u32, DriverError> {
        let mut version = 0;
        // SAFETY: writes one integer, which outlives the call.
        named(unsafe { driver::sys::cuDriverGetVersion(&raw mut version) }.result())?;
        Ok(version.unsigned_abs())
    }

    fn required_version(&self) -> u32 {
        driver::sys::CUDA_VERSION
    }

    fn gpu_count(&self) -> Result<u32, DriverError> {
        named(driver::result::device::get_count()).map(i32::unsigned_abs)
    }

    fn capability(&self) -> Result<(u32, u32), DriverError> {
        let device = named(driver::result::device::get(0))?;
        // SAFETY: the device came from `get`.
        let query = |attribute| unsafe { driver::result::device::get_attribute(device, attribute) };
        let major = named(query(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR))?;
        let minor = named(query(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR))?;
        Ok((major.unsigned_abs(), minor.unsigned_abs()))
    }

    fn missing_library(&self) -> Option<&'static str> {
        use cublas::sys::{cublasGetProperty, libraryPropertyType};
        let (mut major, mut minor) = (0, 0);
        // SAFETY: these write integers that outlive the calls, and need no handle.
        let found = unsafe {
            let property = libraryPropertyType::MAJOR_VERSION;
            [
                ("libcublas.so", cublasGetProperty(property, &raw mut major).result().is_ok()),
                ("libcurand.so", curand::sys::curandGetVersion(&raw mut major).result().is_ok()),
                (
                    "libnvrtc.so",
                    nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor).result().is_ok(),
                ),
                ("libcudnn.so.9", cudnn::sys::cudnnGetVersion() != 0),
            ]
        };
        found.into_iter().find(|(_, is_found)| !is_found).map(|(name, _)| name)
    }
}

//! The driver of this machine.

use super::Driver;
use candle_core::cuda_backend::cudarc::{cublas, cudnn, curand, driver, nvrtc};
use driver::sys::CUdevice_attribute as Attribute;

/// The driver of this machine.
pub(super) struct Installed;

type Answer<T> = Result<T, (u32, String)>;

fn named<T>(result: Result<T, driver::DriverError>) -> Answer<T> {
    result.map_err(|error| (error.0 as u32, format!("{:?}", error.0)))
}

/// Freed memory stays with the process: each step needs again what the last one did, and to
/// give it back at every synchronisation costs more than the step's own allocations.
#[expect(unsafe_code, reason = "a setting of the driver that cudarc leaves raw")]
pub(super) fn keep_pool(device: &candle_core::Device) -> Result<(), driver::DriverError> {
    use driver::{result::mem_pool, sys::CUmemPool_attribute};
    let candle_core::Device::Cuda(device) = device else { return Ok(()) };
    let stream = device.cuda_stream();
    let context = stream.context();
    let has_pools = Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
    // SAFETY: the context is alive, and so its device.
    if unsafe { driver::result::device::get_attribute(context.cu_device(), has_pools) }? == 0 {
        return Ok(());
    }
    let mut all = u64::MAX;
    let threshold = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the context is alive, its pool too, and this attribute is one u64.
    unsafe {
        let pool = driver::result::device::get_default_mem_pool(context.cu_device())?;
        mem_pool::set_attribute(pool, threshold, (&raw mut all).cast())
    }
}

#[expect(unsafe_code, reason = "questions to CUDA's libraries that write to what they are handed")]
impl Driver for Installed {
    fn start(&self) -> Answer<()> {
        named(driver::result::init())
    }

    fn version(&self) -> Answer<u32> {
        let mut version = 0;
        // SAFETY: writes one integer, which outlives the call.
        named(unsafe { driver::sys::cuDriverGetVersion(&raw mut version) }.result())?;
        Ok(version.unsigned_abs())
    }

    fn built_for(&self) -> u32 {
        driver::sys::CUDA_VERSION
    }

    fn devices(&self) -> Answer<u32> {
        named(driver::result::device::get_count()).map(i32::unsigned_abs)
    }

    fn capability(&self) -> Answer<(u32, u32)> {
        let device = named(driver::result::device::get(0))?;
        // SAFETY: the device came from `get`.
        let ask = |attribute| unsafe { driver::result::device::get_attribute(device, attribute) };
        let major = named(ask(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR))?;
        let minor = named(ask(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR))?;
        Ok((major.unsigned_abs(), minor.unsigned_abs()))
    }

    fn missing(&self) -> Option<&'static str> {
        use cublas::sys::{cublasGetProperty, libraryPropertyType};
        let (mut major, mut minor) = (0, 0);
        // SAFETY: each of these writes integers, which outlive the calls, and needs no handle.
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
        found.into_iter().find(|(_, is_there)| !is_there).map(|(name, _)| name)
    }
}

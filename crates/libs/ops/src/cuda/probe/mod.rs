//! Is there a graphics card to compute on, and if not, why.
//!
//! The questions go to the driver one after the other, the cheapest first, so that the answer
//! names what is missing instead of the call that failed for want of it. A program that was built
//! with the feature `cuda` starts on a machine without any of it (tools/cuda/lazy.py).

/// Why nothing can be computed with CUDA here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCuda {
    /// The feature is off.
    #[error(
        "this program was built without CUDA\n  help: use --device cpu, or build it with `make cuda`"
    )]
    NotBuilt,
    /// There is no driver.
    #[error(
        "there is no NVIDIA driver here (libcuda.so.1 cannot be loaded)\n  help: install the driver, or use --device cpu"
    )]
    NoDriver,
    /// The driver knows an older CUDA than the program.
    #[error(
        "the NVIDIA driver has CUDA {}, this program needs {}\n  help: update the driver, build with an older toolkit in CUDA_HOME, or use --device cpu",
        release(*has), release(*needs)
    )]
    OldDriver {
        /// 1000 times the major number and 10 times the minor.
        has: u32,
        /// The same.
        needs: u32,
    },
    /// The driver is there, a card is not.
    #[error(
        "the NVIDIA driver finds no graphics card\n  help: see what nvidia-smi and CUDA_VISIBLE_DEVICES say, or use --device cpu"
    )]
    NoDevice,
    /// The card is older than the code.
    #[error(
        "the graphics card has compute capability {}.{}, this program needs 8.0 (Ampere) or later\n  help: use --device cpu",
        has.0, has.1
    )]
    OldDevice {
        /// Major and minor number.
        has: (u32, u32),
    },
    /// A library beside the driver is missing.
    #[error(
        "{0} cannot be loaded\n  help: name its folder in LD_LIBRARY_PATH (docs/cuda.md says where to get it), or use --device cpu"
    )]
    NoLibrary(&'static str),
    /// The driver refuses to work.
    #[error(
        "the NVIDIA driver does not start ({0})\n  help: see what nvidia-smi says, or use --device cpu"
    )]
    Refused(String),
}

fn release(version: u32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// The oldest card that the kernels are compiled for: the first with products of bf16.
#[cfg(any(test, feature = "cuda"))]
const OLDEST: (u32, u32) = (8, 0);

/// What is asked of a driver; errors are the driver's own numbers and names.
#[cfg(any(test, feature = "cuda"))]
trait Driver {
    /// Loads and starts it.
    fn start(&self) -> Result<(), (u32, String)>;
    /// The CUDA that it knows.
    fn version(&self) -> Result<u32, (u32, String)>;
    /// The CUDA that the program was built for.
    fn built_for(&self) -> u32;
    /// How many cards there are.
    fn devices(&self) -> Result<u32, (u32, String)>;
    /// Compute capability of the first.
    fn capability(&self) -> Result<(u32, u32), (u32, String)>;
    /// The first library that cannot be loaded.
    fn missing(&self) -> Option<&'static str>;
}

/// Numbers of `CUresult` that have a meaning of their own here.
#[cfg(any(test, feature = "cuda"))]
mod code {
    /// What the libraries of tools/cuda/lazy.py return where there is no driver, and NVIDIA's stub.
    pub(super) const STUB_LIBRARY: u32 = 34;
    pub(super) const INSUFFICIENT_DRIVER: u32 = 35;
    pub(super) const NO_DEVICE: u32 = 100;
    pub(super) const SYSTEM_DRIVER_MISMATCH: u32 = 803;
}

#[cfg(any(test, feature = "cuda"))]
fn check(driver: &impl Driver) -> Result<(), NoCuda> {
    let needs = driver.built_for();
    let refused = |(_, name): (u32, String)| NoCuda::Refused(name);
    let version = || driver.version().map_err(refused);
    match driver.start() {
        Ok(()) => {}
        Err((code::STUB_LIBRARY, _)) => return Err(NoCuda::NoDriver),
        Err((code::INSUFFICIENT_DRIVER, _)) => {
            return Err(NoCuda::OldDriver { has: version()?, needs });
        }
        Err((code::NO_DEVICE, _)) => return Err(NoCuda::NoDevice),
        Err((code::SYSTEM_DRIVER_MISMATCH, name)) => {
            return Err(NoCuda::Refused(format!("{name}: the driver's parts are of two versions")));
        }
        Err(other) => return Err(refused(other)),
    }
    let has = version()?;
    if has < needs {
        return Err(NoCuda::OldDriver { has, needs });
    }
    if driver.devices().map_err(refused)? == 0 {
        return Err(NoCuda::NoDevice);
    }
    let has = driver.capability().map_err(refused)?;
    if has < OLDEST {
        return Err(NoCuda::OldDevice { has });
    }
    driver.missing().map_or(Ok(()), |library| Err(NoCuda::NoLibrary(library)))
}

/// Whether the first graphics card can be computed on.
///
/// # Errors
/// With the reason why it cannot.
#[cfg(not(feature = "cuda"))]
pub const fn find_cuda() -> Result<(), NoCuda> {
    Err(NoCuda::NotBuilt)
}

/// Whether the first graphics card can be computed on.
///
/// # Errors
/// With the reason why it cannot.
#[cfg(feature = "cuda")]
pub fn find_cuda() -> Result<(), NoCuda> {
    check(&real::Installed)
}

/// The first graphics card, with a stream of its own and a pool that keeps what it was given.
///
/// # Errors
/// When it cannot be had although [`find_cuda`] found it.
#[cfg(feature = "cuda")]
pub fn open_cuda() -> candle_core::Result<candle_core::Device> {
    let device = candle_core::Device::new_cuda_with_stream(0)?;
    real::keep_pool(&device).map_err(candle_core::Error::wrap)?;
    Ok(device)
}

#[cfg(feature = "cuda")]
mod real;

#[cfg(test)]
mod tests {
    use super::*;

    /// A driver of our own making.
    struct Fake {
        start: u32,
        version: u32,
        devices: u32,
        capability: (u32, u32),
        missing: Option<&'static str>,
    }

    const SOUND: Fake =
        Fake { start: 0, version: 13000, devices: 1, capability: (9, 0), missing: None };

    impl Driver for Fake {
        fn start(&self) -> Result<(), (u32, String)> {
            if self.start == 0 {
                Ok(())
            } else {
                Err((self.start, format!("error {}", self.start)))
            }
        }
        fn version(&self) -> Result<u32, (u32, String)> {
            Ok(self.version)
        }
        fn built_for(&self) -> u32 {
            13000
        }
        fn devices(&self) -> Result<u32, (u32, String)> {
            Ok(self.devices)
        }
        fn capability(&self) -> Result<(u32, u32), (u32, String)> {
            Ok(self.capability)
        }
        fn missing(&self) -> Option<&'static str> {
            self.missing
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |fake: Fake| check(&fake).unwrap_err().to_string();
        assert_eq!(check(&SOUND), Ok(()));
        assert_eq!(check(&Fake { version: 13020, capability: (12, 0), ..SOUND }), Ok(()));
        assert!(said(Fake { start: 34, ..SOUND }).starts_with("there is no NVIDIA driver"));
        assert!(said(Fake { start: 100, ..SOUND }).contains("finds no graphics card"));
        assert!(said(Fake { devices: 0, ..SOUND }).contains("finds no graphics card"));
        let old = said(Fake { version: 12040, ..SOUND });
        assert!(
            old.starts_with("the NVIDIA driver has CUDA 12.4, this program needs 13.0"),
            "{old}"
        );
        assert_eq!(old, said(Fake { start: 35, version: 12040, ..SOUND }));
        assert!(said(Fake { capability: (7, 5), ..SOUND }).contains("capability 7.5"));
        assert!(
            said(Fake { missing: Some("libcudnn.so.9"), ..SOUND }).starts_with("libcudnn.so.9")
        );
        assert!(said(Fake { start: 999, ..SOUND }).contains("error 999"));
        for fake in [Fake { start: 34, ..SOUND }, Fake { devices: 0, ..SOUND }] {
            assert!(said(fake).contains("\n  help: "));
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_build_without_the_feature_says_so() {
        assert_eq!(find_cuda(), Err(NoCuda::NotBuilt));
    }
}

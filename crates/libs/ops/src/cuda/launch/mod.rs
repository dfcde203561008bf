//! Kernel launches: which kernel, with which grid, block and arguments.
//!
//! This layer does not depend on CUDA, so that tests run the same launches on the emulated GPU.

pub(crate) mod layers;
pub(crate) mod multi_tensor;
pub(crate) mod norm;

/// Threads of every block.
pub(crate) const THREADS: usize = 256;

/// Type of activations; the kernels are compiled once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ActDtype {
    F32,
    Bf16,
}

impl ActDtype {
    /// Values in 16 bytes, which one instruction loads or stores.
    pub(crate) const fn vector_width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 8,
        }
    }

    /// Whether rows of `channels` values at these addresses allow vector loads and stores.
    pub(crate) fn is_vectorizable(self, channels: usize, addresses: &[u64]) -> bool {
        channels.is_multiple_of(self.vector_width())
            && addresses.iter().all(|address| address.is_multiple_of(16))
    }
}

/// A set of kernels that is compiled as one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Program {
    /// The operations, for one type of activations.
    Ops(ActDtype),
    /// From stored images to network inputs.
    Transform,
}

impl Program {
    pub(crate) const ALL: [Self; 3] =
        [Self::Ops(ActDtype::F32), Self::Ops(ActDtype::Bf16), Self::Transform];

    /// The sources, in the order in which they are concatenated.
    pub(crate) const fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Ops(_) => &[
                include_str!("../../../kernels/prelude.cuh"),
                include_str!("../../../kernels/pointwise.cu"),
                include_str!("../../../kernels/norm.cu"),
                include_str!("../../../kernels/norm_backward.cu"),
                include_str!("../../../kernels/pool.cu"),
                include_str!("../../../kernels/linear_loss.cu"),
                include_str!("../../../kernels/direct_conv.cu"),
                include_str!("../../../kernels/multi_tensor.cu"),
            ],
            Self::Transform => &[include_str!("../../../kernels/transform.cu")],
        }
    }

    /// The macro that selects the type of activations.
    pub(crate) const fn define(self) -> Option<&'static str> {
        match self {
            Self::Ops(ActDtype::Bf16) => Some("-DACT_IS_BF16"),
            Self::Ops(ActDtype::F32) | Self::Transform => None,
        }
    }
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Argument {
    /// Device address; 0 is null.
    Pointer(u64),
    /// Size or flag.
    Integer(i64),
    Float(f32),
    Double(f64),
}

macro_rules! argument_from {
    ($($from:ty => |$value:ident| $argument:expr;)*) => {$(
        impl From<$from> for Argument {
            fn from($value: $from) -> Self {
                $argument
            }
        }
    )*};
}

argument_from! {
    u64 => |address| Self::Pointer(address);
    usize => |size| Self::Integer(size.cast_signed() as i64);
    bool => |flag| Self::Integer(flag.into());
    f32 => |value| Self::Float(value);
    f64 => |value| Self::Double(value);
}

macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { vec![$($crate::cuda::launch::Argument::from($argument)),*] };
}
pub(crate) use arguments;

/// One launch of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Launch {
    pub(crate) kernel: &'static str,
    pub(crate) program: Program,
    /// Blocks along x and y.
    pub(crate) grid: [u32; 2],
    /// Threads along x and y; 256 in total.
    pub(crate) block: [u32; 2],
    pub(crate) arguments: Vec<Argument>,
}

impl Launch {
    /// One thread for each of `count` values.
    pub(crate) fn per_value(
        kernel: &'static str,
        program: Program,
        count: usize,
        arguments: Vec<Argument>,
    ) -> Self {
        Self::blocks(kernel, program, count.div_ceil(THREADS), arguments)
    }

    /// `count` blocks along x.
    fn blocks(
        kernel: &'static str,
        program: Program,
        count: usize,
        arguments: Vec<Argument>,
    ) -> Self {
        Self { kernel, program, grid: [dim(count), 1], block: [dim(THREADS), 1], arguments }
    }

    /// One thread for each value, or for each vector of channels if the addresses allow it.
    fn per_vector(
        kernels: VectorKernel,
        dtype: ActDtype,
        channels: usize,
        addresses: &[u64],
        count: usize,
        arguments: Vec<Argument>,
    ) -> Self {
        let program = Program::Ops(dtype);
        if dtype.is_vectorizable(channels, addresses) {
            Self::per_value(kernels.vector, program, count / dtype.vector_width(), arguments)
        } else {
            Self::per_value(kernels.scalar, program, count, arguments)
        }
    }
}

/// The two variants of a kernel: one value or one vector of channels per thread.
#[derive(Clone, Copy)]
struct VectorKernel {
    scalar: &'static str,
    vector: &'static str,
}

macro_rules! vector_kernel {
    ($name:literal) => {
        $crate::cuda::launch::VectorKernel { scalar: $name, vector: concat!($name, "_vector") }
    };
}
use vector_kernel;

/// A grid or block dimension. The largest grid has 2^31 - 1 blocks; the driver refuses more.
fn dim(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Address of the `index`-th of consecutive vectors of `len` floats.
const fn nth(address: u64, index: usize, len: usize) -> u64 {
    address + (4 * index * len) as u64
}

//! Which kernel is launched, with which blocks and which arguments.

pub(crate) mod convolution;
pub(crate) mod head;
pub(crate) mod norm;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod table;

/// Threads of every block.
pub(crate) const THREADS: usize = 256;

/// What activations are kept in: the kernels are compiled once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Real {
    F32,
    Bf16,
}

impl Real {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 2] = [Self::F32, Self::Bf16];

    /// Values that one instruction moves: 16 bytes.
    pub(crate) const fn wide(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 8,
        }
    }

    /// Whether `wide` neighbours can be moved at once: of every row of `channels`, everywhere.
    pub(crate) fn packs(self, channels: usize, pointers: &[u64]) -> bool {
        channels.is_multiple_of(self.wide()) && pointers.iter().all(|at| at.is_multiple_of(16))
    }
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Argument {
    /// An address on the card; 0 is none.
    Pointer(u64),
    /// A size or a switch.
    Integer(i64),
    Single(f32),
    Double(f64),
}

impl From<u64> for Argument {
    fn from(address: u64) -> Self {
        Self::Pointer(address)
    }
}

impl From<usize> for Argument {
    #[expect(clippy::cast_possible_wrap, reason = "no tensor has 2^63 values")]
    fn from(size: usize) -> Self {
        Self::Integer(size as i64)
    }
}

impl From<bool> for Argument {
    fn from(switch: bool) -> Self {
        Self::Integer(switch.into())
    }
}

impl From<f32> for Argument {
    fn from(value: f32) -> Self {
        Self::Single(value)
    }
}

impl From<f64> for Argument {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { vec![$($crate::cuda::plan::Argument::from($argument)),*] };
}
use arguments;

/// One launch of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Launch {
    pub(crate) kernel: &'static str,
    pub(crate) real: Real,
    /// Blocks along x and y.
    pub(crate) grid: [u32; 2],
    /// Threads along x and y; 256 in all.
    pub(crate) block: [u32; 2],
    pub(crate) arguments: Vec<Argument>,
}

impl Launch {
    /// A thread for each of `count` values.
    fn each(kernel: &'static str, real: Real, count: usize, arguments: Vec<Argument>) -> Self {
        Self::blocks(kernel, real, count.div_ceil(THREADS), arguments)
    }

    /// So many blocks in a row.
    fn blocks(kernel: &'static str, real: Real, count: usize, arguments: Vec<Argument>) -> Self {
        Self { kernel, real, grid: [small(count), 1], block: [small(THREADS), 1], arguments }
    }
}

/// A number of blocks. The largest grid has 2^31 - 1; a tensor that needs more is refused by the
/// driver, as this would be.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The `k`-th of several vectors of `len` floats that lie one behind the other.
const fn nth(address: u64, k: usize, len: usize) -> u64 {
    address + (4 * k * len) as u64
}

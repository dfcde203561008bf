//! Launches of `kernels/table.cu`: one pass over many tensors.

use super::{Launch, Real, arguments};

/// Values of a block.
const CHUNK: usize = 4096;
/// Bytes of a row.
const ROW: usize = 56;

/// One tensor of a table; all addresses are of `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// What changes.
    pub(crate) values: u64,
    /// What it changes by.
    pub(crate) other: u64,
    /// An optimiser's state.
    pub(crate) state: [u64; 2],
    pub(crate) count: usize,
    pub(crate) rate: f32,
    pub(crate) decay: f32,
}

/// A table as the kernels read it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) bytes: Vec<u8>,
    rows: usize,
    blocks: usize,
}

impl Table {
    /// Of tensors that have values.
    pub(crate) fn new(tensors: &[Row]) -> Self {
        let (mut bytes, mut blocks) = (Vec::with_capacity(ROW * tensors.len()), 0_usize);
        for row in tensors {
            for address in [row.values, row.other, row.state[0], row.state[1]] {
                bytes.extend(address.to_le_bytes());
            }
            for size in [row.count, blocks] {
                bytes.extend((size as u64).to_le_bytes());
            }
            bytes.extend(row.rate.to_le_bytes());
            bytes.extend(row.decay.to_le_bytes());
            blocks += row.count.div_ceil(CHUNK);
        }
        Self { bytes, rows: tensors.len(), blocks }
    }

    /// How many blocks a pass has.
    pub(crate) const fn blocks(&self) -> usize {
        self.blocks
    }

    fn pass(&self, kernel: &'static str, arguments: Vec<super::Argument>) -> Launch {
        Launch::blocks(kernel, Real::F32, self.blocks, arguments)
    }

    /// A step of descent with momentum.
    pub(crate) fn sgd(&self, at: u64, momentum: f32, nesterov: bool) -> Launch {
        self.pass("sgd", arguments![at, self.rows, momentum, nesterov])
    }

    /// A step of Adam: `[beta1, beta2, new1, new2, root, eps]`.
    pub(crate) fn adamw(&self, at: u64, [beta1, beta2, new1, new2, root, eps]: [f32; 6]) -> Launch {
        self.pass("adamw", arguments![at, self.rows, beta1, beta2, new1, new2, root, eps])
    }

    /// `values += newest (other - values)`.
    pub(crate) fn follow(&self, at: u64, newest: f32) -> Launch {
        self.pass("follow", arguments![at, self.rows, newest])
    }

    /// `values += other`.
    pub(crate) fn add(&self, at: u64) -> Launch {
        self.pass("add_rows", arguments![at, self.rows])
    }

    /// `values *= factor`, and by the factor at `found`, unless that is 0.
    pub(crate) fn scale(&self, at: u64, factor: f32, found: u64) -> Launch {
        self.pass("scale_rows", arguments![at, self.rows, factor, found])
    }

    /// Sums of squares, `f64`, one a block.
    pub(crate) fn squares(&self, at: u64, parts: u64) -> Launch {
        self.pass("squares", arguments![at, self.rows, parts])
    }

    /// The length, `f64`, of what [`Table::squares`] summed, and the factor that shortens it.
    pub(crate) fn length(&self, [length, factor, parts]: [u64; 3], most: f64) -> Launch {
        let arguments = arguments![length, factor, parts, self.blocks, most];
        Launch::blocks("length", Real::F32, 1, arguments)
    }
}

//! Launches of the multi-tensor kernels: one pass over many tensors.

use super::{ActDtype, Argument, Launch, Program, arguments};

/// Values per block.
const CHUNK: usize = 4096;
/// Bytes per entry.
const ENTRY_BYTES: usize = 56;

/// One tensor of a table; all addresses are of `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// What is updated.
    pub(crate) values: u64,
    /// The gradient, or the value to add or average.
    pub(crate) other: u64,
    /// Optimizer state.
    pub(crate) state: [u64; 2],
    pub(crate) count: usize,
    pub(crate) learning_rate: f32,
    pub(crate) weight_decay: f32,
}

/// Coefficients of an AdamW step, the same for all parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamWStep {
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    pub(crate) one_minus_beta1: f32,
    pub(crate) one_minus_beta2: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub(crate) inv_root: f32,
    pub(crate) eps: f32,
}

/// A table of tensors in the layout that the kernels read.
#[derive(Clone, Debug)]
pub(crate) struct TensorTable {
    pub(crate) bytes: Vec<u8>,
    entries: usize,
    blocks: usize,
}

impl TensorTable {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let mut bytes = Vec::with_capacity(ENTRY_BYTES * entries.len());
        let mut blocks = 0_usize;
        for entry in entries {
            for address in [entry.values, entry.other, entry.state[0], entry.state[1]] {
                bytes.extend(address.to_le_bytes());
            }
            for size in [entry.count, blocks] {
                bytes.extend((size as u64).to_le_bytes());
            }
            bytes.extend(entry.learning_rate.to_le_bytes());
            bytes.extend(entry.weight_decay.to_le_bytes());
            blocks += entry.count.div_ceil(CHUNK);
        }
        Self { bytes, entries: entries.len(), blocks }
    }

    /// Blocks of a pass.
    pub(crate) const fn blocks(&self) -> usize {
        self.blocks
    }

    fn pass(&self, kernel: &'static str, arguments: Vec<Argument>) -> Launch {
        Launch::blocks(kernel, Program::Ops(ActDtype::F32), self.blocks, arguments)
    }

    /// One step of SGD.
    pub(crate) fn sgd(&self, table: u64, momentum: f32, nesterov: bool) -> Launch {
        self.pass("sgd", arguments![table, self.entries, momentum, nesterov])
    }

    /// One step of AdamW.
    pub(crate) fn adamw(&self, table: u64, step: &AdamWStep) -> Launch {
        let AdamWStep { beta1, beta2, one_minus_beta1, one_minus_beta2, inv_root, eps } = *step;
        let arguments = arguments![
            table,
            self.entries,
            beta1,
            beta2,
            one_minus_beta1,
            one_minus_beta2,
            inv_root,
            eps
        ];
        self.pass("adamw", arguments)
    }

    /// `values += weight (other - values)`.
    pub(crate) fn ema_update(&self, table: u64, weight: f32) -> Launch {
        self.pass("ema_update", arguments![table, self.entries, weight])
    }

    /// `values += other`.
    pub(crate) fn add(&self, table: u64) -> Launch {
        self.pass("add_all", arguments![table, self.entries])
    }

    /// `values *= factor`, and `*= *device_factor` unless that is null.
    pub(crate) fn scale(&self, table: u64, factor: f32, device_factor: u64) -> Launch {
        self.pass("scale_all", arguments![table, self.entries, factor, device_factor])
    }

    /// One `f64` sum of squares per block.
    pub(crate) fn sum_squares(&self, table: u64, partial_sums: u64) -> Launch {
        self.pass("sum_squares", arguments![table, self.entries, partial_sums])
    }

    /// The `f64` norm of what [`TensorTable::sum_squares`] summed, and the clipping factor.
    pub(crate) fn norm(&self, [norm, factor, partial_sums]: [u64; 3], max_norm: f64) -> Launch {
        let arguments = arguments![norm, factor, partial_sums, self.blocks, max_norm];
        Launch::blocks("gradient_norm", Program::Ops(ActDtype::F32), 1, arguments)
    }
}

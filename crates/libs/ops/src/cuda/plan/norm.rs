//! Launches of `kernels/norm.cu` and `kernels/norm_backward.cu`.

use super::{Launch, Real, THREADS, arguments, nth, small};

/// Blocks that a pass over the activations aims at: some for each multiprocessor of any card. A
/// constant, so that sums have the same order on every card.
const BLOCKS: usize = 1024;
/// Rows that a thread sums at least before a part is worth a block of its own.
const ROWS: usize = 4;

/// How the activations `[rows, channels]` are cut into blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    real: Real,
    rows: usize,
    channels: usize,
    is_wide: bool,
    block: [u32; 2],
    /// Blocks along channels.
    across: usize,
    /// Rows of a part.
    share: usize,
}

/// Floats per channel of what the forward pass saves.
pub(crate) const SAVED: usize = 5;

impl Norm {
    /// For activations at `pointers`, all of one shape.
    pub(crate) fn new(real: Real, rows: usize, channels: usize, pointers: &[u64]) -> Self {
        let is_wide = real.packs(channels, pointers);
        let groups = if is_wide { channels / real.wide() } else { channels };
        let x = groups.next_power_of_two().min(32);
        let (y, across) = (THREADS / x, groups.div_ceil(x));
        let parts = (BLOCKS / across).clamp(1, rows.div_ceil(y * ROWS));
        let share = rows.div_ceil(parts).next_multiple_of(y);
        Self { real, rows, channels, is_wide, block: [small(x), small(y)], across, share }
    }

    /// Parts that the rows are cut into.
    pub(crate) const fn parts(&self) -> usize {
        self.rows.div_ceil(self.share)
    }

    /// A pass over the activations by the kernel of the two that fits.
    fn pass(&self, [wide, narrow]: [&'static str; 2], arguments: Vec<super::Argument>) -> Launch {
        Launch {
            kernel: if self.is_wide { wide } else { narrow },
            real: self.real,
            grid: [small(self.across), small(self.parts())],
            block: self.block,
            arguments,
        }
    }

    /// A pass over the parts of each channel.
    fn finish(&self, kernel: &'static str, arguments: Vec<super::Argument>) -> Launch {
        let grid = [small(self.channels.div_ceil(8)), 1];
        Launch { kernel, real: self.real, grid, block: [8, 32], arguments }
    }

    /// Mean and squares of each part, `[parts][2][C]`.
    pub(crate) fn moments(&self, x: u64, parts: u64) -> Launch {
        let arguments = arguments![x, parts, self.rows, self.channels, self.share];
        self.pass(["norm_moments_wide", "norm_moments"], arguments)
    }

    /// From the parts, gamma and beta to what is saved, `[SAVED][C]`.
    pub(crate) fn statistics(&self, [saved, parts, affine]: [u64; 3], eps: f64) -> Launch {
        let (rows, channels, share) = (self.rows, self.channels, self.share);
        let arguments = arguments![saved, parts, affine, rows, channels, share, eps];
        self.finish("norm_finish", arguments)
    }

    /// The same from a mean and a variance.
    pub(crate) fn fixed(&self, at: [u64; 4], eps: f64) -> Launch {
        let [saved, mean, variance, affine] = at;
        let arguments = arguments![saved, mean, variance, affine, self.channels, eps];
        Launch::each("norm_fixed", self.real, self.channels, arguments)
    }

    /// `y = relu?(a x + b + residual?)`; a residual of 0 is none.
    pub(crate) fn apply(&self, [y, x, residual]: [u64; 3], saved: u64, relu: bool) -> Launch {
        let (rows, channels, share) = (self.rows, self.channels, self.share);
        let [a, b] = [nth(saved, 3, channels), nth(saved, 4, channels)];
        let arguments = arguments![y, x, residual, a, b, rows, channels, share, relu];
        self.pass(["norm_apply_wide", "norm_apply"], arguments)
    }

    /// `y = relu?(x + bias + residual?)`.
    pub(crate) fn shift(&self, [y, x, residual]: [u64; 3], bias: u64, relu: bool) -> Launch {
        let (rows, channels, share) = (self.rows, self.channels, self.share);
        let arguments = arguments![y, x, residual, 0_u64, bias, rows, channels, share, relu];
        self.pass(["norm_apply_wide", "norm_apply"], arguments)
    }

    /// The sums that gradients need, of each part.
    pub(crate) fn sums(&self, at: [u64; 3], [saved, parts]: [u64; 2], relu: bool) -> Launch {
        let (rows, channels, share, [x, y, dy]) = (self.rows, self.channels, self.share, at);
        let arguments = arguments![x, y, dy, saved, parts, rows, channels, share, relu];
        self.pass(["norm_sums_wide", "norm_sums"], arguments)
    }

    /// From `slopes, daffine, parts, saved, affine`: the first two. `own`: of the batch's own
    /// statistics.
    pub(crate) fn slopes(&self, at: [u64; 5], own: bool) -> Launch {
        let (rows, channels, share) = (self.rows, self.channels, self.share);
        let [slopes, daffine, parts, saved, affine] = at;
        let arguments =
            arguments![slopes, daffine, parts, saved, affine, rows, channels, share, own];
        self.finish("norm_slopes", arguments)
    }

    /// The gradients of the input and, where `dr` is not 0, of the residual.
    pub(crate) fn gradients(
        &self,
        [dx, dr]: [u64; 2],
        [x, y, dy]: [u64; 3],
        slopes: u64,
        relu: bool,
    ) -> Launch {
        let (rows, channels, share) = (self.rows, self.channels, self.share);
        let arguments = arguments![dx, dr, x, y, dy, slopes, rows, channels, share, relu];
        self.pass(["norm_gradients_wide", "norm_gradients"], arguments)
    }
}

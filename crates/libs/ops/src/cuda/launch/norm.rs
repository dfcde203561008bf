//! Launches of the batch normalisation kernels.

use super::{
    ActDtype, Argument, Launch, Program, THREADS, VectorKernel, arguments, dim, nth, vector_kernel,
};

/// Blocks of a pass over the activations: several for each multiprocessor of any GPU. A constant,
/// so that the order of sums does not depend on the GPU.
const BLOCKS: usize = 1024;
/// Rows per thread that make another slice worth a block.
const MIN_ROWS_PER_THREAD: usize = 4;
/// Values per channel that the forward pass saves: mean, 1 / std, unbiased variance, scale, shift.
pub(crate) const STATISTICS: usize = 5;

/// How activations `[rows, channels]` are divided into blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    dtype: ActDtype,
    rows: usize,
    channels: usize,
    is_vectorized: bool,
    block: [u32; 2],
    /// Blocks along channels.
    channel_blocks: usize,
    rows_per_block: usize,
}

impl Norm {
    /// For activations of one shape at these addresses.
    pub(crate) fn new(dtype: ActDtype, rows: usize, channels: usize, addresses: &[u64]) -> Self {
        let is_vectorized = dtype.is_vectorizable(channels, addresses);
        let vectors = if is_vectorized { channels / dtype.vector_width() } else { channels };
        let x = vectors.next_power_of_two().min(32);
        let y = THREADS / x;
        let channel_blocks = vectors.div_ceil(x);
        let slices = (BLOCKS / channel_blocks).clamp(1, rows.div_ceil(y * MIN_ROWS_PER_THREAD));
        let rows_per_block = rows.div_ceil(slices).next_multiple_of(y);
        let block = [dim(x), dim(y)];
        Self { dtype, rows, channels, is_vectorized, block, channel_blocks, rows_per_block }
    }

    /// Floats of the partial results of a reduction, `[slices][2][C]`.
    pub(crate) const fn partials(&self) -> usize {
        self.slices() * 2 * self.channels
    }

    const fn slices(&self) -> usize {
        self.rows.div_ceil(self.rows_per_block)
    }

    /// A pass over the activations.
    fn activations(&self, kernels: VectorKernel, arguments: Vec<Argument>) -> Launch {
        Launch {
            kernel: if self.is_vectorized { kernels.vector } else { kernels.scalar },
            program: Program::Ops(self.dtype),
            grid: [dim(self.channel_blocks), dim(self.slices())],
            block: self.block,
            arguments,
        }
    }

    /// A reduction of the partial results of each channel.
    fn channels(&self, kernel: &'static str, arguments: Vec<Argument>) -> Launch {
        let grid = [dim(self.channels.div_ceil(8)), 1];
        Launch { kernel, program: Program::Ops(self.dtype), grid, block: [8, 32], arguments }
    }

    /// Mean and sum of squared deviations of each slice.
    pub(crate) fn moments(&self, x: u64, partials: u64) -> Launch {
        let arguments = arguments![x, partials, self.rows, self.channels, self.rows_per_block];
        self.activations(vector_kernel!("norm_moments"), arguments)
    }

    /// The statistics `[STATISTICS][C]` of the batch, from the moments and gamma, beta.
    pub(crate) fn statistics(&self, [to, partials, affine]: [u64; 3], eps: f64) -> Launch {
        let Self { rows, channels, rows_per_block, .. } = *self;
        let arguments = arguments![to, partials, affine, rows, channels, rows_per_block, eps];
        self.channels("norm_statistics", arguments)
    }

    /// The statistics from a given mean and variance.
    pub(crate) fn fixed_statistics(
        &self,
        [to, mean, variance, affine]: [u64; 4],
        eps: f64,
    ) -> Launch {
        let arguments = arguments![to, mean, variance, affine, self.channels, eps];
        let program = Program::Ops(self.dtype);
        Launch::per_value("norm_fixed_statistics", program, self.channels, arguments)
    }

    /// `y = relu?(scale x + shift + residual?)` with the statistics' scale and shift; `residual`
    /// may be null.
    pub(crate) fn apply(&self, at: [u64; 3], statistics: u64, relu: bool) -> Launch {
        let [scale, shift] = [3, 4].map(|row| nth(statistics, row, self.channels));
        self.scale_shift(at, scale, shift, relu)
    }

    /// `y = relu?(x + bias + residual?)`; `residual` may be null.
    pub(crate) fn add_bias(&self, at: [u64; 3], bias: u64, relu: bool) -> Launch {
        self.scale_shift(at, 0, bias, relu)
    }

    fn scale_shift(
        &self,
        [y, x, residual]: [u64; 3],
        scale: u64,
        shift: u64,
        relu: bool,
    ) -> Launch {
        let Self { rows, channels, rows_per_block, .. } = *self;
        let arguments =
            arguments![y, x, residual, scale, shift, rows, channels, rows_per_block, relu];
        self.activations(vector_kernel!("norm_apply"), arguments)
    }

    /// The sums of the backward pass over each slice.
    pub(crate) fn grad_sums(
        &self,
        [x, y, dy]: [u64; 3],
        [statistics, partials]: [u64; 2],
        relu: bool,
    ) -> Launch {
        let Self { rows, channels, rows_per_block, .. } = *self;
        let arguments =
            arguments![x, y, dy, statistics, partials, rows, channels, rows_per_block, relu];
        self.activations(vector_kernel!("norm_grad_sums"), arguments)
    }

    /// The coefficients of `dx` and the gradients of gamma and beta.
    pub(crate) fn grad_coefficients(
        &self,
        [coefficients, daffine, partials, statistics, affine]: [u64; 5],
        uses_batch_statistics: bool,
    ) -> Launch {
        let Self { rows, channels, rows_per_block, .. } = *self;
        let arguments = arguments![
            coefficients,
            daffine,
            partials,
            statistics,
            affine,
            rows,
            channels,
            rows_per_block,
            uses_batch_statistics
        ];
        self.channels("norm_grad_coefficients", arguments)
    }

    /// The gradients of the input and of the residual; `dr` may be null.
    pub(crate) fn input_grad(
        &self,
        [dx, dr]: [u64; 2],
        [x, y, dy]: [u64; 3],
        coefficients: u64,
        relu: bool,
    ) -> Launch {
        let Self { rows, channels, rows_per_block, .. } = *self;
        let arguments =
            arguments![dx, dr, x, y, dy, coefficients, rows, channels, rows_per_block, relu];
        self.activations(vector_kernel!("norm_input_grad"), arguments)
    }
}

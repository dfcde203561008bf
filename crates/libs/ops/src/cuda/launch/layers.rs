//! Launches of the elementwise, pooling, linear, loss and direct convolution kernels.

use super::{ActDtype, Argument, Launch, Program, arguments, dim, vector_kernel};
use crate::geometry::{ConvGeometry, Padding, PoolWindow};

/// No upper limit of a ReLU: comparisons with NaN are false.
pub(crate) const NO_LIMIT: f32 = f32::NAN;

/// `y = min(max(x, 0), limit)`.
pub(crate) fn relu(dtype: ActDtype, [y, x]: [u64; 2], limit: f32, count: usize) -> Launch {
    Launch::per_value("relu_forward", Program::Ops(dtype), count, arguments![y, x, limit, count])
}

/// The gradient of [`relu`], from its output `y`.
pub(crate) fn relu_backward(
    dtype: ActDtype,
    [dx, y, dy]: [u64; 3],
    limit: f32,
    count: usize,
) -> Launch {
    let arguments = arguments![dx, y, dy, limit, count];
    Launch::per_value("relu_backward", Program::Ops(dtype), count, arguments)
}

/// `sum += term`.
pub(crate) fn add(dtype: ActDtype, [sum, term]: [u64; 2], count: usize) -> Launch {
    Launch::per_value("add_in_place", Program::Ops(dtype), count, arguments![sum, term, count])
}

/// From `f32` to `dtype`.
pub(crate) fn cast_from_f32(dtype: ActDtype, [to, from]: [u64; 2], count: usize) -> Launch {
    Launch::per_value("cast_from_f32", Program::Ops(dtype), count, arguments![to, from, count])
}

/// From `dtype` to `f32`.
pub(crate) fn cast_to_f32(dtype: ActDtype, [to, from]: [u64; 2], count: usize) -> Launch {
    Launch::per_value("cast_to_f32", Program::Ops(dtype), count, arguments![to, from, count])
}

/// Weights `[O, I / groups, taps]` in `f32` to `[O, taps, I / groups]` in `dtype`.
pub(crate) fn filter_from_oihw(dtype: ActDtype, at: [u64; 2], g: &ConvGeometry) -> Launch {
    Launch::per_value(
        "filter_from_oihw",
        Program::Ops(dtype),
        g.len_weight(),
        filter_arguments(at, g),
    )
}

/// The inverse of [`filter_from_oihw`], for the gradient of the weights.
pub(crate) fn filter_to_oihw(dtype: ActDtype, at: [u64; 2], g: &ConvGeometry) -> Launch {
    Launch::per_value(
        "filter_to_oihw",
        Program::Ops(dtype),
        g.len_weight(),
        filter_arguments(at, g),
    )
}

fn filter_arguments([to, from]: [u64; 2], g: &ConvGeometry) -> Vec<Argument> {
    arguments![to, from, g.c_in / g.groups, g.kernel[0] * g.kernel[1], g.len_weight()]
}

/// Two vectors of `half` floats, concatenated.
pub(crate) fn concat_halves([to, a, b]: [u64; 3], half: usize) -> Launch {
    let program = Program::Ops(ActDtype::F32);
    Launch::per_value("concat_halves", program, 2 * half, arguments![to, a, b, half])
}

/// Zero padding of `x`, `[N, H, W, C]` of these sizes.
pub(crate) fn pad(dtype: ActDtype, at: [u64; 2], padding: Padding, x: [usize; 4]) -> Launch {
    let count = padded(padding, x).iter().product();
    Launch::per_value(
        "pad_forward",
        Program::Ops(dtype),
        count,
        pad_arguments(at, padding, x, count),
    )
}

/// The gradient of [`pad`].
pub(crate) fn pad_backward(
    dtype: ActDtype,
    at: [u64; 2],
    padding: Padding,
    x: [usize; 4],
) -> Launch {
    let count = x.iter().product();
    Launch::per_value(
        "pad_backward",
        Program::Ops(dtype),
        count,
        pad_arguments(at, padding, x, count),
    )
}

fn pad_arguments([to, from]: [u64; 2], p: Padding, x: [usize; 4], count: usize) -> Vec<Argument> {
    let [[_, h, w, c], [_, h_out, w_out, _]] = [x, padded(p, x)];
    arguments![to, from, p.top, p.left, h, w, c, h_out, w_out, count]
}

/// The sizes of `x`, padded.
pub(crate) const fn padded(padding: Padding, [n, h, w, c]: [usize; 4]) -> [usize; 4] {
    [n, padding.top + h + padding.bottom, padding.left + w + padding.right, c]
}

/// The maximum of each window and the tap that has it, for `n` images.
pub(crate) fn max_pool(
    dtype: ActDtype,
    [y, indices, x]: [u64; 3],
    window: &PoolWindow,
    n: usize,
) -> Launch {
    let count = n * window.h_out * window.w_out * window.c;
    let arguments = max_pool_arguments([y, indices, x], window, count);
    let kernels = vector_kernel!("max_pool_forward");
    Launch::per_vector(kernels, dtype, window.c, &[x], count, arguments)
}

/// The gradient of [`max_pool`].
pub(crate) fn max_pool_backward(
    dtype: ActDtype,
    [dx, indices, dy]: [u64; 3],
    window: &PoolWindow,
    n: usize,
) -> Launch {
    let count = n * window.h * window.w * window.c;
    let arguments = max_pool_arguments([dx, indices, dy], window, count);
    let kernels = vector_kernel!("max_pool_backward");
    Launch::per_vector(kernels, dtype, window.c, &[dy], count, arguments)
}

fn max_pool_arguments(
    [to, indices, from]: [u64; 3],
    s: &PoolWindow,
    count: usize,
) -> Vec<Argument> {
    arguments![
        to, indices, from, s.h, s.w, s.c, s.h_out, s.w_out, s.kernel, s.stride, s.padding, count
    ]
}

/// Sizes of a global average pooling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GlobalPool {
    pub(crate) dtype: ActDtype,
    pub(crate) images: usize,
    pub(crate) pixels: usize,
    pub(crate) channels: usize,
}

impl GlobalPool {
    /// The mean over the pixels of each image.
    pub(crate) fn forward(&self, [y, x]: [u64; 2]) -> Launch {
        // Blocks lie along x alone: a grid has at most 65535 along y.
        let grid = [dim(self.channels.div_ceil(32) * self.images), 1];
        let arguments = arguments![y, x, self.pixels, self.channels];
        let program = Program::Ops(self.dtype);
        Launch { kernel: "global_average_forward", program, grid, block: [32, 8], arguments }
    }

    pub(crate) fn backward(&self, [dx, dy]: [u64; 2]) -> Launch {
        let count = self.images * self.pixels * self.channels;
        let arguments = arguments![dx, dy, self.pixels, self.channels, count];
        Launch::per_value("global_average_backward", Program::Ops(self.dtype), count, arguments)
    }
}

/// A linear layer on `rows` inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    pub(crate) dtype: ActDtype,
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Round the factors of products to bf16.
    pub(crate) round_to_bf16: bool,
}

impl Linear {
    pub(crate) fn forward(&self, [y, x, w, bias]: [u64; 4]) -> Launch {
        let arguments = arguments![y, x, w, bias, self.inputs, self.outputs, self.round_to_bf16];
        self.launch("linear_forward", self.rows * self.outputs, arguments)
    }

    pub(crate) fn input_gradient(&self, [dx, dy, w]: [u64; 3]) -> Launch {
        let count = self.rows * self.inputs;
        let arguments = arguments![dx, dy, w, self.inputs, self.outputs, self.round_to_bf16, count];
        Launch::per_value("linear_input_gradient", Program::Ops(self.dtype), count, arguments)
    }

    pub(crate) fn weight_gradient(&self, [dw, x, dy]: [u64; 3]) -> Launch {
        let Self { dtype, rows, inputs, outputs, round_to_bf16 } = *self;
        let count = inputs * outputs;
        let arguments = arguments![dw, x, dy, rows, inputs, outputs, round_to_bf16, count];
        Launch::per_value("linear_weight_gradient", Program::Ops(dtype), count, arguments)
    }

    pub(crate) fn bias_gradient(&self, [db, dy]: [u64; 2]) -> Launch {
        let arguments = arguments![db, dy, self.rows, self.outputs];
        self.launch("linear_bias_gradient", self.outputs, arguments)
    }

    fn launch(&self, kernel: &'static str, blocks: usize, arguments: Vec<Argument>) -> Launch {
        Launch::blocks(kernel, Program::Ops(self.dtype), blocks, arguments)
    }
}

/// The focal loss of `count` logits in rows of `labels`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) labels: usize,
    pub(crate) count: usize,
    pub(crate) gamma: f64,
    pub(crate) scale: f64,
}

impl Loss {
    /// `weights` may be null.
    pub(crate) fn forward(&self, [loss, logits, targets, weights]: [u64; 4]) -> Launch {
        let Self { labels, count, gamma, scale } = *self;
        let arguments = arguments![loss, logits, targets, weights, labels, count, gamma, scale];
        Launch::blocks("loss_forward", Program::Ops(ActDtype::F32), 1, arguments)
    }

    /// `weights` may be null; `dloss` is the gradient of the scalar loss.
    pub(crate) fn backward(&self, [dx, logits, targets, weights, dloss]: [u64; 5]) -> Launch {
        let Self { labels, count, gamma, scale } = *self;
        let arguments =
            arguments![dx, logits, targets, weights, dloss, labels, count, gamma, scale];
        Launch::per_value("loss_backward", Program::Ops(ActDtype::F32), count, arguments)
    }
}

/// Direct convolution: `y, x, filter`.
pub(crate) fn direct_conv(dtype: ActDtype, at: [u64; 3], g: &ConvGeometry) -> Launch {
    let arguments = conv_arguments(at, g, g.len_out());
    Launch::per_value("direct_conv_forward", Program::Ops(dtype), g.len_out(), arguments)
}

/// Gradient of the input of [`direct_conv`]: `dx, dy, filter`.
pub(crate) fn direct_conv_input_gradient(
    dtype: ActDtype,
    at: [u64; 3],
    g: &ConvGeometry,
) -> Launch {
    let arguments = conv_arguments(at, g, g.len_in());
    Launch::per_value("direct_conv_input_gradient", Program::Ops(dtype), g.len_in(), arguments)
}

/// Gradient of the weights of [`direct_conv`]: `dw, x, dy`; `dw` is `f32`, `[O, I / groups, taps]`.
pub(crate) fn direct_conv_weight_gradient(
    dtype: ActDtype,
    at: [u64; 3],
    g: &ConvGeometry,
) -> Launch {
    let arguments = conv_arguments(at, g, g.n);
    Launch::blocks("direct_conv_weight_gradient", Program::Ops(dtype), g.len_weight(), arguments)
}

fn conv_arguments([to, a, b]: [u64; 3], g: &ConvGeometry, count: usize) -> Vec<Argument> {
    let [kh, kw] = g.kernel;
    arguments![
        to, a, b, g.h, g.w, g.c_in, g.c_out, kh, kw, g.stride, g.padding, g.groups, g.h_out,
        g.w_out, count
    ]
}

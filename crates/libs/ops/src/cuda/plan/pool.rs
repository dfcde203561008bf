//! Launches of `kernels/pool.cu`.

use super::{Launch, Real, arguments, small};
use crate::geometry::PoolWindow;

/// The maximum and the taps that had it, of `n` images.
pub(crate) fn max_forward(real: Real, at: [u64; 3], window: &PoolWindow, n: usize) -> Launch {
    let ([y, indices, x], s) = (at, window);
    let count = n * s.h_out * s.w_out * s.c;
    let arguments = arguments![
        y, indices, x, s.h, s.w, s.c, s.h_out, s.w_out, s.kernel, s.stride, s.padding, count
    ];
    packed(real, ["max_pool_forward_wide", "max_pool_forward"], (s.c, count), (&[x], arguments))
}

/// The gradient of the inputs that won.
pub(crate) fn max_backward(real: Real, at: [u64; 3], window: &PoolWindow, n: usize) -> Launch {
    let ([dx, indices, dy], s) = (at, window);
    let count = n * s.h * s.w * s.c;
    let arguments = arguments![
        dx, indices, dy, s.h, s.w, s.c, s.h_out, s.w_out, s.kernel, s.stride, s.padding, count
    ];
    packed(real, ["max_pool_backward_wide", "max_pool_backward"], (s.c, count), (&[dy], arguments))
}

/// A thread for as many channels as move at once.
fn packed(
    real: Real,
    [wide, narrow]: [&'static str; 2],
    (channels, count): (usize, usize),
    (pointers, arguments): (&[u64], Vec<super::Argument>),
) -> Launch {
    if real.packs(channels, pointers) {
        Launch::each(wide, real, count / real.wide(), arguments)
    } else {
        Launch::each(narrow, real, count, arguments)
    }
}

/// The mean over the pixels of each of `n` images: sizes are `n`, pixels, channels.
pub(crate) fn average_forward(real: Real, [y, x]: [u64; 2], sizes: [usize; 3]) -> Launch {
    let [n, pixels, channels] = sizes;
    // Along x alone, for a grid has at most 65535 blocks along y.
    let grid = [small(channels.div_ceil(32) * n), 1];
    let arguments = arguments![y, x, pixels, channels];
    Launch { kernel: "average_forward", real, grid, block: [32, 8], arguments }
}

/// Its gradient.
pub(crate) fn average_backward(real: Real, [dx, dy]: [u64; 2], sizes: [usize; 3]) -> Launch {
    let [n, pixels, channels] = sizes;
    let count = n * pixels * channels;
    Launch::each("average_backward", real, count, arguments![dx, dy, pixels, channels, count])
}

//! Launches of `kernels/pointwise.cu`.

use super::{Launch, Real, arguments};
use crate::geometry::Padding;

/// Cuts nothing off above: no comparison with it holds.
pub(crate) const NO_LIMIT: f32 = f32::NAN;

/// `y = min(max(x, 0), most)`.
pub(crate) fn rectify_forward(real: Real, [y, x]: [u64; 2], most: f32, count: usize) -> Launch {
    Launch::each("rectify_forward", real, count, arguments![y, x, most, count])
}

/// Its gradient, from the output `y`.
pub(crate) fn rectify_backward(real: Real, at: [u64; 3], most: f32, count: usize) -> Launch {
    let [dx, y, dy] = at;
    Launch::each("rectify_backward", real, count, arguments![dx, y, dy, most, count])
}

/// `sum += term`.
pub(crate) fn add(real: Real, [sum, term]: [u64; 2], count: usize) -> Launch {
    Launch::each("add_in_place", real, count, arguments![sum, term, count])
}

/// From `f32` to `real`.
pub(crate) fn from_float(real: Real, [to, from]: [u64; 2], count: usize) -> Launch {
    Launch::each("from_float", real, count, arguments![to, from, count])
}

/// From `real` to `f32`.
pub(crate) fn to_float(real: Real, [to, from]: [u64; 2], count: usize) -> Launch {
    Launch::each("to_float", real, count, arguments![to, from, count])
}

/// The sides of weights: outputs, inputs of a group, taps.
pub(crate) type Sides = [usize; 3];

/// Weights `[O, I, taps]` in `f32` to `[O, taps, I]`.
pub(crate) fn weights_in(real: Real, [to, from]: [u64; 2], sides: Sides) -> Launch {
    let ([outputs, inputs, taps], name) = (sides, "weights_in");
    let count = outputs * inputs * taps;
    Launch::each(name, real, count, arguments![to, from, inputs, taps, count])
}

/// The gradient of weights back to their own layout and `f32`.
pub(crate) fn weights_out(real: Real, [to, from]: [u64; 2], sides: Sides) -> Launch {
    let ([outputs, inputs, taps], name) = (sides, "weights_out");
    let count = outputs * inputs * taps;
    Launch::each(name, real, count, arguments![to, from, inputs, taps, count])
}

/// Two vectors of `half` floats one behind the other.
pub(crate) fn join([to, a, b]: [u64; 3], half: usize) -> Launch {
    Launch::each("join", Real::F32, 2 * half, arguments![to, a, b, half])
}

/// Zeros around `[N, H, W, C]`.
pub(crate) fn pad_forward(real: Real, at: [u64; 2], padding: Padding, x: [usize; 4]) -> Launch {
    let [n, h, w, c] = x;
    let [tall, broad] = outer(padding, x);
    let (Padding { top, left, .. }, count, [y, x]) = (padding, n * tall * broad * c, at);
    let arguments = arguments![y, x, top, left, h, w, c, tall, broad, count];
    Launch::each("pad_forward", real, count, arguments)
}

/// What of the gradient belongs to the image `[N, H, W, C]`.
pub(crate) fn pad_backward(real: Real, at: [u64; 2], padding: Padding, x: [usize; 4]) -> Launch {
    let [n, h, w, c] = x;
    let [tall, broad] = outer(padding, x);
    let (Padding { top, left, .. }, count, [dx, dy]) = (padding, n * h * w * c, at);
    let arguments = arguments![dx, dy, top, left, h, w, c, tall, broad, count];
    Launch::each("pad_backward", real, count, arguments)
}

/// Height and width with the padding.
pub(crate) const fn outer(padding: Padding, [_, h, w, _]: [usize; 4]) -> [usize; 2] {
    [padding.top + h + padding.bottom, padding.left + w + padding.right]
}

//! Launches of `kernels/convolution.cu`: the shapes that cuDNN refuses.

use super::{Argument, Launch, Real, arguments};
use crate::conv::Geometry;

fn arguments(at: [u64; 3], g: &Geometry, last: usize) -> Vec<Argument> {
    let ([a, b, c], [kh, kw]) = (at, g.kernel);
    arguments![
        a, b, c, g.h, g.w, g.c_in, g.c_out, kh, kw, g.stride, g.padding, g.groups, g.h_out,
        g.w_out, last
    ]
}

/// `y, x, weights`.
pub(crate) fn forward(real: Real, at: [u64; 3], g: &Geometry) -> Launch {
    Launch::each("direct_forward", real, g.len_out(), arguments(at, g, g.len_out()))
}

/// `dx, dy, weights`.
pub(crate) fn input_gradient(real: Real, at: [u64; 3], g: &Geometry) -> Launch {
    Launch::each("direct_input_gradient", real, g.len_in(), arguments(at, g, g.len_in()))
}

/// `dw, x, dy`; `dw` is `f32` in the layout of the weights themselves.
pub(crate) fn weight_gradient(real: Real, at: [u64; 3], g: &Geometry) -> Launch {
    Launch::blocks("direct_weight_gradient", real, g.len_weight(), arguments(at, g, g.n))
}

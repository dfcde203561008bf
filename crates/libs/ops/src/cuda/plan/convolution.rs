//! Launches of `kernels/convolution.cu`: the shapes that cuDNN refuses.

use super::{Argument, Launch, Real, arguments};
use crate::geometry::ConvGeometry;

fn arguments(at: [u64; 3], g: &ConvGeometry, last: usize) -> Vec<Argument> {
    let ([a, b, c], [kh, kw]) = (at, g.kernel);
    arguments![
        a, b, c, g.h, g.w, g.c_in, g.c_out, kh, kw, g.stride, g.padding, g.groups, g.h_out,
        g.w_out, last
    ]
}

/// Whether a status of cuDNN says that it has nothing for a shape: the subordinate codes of "not
/// supported", but for those of [`is_lack`].
pub(crate) const fn is_refusal(status: u32) -> bool {
    matches!(status, 3000..=3999) && !is_lack(status)
}

/// Whether a status says that the machine lacks something: its driver or runtime does not go with
/// cuDNN, the card is of another kind, a library is missing. What then computed a shape slowly would
/// compute all of them slowly, and nobody would know why.
pub(crate) const fn is_lack(status: u32) -> bool {
    matches!(status, 3005..=3009)
}

/// `y, x, weights`.
pub(crate) fn forward(real: Real, at: [u64; 3], g: &ConvGeometry) -> Launch {
    Launch::each("direct_forward", real, g.len_out(), arguments(at, g, g.len_out()))
}

/// `dx, dy, weights`.
pub(crate) fn input_gradient(real: Real, at: [u64; 3], g: &ConvGeometry) -> Launch {
    Launch::each("direct_input_gradient", real, g.len_in(), arguments(at, g, g.len_in()))
}

/// `dw, x, dy`; `dw` is `f32` in the layout of the weights themselves.
pub(crate) fn weight_gradient(real: Real, at: [u64; 3], g: &ConvGeometry) -> Launch {
    Launch::blocks("direct_weight_gradient", real, g.len_weight(), arguments(at, g, g.n))
}

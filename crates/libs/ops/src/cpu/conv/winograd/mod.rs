//! Winograd's F(4x4, 3x3): 36 products where the direct way takes 144.
//!
//! An output tile of 4x4 pixels depends on 6x6 inputs. With `d` the inputs and `g` the kernel,
//! `y = A^T [(G g G^T) . (B^T d B)] A`, where the dot is a product per position `xi` of the 36.
//! Over channels and tiles each `xi` is a matrix product `[tiles, in] x [in, out]`. The input
//! gradient is the same with the kernel turned round and the channels swapped; the weight gradient
//! is `G^T [(B^T d B) . (A dy A^T)] G`.
//!
//! In bf16 the operands are rounded as they are read; transforms and products stay in `f32`, where
//! they take less time than the direct way does on pairs.
//!
//! Error: the transforms multiply by up to 8 and cancel, so the result is off by at most about 1e-5 of the
//! largest output, where the direct sum has 1e-7; tests hold it below 2e-5.
//! Source: Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks* (2015), points
//! 0, 1, -1, 2, -2 and infinity.

mod forward;
mod tiles;
mod transform;
mod weight_gradient;
mod weights;

use super::Epilogue;
use crate::cpu::simd::GemmDtype;
use crate::geometry::ConvGeometry;
pub(super) use weight_gradient::weight_gradient;

/// Positions of a transformed tile.
const POSITIONS: usize = 36;

/// Winograd takes 3x3 kernels with stride 1 and whole vectors of channels.
pub(super) fn fits(g: &ConvGeometry) -> bool {
    g.kernel == [3, 3]
        && g.stride == 1
        && g.padding <= 2
        && g.c_in.is_multiple_of(16)
        && g.c_out.is_multiple_of(16)
}

/// One pass from a map to a map.
#[derive(Clone, Copy)]
struct Pass {
    n: usize,
    h: usize,
    w: usize,
    h_out: usize,
    w_out: usize,
    padding: usize,
    /// Channels that are read.
    inner: usize,
    /// Channels that are written.
    outer: usize,
}

impl Pass {
    fn forward(g: &ConvGeometry) -> Self {
        let ConvGeometry { n, h, w, h_out, w_out, padding, .. } = *g;
        Self { n, h, w, h_out, w_out, padding, inner: g.c_in, outer: g.c_out }
    }

    /// From the output's gradient back to the input's.
    fn backward(g: &ConvGeometry) -> Self {
        Self {
            n: g.n,
            h: g.h_out,
            w: g.w_out,
            h_out: g.h,
            w_out: g.w,
            padding: 2 - g.padding,
            inner: g.c_out,
            outer: g.c_in,
        }
    }

    fn tiles_per_image(&self) -> usize {
        self.h_out.div_ceil(4) * self.w_out.div_ceil(4)
    }

    fn tiles(&self) -> usize {
        self.n * self.tiles_per_image()
    }

    /// Image, first row and first column of a tile of the output.
    fn place(&self, tile: usize) -> [usize; 3] {
        let (image, rest) = (tile / self.tiles_per_image(), tile % self.tiles_per_image());
        let across = self.w_out.div_ceil(4);
        [image, rest / across * 4, rest % across * 4]
    }
}

/// `y = conv(x, w)`.
pub(super) fn forward(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    w: &[f32],
    epilogue: &Epilogue,
) -> Vec<f32> {
    let kernel = weights::Kernels { values: w, c_in: g.c_in, turned: false };
    forward::run(dtype, &Pass::forward(g), (x, &kernel), epilogue)
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let kernel = weights::Kernels { values: w, c_in: g.c_in, turned: true };
    forward::run(dtype, &Pass::backward(g), (dy, &kernel), &Epilogue::default())
}

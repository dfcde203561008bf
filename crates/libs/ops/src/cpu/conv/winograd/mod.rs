//! Winograd F(4x4, 3x3): 36 products where direct convolution takes 144.
//!
//! An output tile of 4x4 pixels depends on 6x6 inputs. With `d` the inputs and `g` the kernel,
//! `y = A^T [(G g G^T) . (B^T d B)] A`, where the dot is a product for each of the 36 elements `xi`.
//! Over channels and tiles each is a matrix product `[tiles, in] x [in, out]`. The input
//! gradient is the same with the kernel rotated by 180 degrees and the channels swapped; the weight gradient
//! is `G^T [(B^T d B) . (A dy A^T)] G`.
//!
//! In bf16 the operands are rounded as they are loaded; transforms and products stay in `f32`,
//! which is faster than direct convolution with bf16 products.
//!
//! Error: the transforms multiply by up to 8 and cancel, so the error is up to about 1e-5 of the
//! largest output, where the direct sum has 1e-7; tests require less than 2e-5.
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

/// Elements of a transformed tile, and so matrices of transformed tiles.
const POSITIONS: usize = 36;
/// Extra distance of the 36 matrices, so that they do not fall onto the same cache sets.
const SKEW: usize = 48;

/// 3x3 kernels with stride 1 and whole vectors of channels.
pub(super) fn fits(g: &ConvGeometry) -> bool {
    g.kernel == [3, 3]
        && g.stride == 1
        && g.padding <= 2
        && g.c_in.is_multiple_of(16)
        && g.c_out.is_multiple_of(16)
}

/// The sizes of one convolution, forward or of the gradient.
#[derive(Clone, Copy)]
struct WinogradConv {
    n: usize,
    h: usize,
    w: usize,
    h_out: usize,
    w_out: usize,
    padding: usize,
    /// Input channels of this pass.
    c_in: usize,
    /// Output channels of this pass.
    c_out: usize,
}

/// Image, first row and first column of a tile.
struct TileOrigin {
    image: usize,
    top: usize,
    left: usize,
}

impl WinogradConv {
    fn forward(g: &ConvGeometry) -> Self {
        let ConvGeometry { n, h, w, h_out, w_out, padding, .. } = *g;
        Self { n, h, w, h_out, w_out, padding, c_in: g.c_in, c_out: g.c_out }
    }

    /// From the gradient of the output to that of the input.
    fn backward(g: &ConvGeometry) -> Self {
        Self {
            n: g.n,
            h: g.h_out,
            w: g.w_out,
            h_out: g.h,
            w_out: g.w,
            padding: 2 - g.padding,
            c_in: g.c_out,
            c_out: g.c_in,
        }
    }

    fn tiles_per_image(&self) -> usize {
        self.h_out.div_ceil(4) * self.w_out.div_ceil(4)
    }

    fn tiles(&self) -> usize {
        self.n * self.tiles_per_image()
    }

    /// Where a tile of the output begins.
    fn tile_origin(&self, tile: usize) -> TileOrigin {
        let (image, rest) = (tile / self.tiles_per_image(), tile % self.tiles_per_image());
        let across = self.w_out.div_ceil(4);
        TileOrigin { image, top: rest / across * 4, left: rest % across * 4 }
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
    let kernel = weights::Kernels { values: w, c_in: g.c_in, rotated: false };
    forward::run(dtype, &WinogradConv::forward(g), x, &kernel, epilogue)
}

/// The gradient of `x`.
pub(super) fn input_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let kernel = weights::Kernels { values: w, c_in: g.c_in, rotated: true };
    forward::run(dtype, &WinogradConv::backward(g), dy, &kernel, &Epilogue::NONE)
}

//! Two-dimensional convolution, NHWC, dilation 1, and its two gradients.
//!
//! The algorithm depends on the shape and the precision alone: grouped and depthwise convolutions
//! have their own, maps of a few pixels are convolved pixel by pixel, 3x3 with stride 1 by Winograd
//! F(4x4, 3x3), the rest directly.

mod direct;
mod epilogue;
mod grouped;
mod small_maps;
mod winograd;

pub(crate) use epilogue::Epilogue;

use crate::cpu::simd::{GemmDtype, round_to_bf16};
use crate::geometry::ConvGeometry;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Grouped,
    SmallMaps,
    Winograd,
    Direct,
}

impl Algorithm {
    fn of(dtype: GemmDtype, g: &ConvGeometry) -> Self {
        if g.groups > 1 {
            Self::Grouped
        } else if small_maps::fits(g) {
            if dtype.is_bf16() { Self::Direct } else { Self::SmallMaps }
        } else if winograd::fits(g) {
            Self::Winograd
        } else {
            Self::Direct
        }
    }
}

/// Runs a grouped kernel on its operands, rounded to bf16 first in that precision: products of bf16
/// are exact in `f32`, so rounding the operands is all that differs.
fn with_rounded<T>(
    dtype: GemmDtype,
    a: &[f32],
    b: &[f32],
    run: impl FnOnce(&[f32], &[f32]) -> T,
) -> T {
    if dtype.is_bf16() {
        run(&round_to_bf16(dtype.level, a), &round_to_bf16(dtype.level, b))
    } else {
        run(a, b)
    }
}

/// `y = epilogue(conv(x, w))`.
pub(crate) fn forward(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    w: &[f32],
    epilogue: &Epilogue,
) -> Vec<f32> {
    let level = dtype.level;
    match Algorithm::of(dtype, g) {
        Algorithm::Grouped => {
            let y = with_rounded(dtype, x, w, |x, w| grouped::forward(level, g, x, w));
            epilogue.apply(level, y, g.c_out)
        }
        Algorithm::SmallMaps => epilogue.apply(level, small_maps::forward(level, g, x, w), g.c_out),
        Algorithm::Winograd => winograd::forward(dtype, g, x, w, epilogue),
        Algorithm::Direct => direct::forward(dtype, g, x, w, epilogue),
    }
}

/// The gradient of `x`.
pub(crate) fn input_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    dy: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let level = dtype.level;
    match Algorithm::of(dtype, g) {
        Algorithm::Grouped => {
            with_rounded(dtype, dy, w, |dy, w| grouped::input_gradient(level, g, dy, w))
        }
        Algorithm::SmallMaps => small_maps::input_gradient(level, g, dy, w),
        Algorithm::Winograd => winograd::input_gradient(dtype, g, dy, w),
        Algorithm::Direct => direct::input_gradient(dtype, g, dy, w),
    }
}

/// The gradient of `w`.
pub(crate) fn weight_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    dy: &[f32],
) -> Vec<f32> {
    let level = dtype.level;
    match Algorithm::of(dtype, g) {
        Algorithm::Grouped => {
            with_rounded(dtype, x, dy, |x, dy| grouped::weight_gradient(level, g, x, dy))
        }
        Algorithm::SmallMaps => small_maps::weight_gradient(level, g, x, dy),
        Algorithm::Winograd => winograd::weight_gradient(dtype, g, x, dy),
        Algorithm::Direct => direct::weight_gradient(dtype, g, x, dy),
    }
}

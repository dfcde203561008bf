//! Two-dimensional convolution, NHWC, dilation 1, and its two gradients.
//!
//! Which kernel does the work depends on the shape alone: grouped and depthwise convolutions have
//! their own, 1x1 with stride 1 is a plain matrix product, maps of a few pixels go pixel by pixel, 3x3
//! with stride 1 goes through Winograd F(4x4, 3x3), the rest through patches (im2col).

mod geometry;
mod grouped;
mod op;
mod patches;
mod pointwise;
mod small;
mod winograd;

pub(crate) use geometry::Geometry;
pub use op::{Conv2d, conv2d, conv2d_bias_act};

use crate::simd::Level;

/// The kernel that a shape is given to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Grouped,
    Pointwise,
    Small,
    Winograd,
    Patches,
}

fn route(g: &Geometry) -> Route {
    if g.groups > 1 {
        Route::Grouped
    } else if g.kernel == [1, 1] && g.stride == 1 && g.padding == 0 {
        Route::Pointwise
    } else if small::fits(g) {
        Route::Small
    } else if winograd::fits(g) {
        Route::Winograd
    } else {
        Route::Patches
    }
}

/// `y = conv(x, w)`.
pub(crate) fn forward(level: Level, g: &Geometry, x: &[f32], w: &[f32]) -> Vec<f32> {
    match route(g) {
        Route::Grouped => grouped::forward(level, g, x, w),
        Route::Pointwise => pointwise::forward(level, [g.rows_out(), g.c_in, g.c_out], x, w),
        Route::Small => small::forward(level, g, x, w),
        Route::Winograd => winograd::forward(level, g, x, w),
        Route::Patches => patches::forward(level, g, x, w),
    }
}

/// The gradient of `x`.
pub(crate) fn input_gradient(level: Level, g: &Geometry, dy: &[f32], w: &[f32]) -> Vec<f32> {
    match route(g) {
        Route::Grouped => grouped::input_gradient(level, g, dy, w),
        Route::Pointwise => {
            pointwise::input_gradient(level, [g.rows_out(), g.c_in, g.c_out], dy, w)
        }
        Route::Small => small::input_gradient(level, g, dy, w),
        Route::Winograd => winograd::input_gradient(level, g, dy, w),
        Route::Patches => patches::input_gradient(level, g, dy, w),
    }
}

/// The gradient of `w`.
pub(crate) fn weight_gradient(level: Level, g: &Geometry, x: &[f32], dy: &[f32]) -> Vec<f32> {
    match route(g) {
        Route::Grouped => grouped::weight_gradient(level, g, x, dy),
        Route::Pointwise => {
            pointwise::weight_gradient(level, [g.rows_out(), g.c_in, g.c_out], x, dy)
        }
        Route::Small => small::weight_gradient(level, g, x, dy),
        Route::Winograd => winograd::weight_gradient(level, g, x, dy),
        Route::Patches => patches::weight_gradient(level, g, x, dy),
    }
}

pub(crate) use pointwise::{
    forward as product, input_gradient as product_input_gradient,
    weight_gradient as product_weight_gradient,
};

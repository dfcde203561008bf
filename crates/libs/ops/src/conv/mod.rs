//! Two-dimensional convolution, NHWC, dilation 1, and its two gradients.
//!
//! Which kernel does the work depends on the shape and the precision alone: grouped and depthwise
//! convolutions have their own, maps of a few pixels go pixel by pixel, 3x3 with stride 1 goes
//! through Winograd F(4x4, 3x3), the rest directly.

mod after;
mod direct;
mod geometry;
mod grouped;
mod op;
mod small;
mod winograd;

pub(crate) use after::After;
pub(crate) use geometry::Geometry;
pub(crate) use op::gradients;
pub use op::{Conv2d, conv2d, conv2d_bias_act, conv2d_in};

use crate::simd::{Words, rounded_to_bf16};

/// The kernel that a shape is given to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Grouped,
    Small,
    Winograd,
    Direct,
}

fn route(words: Words, g: &Geometry) -> Route {
    if g.groups > 1 {
        Route::Grouped
    } else if small::fits(g) {
        if words.is_pairs() { Route::Direct } else { Route::Small }
    } else if winograd::fits(g) {
        Route::Winograd
    } else {
        Route::Direct
    }
}

/// Two operands as the grouped kernels take them: rounded where bf16 is wanted. Products of bf16
/// are exact in `f32`, so that rounding the operands is all there is to it.
fn with_rounded<T>(words: Words, [a, b]: [&[f32]; 2], run: impl FnOnce(&[f32], &[f32]) -> T) -> T {
    if words.is_pairs() {
        run(&rounded_to_bf16(words.level, a), &rounded_to_bf16(words.level, b))
    } else {
        run(a, b)
    }
}

/// `y = after(conv(x, w))`.
pub(crate) fn forward(words: Words, g: &Geometry, [x, w]: [&[f32]; 2], after: &After) -> Vec<f32> {
    let level = words.level;
    match route(words, g) {
        Route::Grouped => {
            let y = with_rounded(words, [x, w], |x, w| grouped::forward(level, g, x, w));
            after.all(level, y, g.c_out)
        }
        Route::Small => after.all(level, small::forward(level, g, x, w), g.c_out),
        Route::Winograd => winograd::forward(words, g, [x, w], after),
        Route::Direct => direct::forward(words, g, [x, w], after),
    }
}

/// The gradient of `x`.
fn input_gradient(words: Words, g: &Geometry, dy: &[f32], w: &[f32]) -> Vec<f32> {
    let level = words.level;
    match route(words, g) {
        Route::Grouped => {
            with_rounded(words, [dy, w], |dy, w| grouped::input_gradient(level, g, dy, w))
        }
        Route::Small => small::input_gradient(level, g, dy, w),
        Route::Winograd => winograd::input_gradient(words, g, dy, w),
        Route::Direct => direct::input_gradient(words, g, dy, w),
    }
}

/// The gradient of `w`.
fn weight_gradient(words: Words, g: &Geometry, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let level = words.level;
    match route(words, g) {
        Route::Grouped => {
            with_rounded(words, [x, dy], |x, dy| grouped::weight_gradient(level, g, x, dy))
        }
        Route::Small => small::weight_gradient(level, g, x, dy),
        Route::Winograd => winograd::weight_gradient(words, g, x, dy),
        Route::Direct => direct::weight_gradient(words, g, x, dy),
    }
}

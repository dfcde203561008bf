//! Transforms of tiles, a vector of channels at a time.
//!
//! Transformed tiles are stored as 36 matrices, `matrix_stride` values apart; a tile is one row of
//! each.
#![expect(unsafe_code, reason = "kernels over raw pointers; contracts are stated")]

use super::transform;
use crate::cpu::conv::Epilogue;
use crate::cpu::simd::{Simd, multiversion, multiversion_dtype};

/// A window of one image of an NHWC map.
#[derive(Clone, Copy)]
pub(super) struct TileWindow {
    /// The image's first value, at the first channel of interest.
    pub(super) image: *mut f32,
    pub(super) h: usize,
    pub(super) w: usize,
    /// Channels of the map: values from pixel to pixel.
    pub(super) pixel_stride: usize,
    /// Channels to process: a multiple of 16.
    pub(super) channels: usize,
    /// The window's corner, outside the image by up to the padding.
    pub(super) y: isize,
    pub(super) x: isize,
}

impl TileWindow {
    /// The pixel at `(i, j)` of the window if it is inside the image.
    ///
    /// # Safety
    /// The image is valid for its size.
    #[inline(always)]
    unsafe fn pixel(&self, i: usize, j: usize) -> Option<*mut f32> {
        let (y, x) = (self.y.wrapping_add_unsigned(i), self.x.wrapping_add_unsigned(j));
        let (y, x) = (y.cast_unsigned(), x.cast_unsigned());
        // A negative coordinate wraps to a huge one.
        // SAFETY: the pixel is inside the image.
        (y < self.h && x < self.w)
            .then(|| unsafe { self.image.add((y * self.w + x) * self.pixel_stride) })
    }

    #[inline(always)]
    unsafe fn load<S: Simd, const SIDE: usize>(&self, channel: usize) -> [[S::V; SIDE]; SIDE] {
        // SAFETY: the pixel is inside the image and has `channels` values.
        unsafe {
            let mut pixels = [[S::splat(0.0); SIDE]; SIDE];
            for (i, row) in pixels.iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    if let Some(pixel) = self.pixel(i, j) {
                        *value = S::operand(pixel.add(channel));
                    }
                }
            }
            pixels
        }
    }
}

multiversion_dtype! {
    Bf16Round:
    /// `B^T d B` of the 6x6 window into row `to` of the 36 matrices.
    ///
    /// # Safety
    /// The window's image is readable, `to` writable in the 36 matrices for all channels.
    pub(super) fn input_tile<S>(window: TileWindow, to: *mut f32, matrix_stride: usize) {
        for channel in (0..window.channels).step_by(S::LANES) {
            let d = window.load::<S, 6>(channel);
            let mut t = d;
            for j in 0..6 {
                let column = transform::input::<S>([d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j]]);
                for i in 0..6 {
                    t[i][j] = column[i];
                }
            }
            for (i, row) in t.into_iter().enumerate() {
                for (j, value) in transform::input::<S>(row).into_iter().enumerate() {
                    S::store(to.add((i * 6 + j) * matrix_stride + channel), value);
                }
            }
        }
    }
}

multiversion_dtype! {
    Bf16Round:
    /// `A dy A^T` of the 4x4 window into row `to` of the 36 matrices.
    ///
    /// # Safety
    /// As `input_tile`.
    pub(super) fn gradient_tile<S>(window: TileWindow, to: *mut f32, matrix_stride: usize) {
        for channel in (0..window.channels).step_by(S::LANES) {
            let d = window.load::<S, 4>(channel);
            let mut t = [[S::splat(0.0); 4]; 6];
            for j in 0..4 {
                let column = transform::output_gradient::<S>([d[0][j], d[1][j], d[2][j], d[3][j]]);
                for i in 0..6 {
                    t[i][j] = column[i];
                }
            }
            for (i, row) in t.into_iter().enumerate() {
                for (j, value) in transform::output_gradient::<S>(row).into_iter().enumerate() {
                    S::store(to.add((i * 6 + j) * matrix_stride + channel), value);
                }
            }
        }
    }
}

/// The epilogue of a window's outputs, with the output index and the channel where the window's
/// image begins.
#[derive(Clone, Copy)]
pub(super) struct TileEpilogue<'a> {
    pub(super) epilogue: &'a Epilogue<'a>,
    pub(super) start: usize,
    pub(super) channel: usize,
}

multiversion! {
    /// `A^T m A` of row `from` of the 36 matrices into the 4x4 window, as far as it is inside.
    ///
    /// # Safety
    /// `from` is readable in the 36 matrices for all channels; nothing else uses the window.
    pub(super) fn output_tile<S>(
        window: TileWindow,
        from: *const f32,
        matrix_stride: usize,
        epilogue: TileEpilogue,
    ) {
        for channel in (0..window.channels).step_by(S::LANES) {
            let m = |i: usize, j: usize| S::load(from.add((i * 6 + j) * matrix_stride + channel));
            let mut t = [[S::splat(0.0); 6]; 4];
            for j in 0..6 {
                let column =
                    transform::output::<S>([m(0, j), m(1, j), m(2, j), m(3, j), m(4, j), m(5, j)]);
                for i in 0..4 {
                    t[i][j] = column[i];
                }
            }
            for (i, row) in t.into_iter().enumerate() {
                for (j, value) in transform::output::<S>(row).into_iter().enumerate() {
                    if let Some(pixel) = window.pixel(i, j) {
                        let index = epilogue.start + pixel.offset_from_unsigned(window.image) + channel;
                        let value = epilogue.epilogue.apply_vector::<S>(value, index, epilogue.channel + channel);
                        S::store(pixel.add(channel), value);
                    }
                }
            }
        }
    }
}

//! Zeros around an image, and TensorFlow's "SAME" padding, which is not the same on both sides.
//!
//! "SAME" makes an output of `ceil(side / stride)` pixels: it needs
//! `max((ceil(side / stride) - 1) * stride + kernel - side, 0)` zeros along an axis, half of them
//! before the image and the odd one behind it. Source: TensorFlow, `tf.nn` module, "Notes on
//! padding". With a stride of 2 and an even side that is lopsided, and a network trained with it
//! answers wrongly under even padding.
//!
//! Shapes: `x [N, H, W, C]`.

use crate::memory::zeros;
use crate::tensor::{dims4, on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Zeros on each side of an image, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns before.
    pub left: usize,
    /// Columns behind.
    pub right: usize,
}

impl Padding {
    /// What "SAME" needs for an image of `height` and `width`; nothing for a stride of 0.
    #[must_use]
    pub fn same([height, width]: [usize; 2], [kh, kw]: [usize; 2], stride: usize) -> Self {
        let [top, bottom] = same_along(height, kh, stride);
        let [left, right] = same_along(width, kw, stride);
        Self { top, bottom, left, right }
    }

    /// The width of the border where it is the same on all four sides.
    #[must_use]
    pub fn even(self) -> Option<usize> {
        let Self { top, bottom, left, right } = self;
        (top == bottom && top == left && top == right).then_some(top)
    }
}

fn same_along(side: usize, kernel: usize, stride: usize) -> [usize; 2] {
    if stride == 0 {
        return [0, 0];
    }
    let last = side.div_ceil(stride).saturating_sub(1) * stride;
    let zeros = (last + kernel).saturating_sub(side);
    [zeros / 2, zeros - zeros / 2]
}

const NAME: &str = "zero_pad2d";

/// `x` with zeros around it.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor `[N, H, W, C]`, or on a graphics card `f32` or `bf16`.
pub fn zero_pad2d(x: &Tensor, padding: Padding) -> Result<Tensor> {
    on_card!(x, crate::cuda::zero_pad2d(x, padding));
    crate::tape::apply1(x, padding)
}

/// The sizes of one padding.
struct Frame {
    inner: [usize; 2],
    outer: [usize; 2],
    channels: usize,
}

impl Padding {
    fn frame(self, dims: &[usize]) -> Result<(usize, Frame)> {
        let [n, h, w, channels] = dims4(dims, NAME)?;
        let outer = [self.top + h + self.bottom, self.left + w + self.right];
        Ok((n, Frame { inner: [h, w], outer, channels }))
    }

    /// Where row `y` of the image stands in the padded one.
    fn row(self, frame: &Frame, y: usize) -> std::ops::Range<usize> {
        let start = ((self.top + y) * frame.outer[1] + self.left) * frame.channels;
        start..start + frame.inner[1] * frame.channels
    }
}

impl Frame {
    fn inner_row(&self) -> usize {
        self.inner[1] * self.channels
    }

    fn inner_len(&self) -> usize {
        self.inner[0] * self.inner_row()
    }

    fn outer_len(&self) -> usize {
        self.outer[0] * self.outer[1] * self.channels
    }
}

impl CustomOp1 for Padding {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, frame) = self.frame(layout.dims())?;
        let x = values(x, layout, NAME)?;
        let mut y = zeros(n * frame.outer_len());
        y.par_chunks_mut(frame.outer_len()).zip(x.par_chunks(frame.inner_len())).for_each(
            |(y, x)| {
                for (row, x) in x.chunks_exact(frame.inner_row()).enumerate() {
                    y[self.row(&frame, row)].copy_from_slice(x);
                }
            },
        );
        Ok((CpuStorage::F32(y), (n, frame.outer[0], frame.outer[1], frame.channels).into()))
    }

    /// The gradient of what was not added.
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (_, frame) = self.frame(x.dims())?;
        let mut dx = zeros(x.elem_count());
        with_values(dy, NAME, |dy| {
            dx.par_chunks_mut(frame.inner_len()).zip(dy.par_chunks(frame.outer_len())).for_each(
                |(dx, dy)| {
                    for (row, dx) in dx.chunks_exact_mut(frame.inner_row()).enumerate() {
                        dx.copy_from_slice(&dy[self.row(&frame, row)]);
                    }
                },
            );
        })?;
        Ok(Some(tensor(dx, x)?))
    }
}

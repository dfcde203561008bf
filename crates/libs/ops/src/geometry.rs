//! Sizes of convolutions, pooling windows and paddings, checked once for both backends.
//!
//! Shapes: activations `[N, H, W, C]`, convolution weights `[O, I / groups, kh, kw]`.

use crate::tensor::dims4;
use candle_core::{Result, bail};

/// Stride, padding and groups of a convolution; dilation is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Pixels from one output to the next, along both axes.
    pub stride: usize,
    /// Zeros around the image, on all four sides.
    pub padding: usize,
    /// Channel groups convolved independently; as many as input channels is depthwise.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: 1, padding: 0, groups: 1 }
    }
}

/// The sizes of one convolution; every side is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConvGeometry {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) groups: usize,
    pub(crate) h_out: usize,
    pub(crate) w_out: usize,
}

impl ConvGeometry {
    /// From the shapes of the activations `[N, H, W, C]` and the weights `[O, I / groups, kh, kw]`.
    pub(crate) fn new(x: &[usize], weight: &[usize], spec: &Conv2d) -> Result<Self> {
        let [n, h, w, c_in] = dims4(x, "conv2d")?;
        let &[c_out, c_group, kh, kw] = weight else {
            bail!("conv2d takes weights [O, I/groups, kh, kw], not {weight:?}");
        };
        let Conv2d { stride, padding, groups } = *spec;
        if stride == 0 || groups == 0 || c_out * c_group * kh * kw == 0 {
            bail!(
                "conv2d takes a stride, groups and weight sides of at least 1, not {spec:?} {weight:?}"
            );
        }
        if c_group * groups != c_in || c_out % groups != 0 {
            bail!(
                "conv2d weights {weight:?} in {groups} groups take {} channels and give a multiple \
                 of the groups, but the input is {x:?}",
                c_group * groups
            );
        }
        if h + 2 * padding < kh || w + 2 * padding < kw {
            bail!("conv2d: a {kh}x{kw} kernel does not fit into {h}x{w} with padding {padding}");
        }
        let h_out = (h + 2 * padding - kh) / stride + 1;
        let w_out = (w + 2 * padding - kw) / stride + 1;
        let kernel = [kh, kw];
        Ok(Self { n, h, w, c_in, c_out, kernel, stride, padding, groups, h_out, w_out })
    }

    /// Output pixels of all images.
    pub(crate) fn rows_out(&self) -> usize {
        self.n * self.h_out * self.w_out
    }

    /// Shape of the output, `[N, H', W', O]`.
    pub(crate) fn shape_out(&self) -> [usize; 4] {
        [self.n, self.h_out, self.w_out, self.c_out]
    }

    pub(crate) fn len_in(&self) -> usize {
        self.n * self.h * self.w * self.c_in
    }

    pub(crate) fn len_out(&self) -> usize {
        self.rows_out() * self.c_out
    }

    pub(crate) fn len_weight(&self) -> usize {
        self.c_out * self.c_in / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// The kernel taps of one axis (0: rows, 1: columns) that read inside the image for the output
    /// at `out`.
    pub(crate) fn taps(&self, axis: usize, out: usize) -> Taps {
        let size = [self.h, self.w][axis];
        let start = out * self.stride;
        let low = self.padding.saturating_sub(start).min(self.kernel[axis]);
        let high = (size + self.padding).saturating_sub(start).min(self.kernel[axis]).max(low);
        // A window wholly in the padding has no taps, so its first input is arbitrary.
        let first = if low < high { start + low - self.padding } else { 0 };
        Taps { low, high, first }
    }
}

/// The kernel taps `low..high` inside the image; tap `low` reads the input at `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    pub(crate) low: usize,
    pub(crate) high: usize,
    pub(crate) first: usize,
}

/// The sizes of one max-pooling.
#[derive(Clone, Copy)]
pub(crate) struct PoolWindow {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) h_out: usize,
    pub(crate) w_out: usize,
}

impl PoolWindow {
    pub(crate) fn new(
        [h, w, c]: [usize; 3],
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        if kernel == 0 || kernel > 16 || stride == 0 || padding * 2 > kernel {
            bail!(
                "max_pool2d takes a kernel of 1 to 16, a stride of at least 1 and a padding of at \
                 most half the kernel, not {kernel}, {stride} and {padding}"
            );
        }
        if h + 2 * padding < kernel || w + 2 * padding < kernel {
            bail!("max_pool2d: a {kernel}x{kernel} window does not fit into {h}x{w}");
        }
        let side = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        Ok(Self { kernel, stride, padding, h, w, c, h_out: side(h), w_out: side(w) })
    }
}

/// Zeros on each side of an image, in pixels.
///
/// TensorFlow's "SAME" padding makes an output of `ceil(side / stride)` pixels: it needs
/// `max((ceil(side / stride) - 1) * stride + kernel - side, 0)` zeros along an axis, half of them
/// before the image and the odd one after it. With a stride of 2 and an even side that is
/// asymmetric, and a network trained with it predicts wrongly under symmetric padding.
/// Source: TensorFlow, `tf.nn` module, "Notes on padding".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// "SAME" padding of an image of `height` and `width`; none for a stride of 0.
    #[must_use]
    pub fn same([height, width]: [usize; 2], [kh, kw]: [usize; 2], stride: usize) -> Self {
        let [top, bottom] = same_along(height, kh, stride);
        let [left, right] = same_along(width, kw, stride);
        Self { top, bottom, left, right }
    }

    /// The padding of one side if it is the same on all four.
    #[must_use]
    pub fn symmetric(self) -> Option<usize> {
        let Self { top, bottom, left, right } = self;
        (top == bottom && top == left && top == right).then_some(top)
    }
}

/// Zeros before and after an axis.
fn same_along(side: usize, kernel: usize, stride: usize) -> [usize; 2] {
    if stride == 0 {
        return [0, 0];
    }
    let last = side.div_ceil(stride).saturating_sub(1) * stride;
    let zeros = (last + kernel).saturating_sub(side);
    [zeros / 2, zeros - zeros / 2]
}

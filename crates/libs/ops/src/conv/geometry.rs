//! The sizes of one convolution, checked once.

use super::op::Conv2d;
use crate::tensor::dims4;
use candle_core::{Result, bail};

/// The sizes of one convolution; every side is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Geometry {
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

impl Geometry {
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
        let (h_out, w_out) =
            ((h + 2 * padding - kh) / stride + 1, (w + 2 * padding - kw) / stride + 1);
        let kernel = [kh, kw];
        Ok(Self { n, h, w, c_in, c_out, kernel, stride, padding, groups, h_out, w_out })
    }

    /// Output pixels of all images.
    pub(crate) fn rows_out(&self) -> usize {
        self.n * self.h_out * self.w_out
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

    /// The taps of one axis that fall inside: for the output at `out`, kernel positions
    /// `taps.start..taps.end` read the inputs from `first` on.
    pub(crate) fn taps(&self, axis: usize, out: usize) -> Taps {
        let size = [self.h, self.w][axis];
        let start = out * self.stride;
        let low = self.padding.saturating_sub(start).min(self.kernel[axis]);
        let high = (size + self.padding).saturating_sub(start).min(self.kernel[axis]).max(low);
        // A window wholly in the padding reads nothing, from anywhere.
        let first = if low < high { start + low - self.padding } else { 0 };
        Taps { low, high, first }
    }
}

/// The kernel positions `low..high` that fall inside, of which `low` reads the input at `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    pub(crate) low: usize,
    pub(crate) high: usize,
    pub(crate) first: usize,
}

//! Max-pooling with saved indices, and the global average.
//!
//! The first maximum of a window takes the gradient, in the order top to bottom, left to right; a
//! NaN counts as the greatest, and the last NaN of a window wins: both as in PyTorch.

use crate::memory::zeros;
use crate::simd::{self, vectorized_loops};
use crate::tensor::{dims4, on_card, tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// Sizes of one pooling.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) h_out: usize,
    pub(crate) w_out: usize,
}

impl Window {
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

    #[expect(clippy::cast_possible_truncation, reason = "a kernel has at most 256 taps")]
    fn tap(&self, ky: usize, kx: usize) -> u8 {
        (ky * self.kernel + kx) as u8
    }

    /// The range of taps inside for output `out` of an axis of `size`, and the input of tap 0
    /// shifted by the padding.
    fn taps(&self, out: usize, size: usize) -> (usize, usize, usize) {
        let start = out * self.stride;
        let low = self.padding.saturating_sub(start);
        let high = self.kernel.min(size + self.padding - start);
        (low, high, start)
    }
}

struct MaxPool {
    kernel: usize,
    stride: usize,
    padding: usize,
    indices: Arc<OnceLock<Vec<u8>>>,
}

const MAX: &str = "max_pool2d";

/// The maximum over `kernel x kernel` windows of `x [N, H, W, C]`; the padding never wins.
///
/// # Errors
/// When the window does not fit, or `x` is not a contiguous `f32` tensor, or on a graphics card
/// `f32` or `bf16`.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    on_card!(x, crate::cuda::max_pool2d(x, kernel, stride, padding));
    crate::tape::apply1(x, MaxPool { kernel, stride, padding, indices: Arc::default() })
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        MAX
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [n, h, w, c] = dims4(layout.dims(), MAX)?;
        let window = Window::new([h, w, c], self.kernel, self.stride, self.padding)?;
        let (x, level) = (values(x, layout, MAX)?, simd::current()?);
        let row = window.w_out * c;
        let mut y = zeros(n * window.h_out * row);
        let mut indices = vec![0_u8; y.len()];
        y.par_chunks_mut(row)
            .zip(indices.par_chunks_mut(row))
            .enumerate()
            .for_each(|(line, (y, indices))| max_row(level, &window, x, line, (y, indices)));
        self.indices.get_or_init(|| indices);
        Ok((CpuStorage::F32(y), (n, window.h_out, window.w_out, c).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [_, h, w, c] = dims4(x.dims(), MAX)?;
        let window = Window::new([h, w, c], self.kernel, self.stride, self.padding)?;
        let Some(indices) = self.indices.get() else {
            bail!("max_pool2d goes backward after forward")
        };
        let level = simd::current()?;
        let mut dx = zeros(x.elem_count());
        with_values(dy, MAX, |dy| {
            let image = window.h_out * window.w_out * c;
            dx.par_chunks_mut(h * w * c)
                .zip(dy.par_chunks(image).zip(indices.par_chunks(image)))
                .for_each(|(dx, (dy, indices))| spread_image(level, &window, dy, indices, dx));
        })?;
        Ok(Some(tensor(dx, x)?))
    }
}

vectorized_loops! {
    /// One row of outputs; `line` counts rows over all images.
    fn max_row(window: &Window, x: &[f32], line: usize, to: (&mut [f32], &mut [u8])) {
        let (y, indices) = to;
        let Window { h, w, c, .. } = *window;
        let (image, out) = (line / window.h_out, line % window.h_out);
        let (top, bottom, start) = window.taps(out, h);
        for (column, (y, indices)) in y.chunks_exact_mut(c).zip(indices.chunks_exact_mut(c)).enumerate() {
            let (left, right, first) = window.taps(column, w);
            for ky in top..bottom {
                for kx in left..right {
                    let line = image * h + start + ky - window.padding;
                    let from = &x[(line * w + first + kx - window.padding) * c..][..c];
                    let tap = window.tap(ky, kx);
                    if ky == top && kx == left {
                        y.copy_from_slice(from);
                        indices.fill(tap);
                        continue;
                    }
                    for i in 0..c {
                        let wins = (from[i] > y[i]) | from[i].is_nan();
                        y[i] = if wins { from[i] } else { y[i] };
                        indices[i] = if wins { tap } else { indices[i] };
                    }
                }
            }
        }
    }
}

vectorized_loops! {
    /// Sends the gradients of one image to the inputs that won.
    fn spread_image(window: &Window, dy: &[f32], indices: &[u8], dx: &mut [f32]) {
        let Window { h, w, c, .. } = *window;
        let pixels = dy.chunks_exact(c).zip(indices.chunks_exact(c));
        for (pixel, (dy, indices)) in pixels.enumerate() {
            let (top, bottom, start) = window.taps(pixel / window.w_out, h);
            let (left, right, first) = window.taps(pixel % window.w_out, w);
            for ky in top..bottom {
                for kx in left..right {
                    let (line, column) = (start + ky - window.padding, first + kx - window.padding);
                    let dx = &mut dx[(line * w + column) * c..][..c];
                    let tap = window.tap(ky, kx);
                    for i in 0..c {
                        dx[i] += if indices[i] == tap { dy[i] } else { 0.0 };
                    }
                }
            }
        }
    }
}

struct Average;

const AVERAGE: &str = "global_average_pool";

/// The mean over the pixels of `x [N, H, W, C]`: `[N, C]`.
///
/// # Errors
/// When `x` is not a contiguous `f32` tensor `[N, H, W, C]`, or on a graphics card `f32` or `bf16`.
pub fn global_average_pool(x: &Tensor) -> Result<Tensor> {
    on_card!(x, crate::cuda::global_average_pool(x));
    crate::tape::apply1(x, Average)
}

impl CustomOp1 for Average {
    fn name(&self) -> &'static str {
        AVERAGE
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [n, h, w, c] = dims4(layout.dims(), AVERAGE)?;
        let (x, level) = (values(x, layout, AVERAGE)?, simd::current()?);
        let mut y = vec![0.0; n * c];
        y.par_chunks_mut(c).zip(x.par_chunks(h * w * c)).for_each(|(y, x)| average(level, y, x));
        Ok((CpuStorage::F32(y), (n, c).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [_, h, w, c] = dims4(x.dims(), AVERAGE)?;
        let scale = 1.0 / (h * w) as f32;
        let mut dx = zeros(x.elem_count());
        with_values(dy, AVERAGE, |dy| {
            dx.par_chunks_mut(h * w * c).zip(dy.par_chunks(c)).for_each(|(dx, dy)| {
                for dx in dx.chunks_exact_mut(c) {
                    for (dx, dy) in dx.iter_mut().zip(dy) {
                        *dx = dy * scale;
                    }
                }
            });
        })?;
        Ok(Some(tensor(dx, x)?))
    }
}

vectorized_loops! {
    fn average(y: &mut [f32], x: &[f32]) {
        let scale = y.len() as f32 / x.len() as f32;
        for row in x.chunks_exact(y.len()) {
            for (y, x) in y.iter_mut().zip(row) {
                *y += x;
            }
        }
        for y in y.iter_mut() {
            *y *= scale;
        }
    }
}

//! What follows a convolution in evaluation mode, applied while its outputs are in registers.
#![expect(unsafe_code, reason = "vector arithmetic inside kernels")]

use crate::activation::rectify;
use crate::simd::{Level, Simd, vectorized_loops};
use rayon::prelude::*;

/// `relu?(y + bias? + residual?)`.
#[derive(Clone, Copy, Default)]
pub(crate) struct After<'a> {
    /// One value a channel.
    pub(crate) bias: Option<&'a [f32]>,
    /// As large as the output.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) relu: bool,
}

impl After<'_> {
    pub(crate) const NOTHING: After<'static> = After { bias: None, residual: None, relu: false };

    /// Applied to a whole output, for kernels that do not hold it in registers at the end.
    pub(crate) fn all(&self, level: Level, mut y: Vec<f32>, channels: usize) -> Vec<f32> {
        if self.bias.is_none() && self.residual.is_none() && !self.relu {
            return y;
        }
        let chunk = crate::norm::rows_per_chunk(channels) * channels;
        y.par_chunks_mut(chunk).enumerate().for_each(|(i, y)| {
            add_all(level, y, self, [i * chunk, channels]);
        });
        y
    }

    /// Applied to a vector of outputs: at `place` of the whole, beginning with `channel`.
    ///
    /// # Safety
    /// Inside a kernel of the path `S`; the vector lies within one pixel of the output.
    #[inline(always)]
    pub(crate) unsafe fn vector<S: Simd>(&self, value: S::V, place: usize, channel: usize) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut value = value;
            if let Some(bias) = self.bias {
                value = S::add(value, S::load(bias.as_ptr().add(channel)));
            }
            if let Some(residual) = self.residual {
                value = S::add(value, S::load(residual.as_ptr().add(place)));
            }
            if self.relu { S::rectify(value) } else { value }
        }
    }

    /// Applied to one output.
    #[inline(always)]
    pub(crate) fn single(&self, value: f32, place: usize, channel: usize) -> f32 {
        let value = value
            + self.bias.map_or(0.0, |bias| bias[channel])
            + self.residual.map_or(0.0, |residual| residual[place]);
        if self.relu { rectify(value) } else { value }
    }
}

vectorized_loops! {
    /// On whole pixels from `at[0]` on, of `at[1]` channels.
    fn add_all(y: &mut [f32], after: &After, at: [usize; 2]) {
        let [first, channels] = at;
        for (row, y) in y.chunks_exact_mut(channels).enumerate() {
            let place = first + row * channels;
            for (y, bias) in y.iter_mut().zip(after.bias.unwrap_or_default()) {
                *y += bias;
            }
            if let Some(residual) = after.residual {
                for (y, r) in y.iter_mut().zip(&residual[place..]) {
                    *y += r;
                }
            }
            if after.relu {
                for y in y.iter_mut() {
                    *y = rectify(*y);
                }
            }
        }
    }
}

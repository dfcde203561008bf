//! Bias, residual and ReLU fused into a convolution, applied while its outputs are in registers.
#![expect(unsafe_code, reason = "vector arithmetic inside kernels")]

use crate::cpu::activation::relu;
use crate::cpu::norm::rows_per_chunk;
use crate::cpu::simd::{Simd, SimdLevel, multiversion_loops};
use rayon::prelude::*;

/// `relu?(y + bias? + residual?)`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// One value per channel.
    pub(crate) bias: Option<&'a [f32]>,
    /// As large as the output.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) relu: bool,
}

impl Epilogue<'_> {
    pub(crate) const NONE: Epilogue<'static> = Epilogue { bias: None, residual: None, relu: false };

    /// Applied to a whole output, for kernels whose outputs do not end in registers.
    pub(crate) fn apply(&self, level: SimdLevel, mut y: Vec<f32>, channels: usize) -> Vec<f32> {
        if self.bias.is_none() && self.residual.is_none() && !self.relu {
            return y;
        }
        let chunk = rows_per_chunk(channels) * channels;
        y.par_chunks_mut(chunk)
            .enumerate()
            .for_each(|(i, y)| apply_rows(level, y, self, i * chunk, channels));
        y
    }

    /// Applied to a vector of outputs: at `index` of the output, beginning with `channel`.
    ///
    /// # Safety
    /// Inside a kernel of the level `S`; the vector lies within one pixel of the output.
    #[inline(always)]
    pub(crate) unsafe fn apply_vector<S: Simd>(
        &self,
        value: S::V,
        index: usize,
        channel: usize,
    ) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut value = value;
            if let Some(bias) = self.bias {
                value = S::add(value, S::load(bias.as_ptr().add(channel)));
            }
            if let Some(residual) = self.residual {
                value = S::add(value, S::load(residual.as_ptr().add(index)));
            }
            if self.relu { S::relu(value) } else { value }
        }
    }

    /// Applied to one output.
    #[inline(always)]
    pub(crate) fn apply_scalar(&self, value: f32, index: usize, channel: usize) -> f32 {
        let value = value
            + self.bias.map_or(0.0, |bias| bias[channel])
            + self.residual.map_or(0.0, |residual| residual[index]);
        if self.relu { relu(value) } else { value }
    }
}

multiversion_loops! {
    /// On whole pixels of `channels` values, beginning at `first` of the output.
    fn apply_rows(y: &mut [f32], epilogue: &Epilogue, first: usize, channels: usize) {
        for (row, y) in y.chunks_exact_mut(channels).enumerate() {
            let index = first + row * channels;
            for (y, bias) in y.iter_mut().zip(epilogue.bias.unwrap_or_default()) {
                *y += bias;
            }
            if let Some(residual) = epilogue.residual {
                for (y, r) in y.iter_mut().zip(&residual[index..]) {
                    *y += r;
                }
            }
            if epilogue.relu {
                for y in y.iter_mut() {
                    *y = relu(*y);
                }
            }
        }
    }
}

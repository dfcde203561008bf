//! Exponential moving averages of tensors.

use super::param_groups::CHUNK;
use crate::tensor::{cpu_values, update_values};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

const NAME: &str = "ema_update";

/// `average += weight (value - average)` in place, for pairs of an average and a value, all `f32` on
/// one device.
///
/// # Errors
/// When the shapes of a pair differ, or a tensor is not contiguous `f32`.
pub fn ema_update(pairs: &[(&Tensor, &Tensor)], weight: f32) -> Result<()> {
    #[cfg(feature = "cuda")]
    if pairs.first().is_some_and(|(average, _)| average.device().is_cuda()) {
        return crate::cuda::ema_update(pairs, weight);
    }
    for (average, value) in pairs {
        if average.dims() != value.dims() {
            bail!("an average is {:?}, its value {:?}", average.dims(), value.dims());
        }
        let value: &[f32] = &cpu_values(value, NAME)?;
        update_values(average, NAME, |average| {
            average.par_chunks_mut(CHUNK).zip(value.par_chunks(CHUNK)).for_each(
                |(average, value)| {
                    for (average, value) in average.iter_mut().zip(value) {
                        *average += weight * (value - *average);
                    }
                },
            );
        })?;
    }
    Ok(())
}

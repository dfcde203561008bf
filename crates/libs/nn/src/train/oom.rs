//! Out-of-memory errors, with the largest batch that fits.

use crate::error::NnError;
use crate::models::Network;
use candle_core::Tensor;

/// Batch norm needs at least this many samples.
const MIN_BATCH_SIZE: usize = 2;
/// Trial steps after the first that fits; each takes about a second.
const REFINEMENTS: usize = 4;

/// Replaces an out-of-memory error of a step by one that names the largest batch that fits, found
/// by trial steps; other errors are returned as they are.
pub(crate) fn explain(
    network: &mut Network,
    error: NnError,
    batch_size: usize,
    side_px: usize,
) -> NnError {
    if !error.is_out_of_memory() {
        return error;
    }
    let fits = largest(batch_size, &mut |count| trial_step(network, count, side_px).is_ok());
    NnError::OutOfMemory { batch_size, side_px, fits }
}

/// Forward and backward pass of a batch of zeros.
fn trial_step(network: &mut Network, batch_size: usize, side_px: usize) -> candle_core::Result<()> {
    let device = network.candle_device();
    let shape = (batch_size, side_px, side_px, network.layers().stem.in_channels);
    let images = Tensor::zeros(shape, candle_core::DType::F32, device)?;
    let labels = network.layers().classifier.out_features;
    let targets = Tensor::zeros((batch_size, labels), candle_core::DType::F32, device)?;
    let (loss, _) = hpa_ops::value_and_grad(|| {
        let logits = network.forward_train(&images)?;
        hpa_ops::bce_with_logits(&logits, &targets, hpa_ops::Reduction::Mean)
    })?;
    // Waits until the GPU has computed everything.
    loss.to_scalar::<f32>().map(drop)
}

/// The largest batch below `tried` that fits, to within a few trials.
fn largest(tried: usize, fits: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
    let mut below = tried / 2;
    let mut above = tried;
    while below >= MIN_BATCH_SIZE && !fits(below) {
        above = below;
        below /= 2;
    }
    if below < MIN_BATCH_SIZE {
        return None;
    }
    for _ in 0..REFINEMENTS {
        let middle = usize::midpoint(below, above);
        if middle == below {
            break;
        }
        if fits(middle) {
            below = middle;
        } else {
            above = middle;
        }
    }
    Some(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Device};
    use hpa_core::Seed;

    #[test]
    fn the_largest_batch_that_fits_is_found_from_below() {
        for memory in [0, 1, 2, 3, 17, 100, 255] {
            let mut trials = 0;
            let found = largest(256, &mut |count| {
                trials += 1;
                count <= memory
            });
            match found {
                None => assert!(memory < MIN_BATCH_SIZE),
                Some(found) => {
                    let is_close = found * 17 >= memory * 16 - 17;
                    assert!(found <= memory && is_close, "{found} of {memory}");
                }
            }
            assert!(trials <= 8 + REFINEMENTS);
        }
    }

    #[test]
    fn an_out_of_memory_error_names_both_batches() {
        let mut network = Network::new(Architecture::ResNet18, 2, Seed::new(1)).unwrap();
        network.to_device(&Device::cpu()).unwrap();
        let out_of_memory = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        let tensor_error = |message: &str| NnError::Tensor(candle_core::Error::Msg(message.into()));
        let error = explain(&mut network, tensor_error(out_of_memory), 8, 32).to_string();
        // On the CPU every trial step succeeds.
        assert!(error.contains("batches of 8 images of 32 px: 7 images fit"), "{error}");
        assert!(error.contains("help: lower batch_size to 7"), "{error}");
        let other = explain(&mut network, tensor_error("shapes differ"), 8, 32);
        assert!(matches!(other, NnError::Tensor(_)));
        let error = NnError::OutOfMemory { batch_size: 8, side_px: 512, fits: None };
        assert!(error.to_string().contains("not even two images fit"), "{error}");
    }
}

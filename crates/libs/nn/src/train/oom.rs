//! What to say when a graphics card's memory is full: how large a batch would have fitted.

use crate::error::NnError;
use crate::models::Network;
use candle_core::Tensor;

/// Batch norm needs at least this many.
const LEAST: usize = 2;
/// Trial steps after the first that fitted: each costs about a second.
const REFINEMENTS: usize = 4;

/// An error of training on batches of so many images of this side; when memory was the cause, with
/// what would fit.
pub(crate) fn explain(
    network: &mut Network,
    error: NnError,
    (batch_size, side_px): (usize, usize),
) -> NnError {
    if !error.is_out_of_memory() {
        return error;
    }
    let fits = largest(batch_size, &mut |count| try_step(network, count, side_px).is_ok());
    NnError::OutOfMemory { batch_size, side_px, fits }
}

/// Forward and backward of so many images; the sum of the logits is as good a loss as any.
fn try_step(network: &mut Network, count: usize, side: usize) -> candle_core::Result<()> {
    let shape = (count, side, side, network.layers().stem.in_channels);
    let images = Tensor::zeros(shape, candle_core::DType::F32, network.candle_device())?;
    let labels = network.layers().classifier.out_features;
    let targets = Tensor::zeros((count, labels), candle_core::DType::F32, images.device())?;
    let (loss, _) = hpa_ops::value_and_grad(|| {
        let logits = network.forward_train(&images)?;
        hpa_ops::bce_with_logits(&logits, &targets, hpa_ops::Reduction::Mean)
    })?;
    // Reading it back waits until everything has been done.
    loss.to_scalar::<f32>().map(drop)
}

/// The largest batch below `tried` that fits, to within a few trials.
fn largest(tried: usize, fits: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
    let (mut below, mut above) = (tried / 2, tried);
    while below >= LEAST && !fits(below) {
        (below, above) = (below / 2, below);
    }
    if below < LEAST {
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
    use candle_core::Error;
    use hpa_core::Seed;

    #[test]
    fn the_largest_batch_that_fits_is_found_from_below() {
        for room in [0, 1, 2, 3, 17, 100, 255] {
            let mut trials = 0;
            let found = largest(256, &mut |count| {
                trials += 1;
                count <= room
            });
            match found {
                None => assert!(room < LEAST),
                Some(found) => {
                    assert!(found <= room && found * 17 >= room * 16 - 17, "{found} of {room}");
                }
            }
            assert!(trials <= 8 + REFINEMENTS);
        }
    }

    #[test]
    fn a_full_card_is_an_error_that_names_both_batches() {
        let mut network = Network::new(Architecture::ResNet18, 2, Seed::new(1)).unwrap();
        network.to_device(&Device::cpu()).unwrap();
        let full = || {
            let said = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
            NnError::Tensor(Error::Msg(said.into()))
        };
        let said = explain(&mut network, full(), (8, 32)).to_string();
        // Nothing is short on the processor: all that were tried fit.
        assert!(said.contains("batches of 8 images of 32 px: 7 images fit"), "{said}");
        assert!(said.contains("help: lower batch_size to 7"), "{said}");
        let other = || NnError::Tensor(Error::Msg("shapes differ".into()));
        assert!(matches!(explain(&mut network, other(), (8, 32)), NnError::Tensor(_)));
        let error = NnError::OutOfMemory { batch_size: 8, side_px: 512, fits: None };
        assert!(error.to_string().contains("not even two images fit"), "{error}");
    }
}

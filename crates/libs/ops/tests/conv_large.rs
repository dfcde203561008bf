//! Large shapes with code paths of their own: patches of many channels, non-temporal stores.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{Case, bits, error, reference, tensor, values};
use hpa_ops::{CachingAllocator, Conv2d, Precision, conv2d, conv2d_with_precision};

/// Stores are non-temporal only into outputs aligned to a vector, as this allocator's blocks are.
#[global_allocator]
static ALLOCATOR: CachingAllocator = CachingAllocator::new();

/// A 1x1 convolution, and the error of its outputs.
fn pointwise_error(size: [usize; 3], channels: [usize; 2]) -> f64 {
    let case = Case::pointwise(size, channels);
    let (x, weight) = (tensor(&case.x(), 1), tensor(&case.weight(), 2));
    let y = conv2d(&x, &weight, &Conv2d::default()).unwrap();
    let dy = vec![0.0; case.y().iter().product()];
    error(&values(&y), &reference(&case, &values(&x), &values(&weight), &dy)[0])
}

#[test]
fn patches_of_many_channels_are_read_in_blocks_and_summed_as_one() {
    for c_in in [1023, 1024, 1025, 1536, 2100] {
        for c_out in [7, 32, 40] {
            let e = pointwise_error([2, 5, 13], [c_in, c_out]);
            assert!(e < 1e-5, "{c_in} to {c_out}: {e}");
        }
    }
}

#[test]
fn an_output_of_non_temporal_stores_equals_the_definition() {
    // 16 MiB and one row more; then the same with channels that end within a vector.
    for c_out in [1024, 1030] {
        let e = pointwise_error([1, 65, 64], [5, c_out]);
        assert!(e < 1e-5, "{c_out}: {e}");
    }
}

/// The last rows of a large output have the bits that they have alone.
#[test]
fn how_an_output_is_partitioned_and_stored_does_not_change_its_bits() {
    let (x, w) = (tensor(&[1, 66, 64, 1100], 1), tensor(&[1024, 1100, 1, 1], 2));
    let all = bits(&conv2d(&x, &w, &Conv2d::default()).unwrap());
    let last = x.narrow(1, 65, 1).unwrap().contiguous().unwrap();
    let last = bits(&conv2d(&last, &w, &Conv2d::default()).unwrap());
    assert!(all.ends_with(&last), "a row alone has other bits");
    let x = tensor(&[1, 65, 64, 24], 3);
    let w = tensor(&[1024, 24, 1, 1], 4);
    let all = bits(&conv2d(&x, &w, &Conv2d::default()).unwrap());
    let last = x.narrow(1, 64, 1).unwrap().contiguous().unwrap();
    assert!(all.ends_with(&bits(&conv2d(&last, &w, &Conv2d::default()).unwrap())));
}

#[test]
fn many_channels_of_bf16_are_summed_as_one() {
    if let Err(error) = Precision::Bf16.check() {
        eprintln!("skipped: {error}");
        return;
    }
    let case = Case::pointwise([1, 5, 6], [2051, 40]);
    let (x, w) = (tensor(&case.x(), 1), tensor(&case.weight(), 2));
    let y = conv2d_with_precision(&x, &w, &Conv2d::default(), Precision::Bf16).unwrap();
    let rounded =
        |v: Vec<f32>| -> Vec<f32> { v.iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect() };
    let expected = reference(&case, &rounded(values(&x)), &rounded(values(&w)), &vec![0.0; 1200]);
    let e = error(&values(&y), &expected[0]);
    assert!(e < 1e-5, "{e}");
}

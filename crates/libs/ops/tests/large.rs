//! Shapes that take ways of their own: patches of many channels, outputs past the caches.
#![expect(clippy::many_single_char_names, reason = "n, h, w, x and y are the field's own words")]
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{Case, bits, error, reference, tensor, values};
use hpa_ops::{Conv2d, Precision, ReusingAllocator, conv2d, conv2d_with_precision};

/// Outputs are written past the caches only where they begin on a whole vector, as its blocks do.
#[global_allocator]
static ALLOCATOR: ReusingAllocator = ReusingAllocator::new();

/// A 1x1 convolution, and the error of its outputs.
fn point([n, h, w]: [usize; 3], [c_in, c_out]: [usize; 2]) -> f64 {
    let case = Case { n, h, w, c_in, c_out, kh: 1, kw: 1, stride: 1, padding: 0, groups: 1 };
    let (x, weight) = (tensor(&case.x(), 1), tensor(&case.weight(), 2));
    let y = conv2d(&x, &weight, &Conv2d::default()).unwrap();
    let dy = vec![0.0; case.y().iter().product()];
    error(&values(&y), &reference(&case, &values(&x), &values(&weight), &dy)[0])
}

#[test]
fn patches_of_many_channels_are_taken_in_blocks_and_summed_as_one() {
    for c_in in [1023, 1024, 1025, 1536, 2100] {
        for c_out in [7, 32, 40] {
            let e = point([2, 5, 13], [c_in, c_out]);
            assert!(e < 1e-5, "{c_in} to {c_out}: {e}");
        }
    }
}

#[test]
fn an_output_written_past_the_caches_equals_the_definition() {
    // 16 MiB and one row more; then the same with channels that end within a vector.
    for c_out in [1024, 1030] {
        let e = point([1, 65, 64], [5, c_out]);
        assert!(e < 1e-5, "{c_out}: {e}");
    }
}

/// Both ways give the bits of the small case that they are cut from.
#[test]
fn how_an_output_is_cut_and_written_does_not_change_its_bits() {
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
    let case = Case {
        n: 1,
        h: 5,
        w: 6,
        c_in: 2051,
        c_out: 40,
        kh: 1,
        kw: 1,
        stride: 1,
        padding: 0,
        groups: 1,
    };
    let (x, w) = (tensor(&case.x(), 1), tensor(&case.weight(), 2));
    let y = conv2d_with_precision(&x, &w, &Conv2d::default(), Precision::Bf16).unwrap();
    let rounded =
        |v: Vec<f32>| -> Vec<f32> { v.iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect() };
    let expected = reference(&case, &rounded(values(&x)), &rounded(values(&w)), &vec![0.0; 1200]);
    let e = error(&values(&y), &expected[0]);
    assert!(e < 1e-5, "{e}");
}

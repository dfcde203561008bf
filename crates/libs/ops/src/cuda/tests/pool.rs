//! `kernels/pool.cu` against the operations of the processor.

use super::{Buffer, assert_close, flat, for_each_real, gradients, numbers, run, variable};
use crate::cuda::plan::Real;
use crate::cuda::plan::pool as plan;
use crate::geometry::PoolWindow;
use crate::{global_average_pool, max_pool2d};

/// Shapes `[N, H, W, C]` with kernel, stride and padding.
const POOLS: [([usize; 4], [usize; 3]); 6] = [
    ([2, 9, 8, 3], [3, 2, 1]),
    ([1, 7, 7, 8], [3, 2, 1]),
    ([2, 6, 6, 16], [2, 2, 0]),
    ([1, 8, 5, 4], [3, 1, 1]),
    ([1, 5, 5, 1], [2, 3, 1]),
    ([3, 4, 4, 24], [4, 4, 2]),
];

/// Numbers of which many are equal, so that it matters which one wins.
fn ties(count: usize) -> Vec<f32> {
    numbers(count, 1).iter().map(|v| (v * 8.0).round()).collect()
}

#[test]
fn the_maximum_and_its_gradient_are_those_of_the_processor() {
    for_each_real(|real| {
        for (shape, [kernel, stride, padding]) in POOLS {
            let count = shape.iter().product();
            for values in [ties(count), numbers(count, 2)] {
                let x = Buffer::from_reals(real, &values);
                let var = variable(real, &x, &shape);
                let expected = max_pool2d(&var, kernel, stride, padding).unwrap();
                let [n, h, w, c] = shape;
                let window = PoolWindow::new([h, w, c], kernel, stride, padding).unwrap();
                let len = expected.elem_count();
                let (mut y, mut indices) = (Buffer::reals(real, len), Buffer::poisoned(len));
                let at = [y.address(), indices.address(), x.address()];
                run(&plan::max_forward(real, at, &window, n), &mut [&mut y, &mut indices]);
                assert_eq!(y.as_reals(real), flat(&expected), "{shape:?}");
                let dy = Buffer::from_reals(real, &numbers(len, 3));
                let [expected] = gradients(&expected, &dy.as_reals(real), [&var]);
                let mut dx = Buffer::reals(real, count);
                let at = [dx.address(), indices.address(), dy.address()];
                run(&plan::max_backward(real, at, &window, n), &mut [&mut dx]);
                assert_close(real, "dx", &dx.as_reals(real), &expected);
            }
        }
    });
}

#[test]
fn the_last_nan_of_a_window_wins() {
    for_each_real(|real| {
        let x = Buffer::from_reals(real, &[1.0, f32::NAN, 9.0, f32::NAN]);
        let window = PoolWindow::new([2, 2, 1], 2, 2, 0).unwrap();
        let (mut y, mut indices) = (Buffer::from_reals(real, &[0.0]), Buffer::poisoned(1));
        let at = [y.address(), indices.address(), x.address()];
        run(&plan::max_forward(real, at, &window, 1), &mut [&mut y, &mut indices]);
        assert!(y.as_reals(real)[0].is_nan());
        assert_eq!(indices.bytes(), [3]);
    });
}

#[test]
fn the_average_and_its_gradient_are_those_of_the_processor() {
    for_each_real(|real| {
        for shape in [[2, 7, 7, 40], [1, 1, 1, 1], [3, 5, 2, 33], [2, 16, 16, 64]] {
            let [n, h, w, c] = shape;
            let count = n * h * w * c;
            let x = Buffer::from_reals(real, &numbers(count, 4));
            let var = variable(real, &x, &shape);
            let expected = global_average_pool(&var).unwrap();
            let mut y = Buffer::reals(real, n * c);
            let sizes = [n, h * w, c];
            run(&plan::average_forward(real, [y.address(), x.address()], sizes), &mut [&mut y]);
            assert_close(real, "y", &y.as_reals(real), &flat(&expected));
            let dy = Buffer::from_reals(real, &numbers(n * c, 5));
            let [expected] = gradients(&expected, &dy.as_reals(real), [&var]);
            let mut dx = Buffer::reals(real, count);
            run(&plan::average_backward(real, [dx.address(), dy.address()], sizes), &mut [&mut dx]);
            assert_close(real, "dx", &dx.as_reals(real), &expected);
        }
    });
}

#[test]
fn the_average_of_many_images_is_no_wider_than_a_grid() {
    for (n, channels, blocks) in [(70_000, 512, 1_120_000), (65_536, 33, 131_072), (1, 1, 1)] {
        let launch = plan::average_forward(Real::Bf16, [0; 2], [n, 49, channels]);
        assert_eq!(launch.grid, [blocks, 1]);
    }
}

#[test]
fn channels_are_packed_only_where_every_row_begins_at_16_bytes() {
    assert!(Real::F32.packs(12, &[1024, 0]) && Real::Bf16.packs(16, &[1024, 0]));
    assert!(!Real::F32.packs(12, &[1028]) && !Real::Bf16.packs(12, &[1024]));
}

//! The kernels of `kernels/pool.cu`.

use super::{
    Buffer, assert_close, flat, for_each_dtype, gradients, random, run, run_into, variable,
};
use crate::cuda::launch::ActDtype;
use crate::cuda::launch::layers::{self, GlobalPool};
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

#[test]
fn max_pooling_matches_the_cpu() {
    for_each_dtype(|dtype| {
        for (shape, [kernel, stride, padding]) in POOLS {
            let count = shape.iter().product();
            let with_ties = random(count, 1).iter().map(|v| (v * 8.0).round()).collect();
            for values in [with_ties, random(count, 2)] {
                let x = Buffer::from_act(dtype, &values);
                let var = variable(&x.act_values(dtype), &shape);
                let expected = max_pool2d(&var, kernel, stride, padding).unwrap();
                let [n, h, w, c] = shape;
                let window = PoolWindow::new([h, w, c], kernel, stride, padding).unwrap();
                let len = expected.elem_count();
                let (mut y, mut indices) = (Buffer::act(dtype, len), Buffer::nan(len));
                let at = [y.address(), indices.address(), x.address()];
                run(&layers::max_pool(dtype, at, &window, n), &mut [&mut y, &mut indices]);
                assert_eq!(y.act_values(dtype), flat(&expected), "{shape:?}");
                let dy = Buffer::from_act(dtype, &random(len, 3));
                let [expected] = gradients(&expected, &dy.act_values(dtype), [&var]);
                let dx = run_into(Buffer::act(dtype, count), |dx| {
                    let at = [dx, indices.address(), dy.address()];
                    layers::max_pool_backward(dtype, at, &window, n)
                });
                assert_close(dtype, "dx", &dx.act_values(dtype), &expected);
            }
        }
    });
}

#[test]
fn the_last_nan_of_a_window_wins() {
    for_each_dtype(|dtype| {
        let x = Buffer::from_act(dtype, &[1.0, f32::NAN, 9.0, f32::NAN]);
        let window = PoolWindow::new([2, 2, 1], 2, 2, 0).unwrap();
        let (mut y, mut indices) = (Buffer::from_act(dtype, &[0.0]), Buffer::nan(1));
        let at = [y.address(), indices.address(), x.address()];
        run(&layers::max_pool(dtype, at, &window, 1), &mut [&mut y, &mut indices]);
        assert!(y.act_values(dtype)[0].is_nan());
        assert_eq!(indices.bytes(), [3]);
    });
}

#[test]
fn global_average_pooling_matches_the_cpu() {
    for_each_dtype(|dtype| {
        for shape in [[2, 7, 7, 40], [1, 1, 1, 1], [3, 5, 2, 33], [2, 16, 16, 64]] {
            let [n, h, w, c] = shape;
            let count = n * h * w * c;
            let pool = GlobalPool { dtype, images: n, pixels: h * w, channels: c };
            let x = Buffer::from_act(dtype, &random(count, 4));
            let var = variable(&x.act_values(dtype), &shape);
            let expected = global_average_pool(&var).unwrap();
            let y = run_into(Buffer::act(dtype, n * c), |y| pool.forward([y, x.address()]));
            assert_close(dtype, "y", &y.act_values(dtype), &flat(&expected));
            let dy = Buffer::from_act(dtype, &random(n * c, 5));
            let [expected] = gradients(&expected, &dy.act_values(dtype), [&var]);
            let dx = run_into(Buffer::act(dtype, count), |dx| pool.backward([dx, dy.address()]));
            assert_close(dtype, "dx", &dx.act_values(dtype), &expected);
        }
    });
}

#[test]
fn the_grid_of_global_average_pooling_has_one_dimension() {
    for (images, channels, blocks) in [(70_000, 512, 1_120_000), (65_536, 33, 131_072), (1, 1, 1)] {
        let pool = GlobalPool { dtype: ActDtype::Bf16, images, pixels: 49, channels };
        assert_eq!(pool.forward([0; 2]).grid, [blocks, 1]);
    }
}

#[test]
fn vector_loads_need_rows_aligned_to_16_bytes() {
    let (f32, bf16) = (ActDtype::F32, ActDtype::Bf16);
    assert!(f32.is_vectorizable(12, &[1024, 0]) && bf16.is_vectorizable(16, &[1024, 0]));
    assert!(!f32.is_vectorizable(12, &[1028]) && !bf16.is_vectorizable(12, &[1024]));
}

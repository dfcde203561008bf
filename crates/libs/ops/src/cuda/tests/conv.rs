//! The kernels of `kernels/direct_conv.cu`.

use super::{Buffer, assert_close, flat, for_each_dtype, gradients, random, run_into, variable};
use crate::cuda::launch::layers;
use crate::geometry::ConvGeometry;
use crate::{Conv2d, conv2d};

/// Images `[N, H, W, C]`, weights `[O, C / groups, kh, kw]`, stride, padding, groups.
const CASES: [([usize; 4], [usize; 4], [usize; 3]); 7] = [
    ([2, 7, 6, 3], [5, 3, 3, 3], [1, 1, 1]),
    ([1, 8, 9, 4], [6, 4, 7, 7], [2, 3, 1]),
    ([2, 5, 5, 8], [8, 1, 3, 3], [1, 1, 8]),
    ([1, 6, 7, 6], [12, 1, 5, 5], [2, 2, 6]),
    ([1, 7, 7, 8], [4, 4, 3, 2], [3, 0, 2]),
    ([3, 4, 4, 5], [7, 5, 1, 1], [2, 0, 1]),
    ([1, 1, 1, 1], [1, 1, 3, 3], [1, 1, 1]),
];

#[test]
fn direct_convolution_matches_the_cpu() {
    for_each_dtype(|dtype| {
        for (x_shape, w_shape, [stride, padding, groups]) in CASES {
            let spec = Conv2d { stride, padding, groups };
            let g = &ConvGeometry::new(&x_shape, &w_shape, &spec).unwrap();
            let x = Buffer::from_act(dtype, &random(g.len_in(), 1));
            let w = Buffer::from_act(dtype, &random(g.len_weight(), 2)).act_values(dtype);
            let (x_var, w_var) = (variable(&x.act_values(dtype), &x_shape), variable(&w, &w_shape));
            let expected = conv2d(&x_var, &w_var, &spec).unwrap();
            let w = Buffer::from_floats(&w);
            let filter = run_into(Buffer::act(dtype, g.len_weight()), |filter| {
                layers::filter_from_oihw(dtype, [filter, w.address()], g)
            });
            let y = run_into(Buffer::act(dtype, g.len_out()), |y| {
                layers::direct_conv(dtype, [y, x.address(), filter.address()], g)
            });
            assert_close(dtype, "y", &y.act_values(dtype), &flat(&expected));

            let dy = Buffer::from_act(dtype, &random(g.len_out(), 3));
            let expected_gradients = gradients(&expected, &dy.act_values(dtype), [&x_var, &w_var]);
            let dx = run_into(Buffer::act(dtype, g.len_in()), |dx| {
                layers::direct_conv_input_gradient(dtype, [dx, dy.address(), filter.address()], g)
            });
            assert_close(dtype, "dx", &dx.act_values(dtype), &expected_gradients[0]);
            let dw = run_into(Buffer::floats(g.len_weight()), |dw| {
                layers::direct_conv_weight_gradient(dtype, [dw, x.address(), dy.address()], g)
            });
            assert_close(dtype, "dw", &dw.f32_values(), &expected_gradients[1]);
        }
    });
}

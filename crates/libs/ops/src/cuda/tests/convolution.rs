//! `kernels/convolution.cu` against the operation of the processor.

use super::{Buffer, assert_close, flat, for_each_real, gradients, numbers, run, variable};
use crate::cuda::plan::{convolution as plan, pointwise};
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
fn the_convolution_by_definition_and_its_gradients_are_those_of_the_processor() {
    for_each_real(|real| {
        for (x_shape, w_shape, [stride, padding, groups]) in CASES {
            let spec = Conv2d { stride, padding, groups };
            let g = ConvGeometry::new(&x_shape, &w_shape, &spec).unwrap();
            let x = Buffer::from_reals(real, &numbers(g.len_in(), 1));
            let w = Buffer::from_reals(real, &numbers(g.len_weight(), 2));
            let (xv, wv) = (variable(real, &x, &x_shape), variable(real, &w, &w_shape));
            let expected = conv2d(&xv, &wv, &spec).unwrap();
            let mut filter = Buffer::reals(real, g.len_weight());
            let plain = Buffer::from_floats(&w.as_reals(real));
            let sides = [w_shape[0], w_shape[1], w_shape[2] * w_shape[3]];
            let at = [filter.address(), plain.address()];
            run(&pointwise::weights_in(real, at, sides), &mut [&mut filter]);

            let mut y = Buffer::reals(real, g.len_out());
            let at = [&y, &x, &filter].map(Buffer::address);
            run(&plan::forward(real, at, &g), &mut [&mut y]);
            assert_close(real, "y", &y.as_reals(real), &flat(&expected));
            let dy = Buffer::from_reals(real, &numbers(g.len_out(), 3));
            let [ex, ew] = gradients(&expected, &dy.as_reals(real), [&xv, &wv]);
            let mut dx = Buffer::reals(real, g.len_in());
            let at = [&dx, &dy, &filter].map(Buffer::address);
            run(&plan::input_gradient(real, at, &g), &mut [&mut dx]);
            assert_close(real, "dx", &dx.as_reals(real), &ex);
            let mut dw = Buffer::floats(g.len_weight());
            let at = [&dw, &x, &dy].map(Buffer::address);
            run(&plan::weight_gradient(real, at, &g), &mut [&mut dw]);
            assert_close(real, "dw", &dw.as_floats(), &ew);
        }
    });
}

/// As `cudnn_graph.h` of cuDNN 9 numbers them.
#[test]
fn a_driver_that_does_not_go_with_cudnn_is_no_refusal_of_a_shape() {
    let (supported_not, layout, padding, dynamic) = (3000, 3004, 3011, 3014);
    for status in [supported_not, layout, 3010, padding, dynamic] {
        assert!(plan::is_refusal(status) && !plan::is_lack(status), "{status}");
    }
    let (driver, runtime, arch, prerequisite, library) = (3005, 3006, 3007, 3008, 3009);
    for status in [driver, runtime, arch, prerequisite, library] {
        assert!(plan::is_lack(status) && !plan::is_refusal(status), "{status}");
    }
    let (success, not_initialized, bad_parameter, internal, execution) =
        (0, 1001, 2000, 4000, 5000);
    for status in [success, not_initialized, bad_parameter, internal, execution] {
        assert!(!plan::is_refusal(status) && !plan::is_lack(status), "{status}");
    }
}

//! The kernels of `kernels/pointwise.cu`.

use super::{
    Buffer, assert_close, flat, for_each_dtype, gradients, random, run_into, tensor, variable,
};
use crate::cuda::launch::layers;
use crate::geometry::ConvGeometry;
use crate::{Conv2d, Padding, relu, relu6, zero_pad2d};
use half::bf16;

#[test]
fn relu_and_relu6_match_the_cpu() {
    for_each_dtype(|dtype| {
        let count = 1000;
        // Values around 0 and 6, both included, and infinity.
        let mut values: Vec<f32> = random(count, 1).iter().map(|v| 20.0 * v).collect();
        values[..4].copy_from_slice(&[0.0, 6.0, f32::INFINITY, -0.0]);
        let x = Buffer::from_act(dtype, &values);
        let dy = Buffer::from_act(dtype, &random(count, 2));
        for (limit, op) in [(layers::NO_LIMIT, relu as fn(&_) -> _), (6.0, relu6)] {
            let var = variable(&x.act_values(dtype), &[count]);
            let expected = op(&var).unwrap();
            let y = run_into(Buffer::act(dtype, count), |y| {
                layers::relu(dtype, [y, x.address()], limit, count)
            });
            assert_eq!(y.act_values(dtype), flat(&expected));
            let [expected] = gradients(&expected, &dy.act_values(dtype), [&var]);
            let dx = run_into(Buffer::act(dtype, count), |dx| {
                layers::relu_backward(dtype, [dx, y.address(), dy.address()], limit, count)
            });
            assert_eq!(dx.act_values(dtype), expected);
        }
    });
}

#[test]
fn nan_passes_through_relu() {
    for_each_dtype(|dtype| {
        let (x, dy) = (Buffer::act(dtype, 1), Buffer::from_act(dtype, &[3.0]));
        for limit in [layers::NO_LIMIT, 6.0] {
            let y = run_into(Buffer::from_act(dtype, &[0.0]), |y| {
                layers::relu(dtype, [y, x.address()], limit, 1)
            });
            assert!(y.act_values(dtype)[0].is_nan());
            let dx = run_into(Buffer::act(dtype, 1), |dx| {
                layers::relu_backward(dtype, [dx, y.address(), dy.address()], limit, 1)
            });
            assert_eq!(dx.act_values(dtype), [3.0]);
        }
    });
}

#[test]
fn casts_and_sums_round_to_nearest() {
    for_each_dtype(|dtype| {
        let count = 777;
        let values: Vec<f32> =
            random(count, 3).iter().map(|v| (v * 200.0).exp2() * v.signum()).collect();
        let from = Buffer::from_floats(&values);
        let to = run_into(Buffer::act(dtype, count), |to| {
            layers::cast_from_f32(dtype, [to, from.address()], count)
        });
        assert!(to.bytes() == Buffer::from_act(dtype, &values).bytes());
        let back = run_into(Buffer::floats(count), |back| {
            layers::cast_to_f32(dtype, [back, to.address()], count)
        });
        assert_eq!(back.f32_values(), to.act_values(dtype));
        let [a, b] = [4, 5].map(|seed| Buffer::from_act(dtype, &random(count, seed)));
        let pairs = a.act_values(dtype).into_iter().zip(b.act_values(dtype));
        let sums: Vec<f32> = pairs.map(|(a, b)| a + b).collect();
        let sum = run_into(a, |sum| layers::add(dtype, [sum, b.address()], count));
        assert!(sum.bytes() == Buffer::from_act(dtype, &sums).bytes());
    });
}

#[test]
fn all_bf16_values_survive_a_cast_and_ties_round_to_even() {
    for_each_dtype(|dtype| {
        let mut values: Vec<f32> = (0..=u16::MAX).map(|b| bf16::from_bits(b).to_f32()).collect();
        values.extend([0x3F80_8000, 0x3F81_8000, 0x7F7F_FFFF, 0x3F80_8001].map(f32::from_bits));
        let from = Buffer::from_floats(&values);
        let to = run_into(Buffer::act(dtype, values.len()), |to| {
            layers::cast_from_f32(dtype, [to, from.address()], values.len())
        });
        let expected = Buffer::from_act(dtype, &values).act_values(dtype);
        #[expect(clippy::float_cmp, reason = "casts are exact")]
        let same = |(a, b): (f32, &f32)| a == *b || (a.is_nan() && b.is_nan());
        assert!(to.act_values(dtype).into_iter().zip(&expected).all(same));
    });
}

#[test]
fn filters_are_transposed_and_back() {
    for_each_dtype(|dtype| {
        let g = ConvGeometry::new(&[1, 2, 2, 5], &[3, 5, 2, 2], &Conv2d::default()).unwrap();
        let w = random(60, 6);
        let from = Buffer::from_floats(&w);
        let filter = run_into(Buffer::act(dtype, 60), |to| {
            layers::filter_from_oihw(dtype, [to, from.address()], &g)
        });
        let oihw = tensor(&Buffer::from_act(dtype, &w).act_values(dtype), &[3, 5, 4]);
        let expected = oihw.transpose(1, 2).unwrap().contiguous().unwrap();
        assert_eq!(filter.act_values(dtype), flat(&expected));
        let back = run_into(Buffer::floats(60), |back| {
            layers::filter_to_oihw(dtype, [back, filter.address()], &g)
        });
        assert_eq!(back.f32_values(), flat(&oihw));
    });
}

#[test]
fn vectors_are_concatenated() {
    for_each_dtype(|_| {
        let values = random(14, 6);
        let [a, b] = [&values[..7], &values[7..]].map(Buffer::from_floats);
        let both = run_into(Buffer::floats(14), |to| {
            layers::concat_halves([to, a.address(), b.address()], 7)
        });
        assert_eq!(both.f32_values(), values);
    });
}

#[test]
fn zero_padding_matches_the_cpu() {
    for_each_dtype(|dtype| {
        let padding = Padding { top: 0, bottom: 3, left: 1, right: 2 };
        for shape in [[2, 5, 4, 3], [1, 1, 1, 1], [3, 2, 6, 8]] {
            let count = shape.iter().product();
            let x = Buffer::from_act(dtype, &random(count, 7));
            let var = variable(&x.act_values(dtype), &shape);
            let expected = zero_pad2d(&var, padding).unwrap();
            assert_eq!(expected.dims(), layers::padded(padding, shape));
            let y = run_into(Buffer::act(dtype, expected.elem_count()), |y| {
                layers::pad(dtype, [y, x.address()], padding, shape)
            });
            assert_eq!(y.act_values(dtype), flat(&expected));
            let dy = Buffer::from_act(dtype, &random(expected.elem_count(), 8));
            let [expected] = gradients(&expected, &dy.act_values(dtype), [&var]);
            let dx = run_into(Buffer::act(dtype, count), |dx| {
                layers::pad_backward(dtype, [dx, dy.address()], padding, shape)
            });
            assert_close(dtype, "dx", &dx.act_values(dtype), &expected);
        }
    });
}

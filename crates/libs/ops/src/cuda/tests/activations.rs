//! `kernels/pointwise.cu` against the operations of the processor.

use super::{Buffer, assert_close, flat, for_each_real, gradients, numbers, run, variable, vector};
use crate::cuda::plan::pointwise as plan;
use crate::{Padding, relu, relu6, zero_pad2d};
use half::bf16;

/// Values around 0 and 6, both of them included, and a NaN.
fn lively(len: usize) -> Vec<f32> {
    let mut values: Vec<f32> = numbers(len, 1).iter().map(|v| 20.0 * v).collect();
    values[..4].copy_from_slice(&[0.0, 6.0, f32::INFINITY, -0.0]);
    values
}

#[test]
fn the_rectifiers_of_the_card_are_those_of_the_processor() {
    for_each_real(|real| {
        let count = 1000;
        let x = Buffer::from_reals(real, &lively(count));
        let dy = Buffer::from_reals(real, &numbers(count, 2));
        for (most, op) in [(plan::NO_LIMIT, relu as fn(&_) -> _), (6.0, relu6)] {
            let var = variable(real, &x, &[count]);
            let expected = op(&var).unwrap();
            let mut y = Buffer::reals(real, count);
            let launch = plan::rectify_forward(real, [y.address(), x.address()], most, count);
            run(&launch, &mut [&mut y]);
            assert_eq!(y.as_reals(real), flat(&expected));
            let [expected] = gradients(&expected, &dy.as_reals(real), [&var]);
            let mut dx = Buffer::reals(real, count);
            let at = [dx.address(), y.address(), dy.address()];
            run(&plan::rectify_backward(real, at, most, count), &mut [&mut dx]);
            assert_eq!(dx.as_reals(real), expected);
        }
    });
}

#[test]
fn a_nan_passes_the_rectifiers_of_the_card() {
    for_each_real(|real| {
        let (x, dy) = (Buffer::reals(real, 1), Buffer::from_reals(real, &[3.0]));
        for most in [plan::NO_LIMIT, 6.0] {
            let (mut y, mut dx) = (Buffer::from_reals(real, &[0.0]), Buffer::reals(real, 1));
            let launch = plan::rectify_forward(real, [y.address(), x.address()], most, 1);
            run(&launch, &mut [&mut y]);
            assert!(y.as_reals(real)[0].is_nan());
            let at = [dx.address(), y.address(), dy.address()];
            run(&plan::rectify_backward(real, at, most, 1), &mut [&mut dx]);
            assert_eq!(dx.as_reals(real), [3.0]);
        }
    });
}

#[test]
fn sums_and_conversions_round_as_half_does() {
    for_each_real(|real| {
        let count = 777;
        let values: Vec<f32> =
            numbers(count, 3).iter().map(|v| (v * 200.0).exp2() * v.signum()).collect();
        let (from, mut to) = (Buffer::from_floats(&values), Buffer::reals(real, count));
        let launch = plan::from_float(real, [to.address(), from.address()], count);
        run(&launch, &mut [&mut to]);
        assert!(to.bytes() == Buffer::from_reals(real, &values).bytes());
        let mut back = Buffer::floats(count);
        run(&plan::to_float(real, [back.address(), to.address()], count), &mut [&mut back]);
        assert_eq!(back.as_floats(), to.as_reals(real));
        let [a, b] = [4, 5].map(|seed| Buffer::from_reals(real, &numbers(count, seed)));
        let sums: Vec<f32> =
            a.as_reals(real).iter().zip(b.as_reals(real)).map(|(a, b)| a + b).collect();
        let mut sum = Buffer::from_bytes(a.bytes());
        run(&plan::add(real, [sum.address(), b.address()], count), &mut [&mut sum]);
        assert!(sum.bytes() == Buffer::from_reals(real, &sums).bytes());
    });
}

#[test]
fn every_float_of_16_bits_survives_and_ties_go_to_even() {
    for_each_real(|real| {
        let mut values: Vec<f32> = (0..=u16::MAX).map(|b| bf16::from_bits(b).to_f32()).collect();
        values.extend([0x3F80_8000, 0x3F81_8000, 0x7F7F_FFFF, 0x3F80_8001].map(f32::from_bits));
        let mut to = Buffer::reals(real, values.len());
        let from = Buffer::from_floats(&values);
        let at = [to.address(), from.address()];
        run(&plan::from_float(real, at, values.len()), &mut [&mut to]);
        let expected = Buffer::from_reals(real, &values).as_reals(real);
        #[expect(clippy::float_cmp, reason = "a conversion is exact or wrong")]
        let same = |(a, b): (f32, &f32)| a == *b || (a.is_nan() && b.is_nan());
        assert!(to.as_reals(real).into_iter().zip(&expected).all(same));
    });
}

#[test]
fn weights_are_turned_to_the_filters_layout_and_back() {
    for_each_real(|real| {
        let sides = [3, 5, 4];
        let w = numbers(60, 6);
        let (from, mut to) = (Buffer::from_floats(&w), Buffer::reals(real, 60));
        run(&plan::weights_in(real, [to.address(), from.address()], sides), &mut [&mut to]);
        let turned = vector(&Buffer::from_reals(real, &w).as_reals(real), &sides);
        assert_eq!(to.as_reals(real), flat(&turned.transpose(1, 2).unwrap().contiguous().unwrap()));
        let mut back = Buffer::floats(60);
        let launch = plan::weights_out(real, [back.address(), to.address()], sides);
        run(&launch, &mut [&mut back]);
        assert_eq!(back.as_floats(), flat(&turned));
        let [a, b] = [&w[..7], &w[7..14]].map(Buffer::from_floats);
        let mut both = Buffer::floats(14);
        run(&plan::join([both.address(), a.address(), b.address()], 7), &mut [&mut both]);
        assert_eq!(both.as_floats(), w[..14]);
    });
}

#[test]
fn padding_and_its_gradient_are_those_of_the_processor() {
    for_each_real(|real| {
        let padding = Padding { top: 0, bottom: 3, left: 1, right: 2 };
        for shape in [[2, 5, 4, 3], [1, 1, 1, 1], [3, 2, 6, 8]] {
            let (count, outer) = (shape.iter().product(), plan::outer(padding, shape));
            let x = Buffer::from_reals(real, &numbers(count, 7));
            let var = variable(real, &x, &shape);
            let expected = zero_pad2d(&var, padding).unwrap();
            assert_eq!(expected.dims()[1..3], outer);
            let mut y = Buffer::reals(real, expected.elem_count());
            let launch = plan::pad_forward(real, [y.address(), x.address()], padding, shape);
            run(&launch, &mut [&mut y]);
            assert_eq!(y.as_reals(real), flat(&expected));
            let dy = Buffer::from_reals(real, &numbers(expected.elem_count(), 8));
            let [expected] = gradients(&expected, &dy.as_reals(real), [&var]);
            let mut dx = Buffer::reals(real, count);
            let launch = plan::pad_backward(real, [dx.address(), dy.address()], padding, shape);
            run(&launch, &mut [&mut dx]);
            assert_close(real, "dx", &dx.as_reals(real), &expected);
        }
    });
}

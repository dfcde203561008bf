//! ReLU, ReLU6 and "SAME" padding.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var};
use common::{numbers, tensor, values, var};
use hpa_ops::{
    Conv2d, Padding, conv2d, global_average_pool, linear, relu, relu6, value_and_grad, zero_pad2d,
};

#[test]
fn relu6_and_its_gradient_are_pytorchs() {
    // torch 2.15: x.requires_grad_(); y = F.relu6(x); y.sum().backward(); y, x.grad
    let x = [-1.0, -0.0, 0.0, 1e-30, 3.0, 6.0, 6.5, f32::INFINITY, f32::NEG_INFINITY];
    let y = [0.0, 0.0, 0.0, 1e-30, 3.0, 6.0, 6.0, 6.0, 0.0];
    let slope = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    let x = Var::from_tensor(&Tensor::new(&x, &Device::Cpu).unwrap()).unwrap();
    let out = relu6(&x).unwrap();
    assert_eq!(values(&out), y);
    let gradients = out.sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&x).unwrap()), slope);
}

#[test]
fn relu6_passes_a_nan_forward_and_its_gradient_backward() {
    let x = Var::from_tensor(&Tensor::new(&[f32::NAN, 2.0], &Device::Cpu).unwrap()).unwrap();
    let y = relu6(&x).unwrap();
    assert!(values(&y)[0].is_nan());
    let gradients = y.sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&x).unwrap()), [1.0, 1.0]);
}

#[test]
fn same_padding_is_tensorflows() {
    // TensorFlow's rule by hand: ceil(side / stride) outputs, the odd zero after.
    for (side, kernel, stride, before, behind) in [
        (224, 3, 2, 0, 1),
        (112, 5, 2, 1, 2),
        (7, 3, 2, 1, 1),
        (64, 3, 1, 1, 1),
        (64, 5, 1, 2, 2),
        (5, 1, 2, 0, 0),
        (1, 3, 2, 1, 1),
        (2, 5, 2, 1, 2),
        (9, 2, 1, 0, 1),
    ] {
        let padding = Padding::same([side, side], [kernel, kernel], stride);
        let Padding { top, bottom, left, right } = padding;
        assert_eq!([top, bottom, left, right], [before, behind, before, behind], "{side} {kernel}");
        assert_eq!((side + top + bottom - kernel) / stride + 1, side.div_ceil(stride));
        assert_eq!(padding.symmetric(), (before == behind).then_some(before));
    }
    let rectangle = Padding::same([7, 8], [3, 3], 2);
    assert_eq!(rectangle, Padding { top: 1, bottom: 1, left: 0, right: 1 });
    assert_eq!(Padding::same([7, 8], [3, 3], 0), Padding::default());
}

#[test]
fn zeros_surround_the_image_and_only_it_gets_a_gradient() {
    let padding = Padding { top: 1, bottom: 0, left: 2, right: 1 };
    let x = var(&[2, 2, 3, 5], 1);
    let y = zero_pad2d(&x, padding).unwrap();
    assert_eq!(y.dims(), [2, 3, 6, 5]);
    let (inside, all) = (values(&x), values(&y));
    let at = |n: usize, row: usize, column: usize, c: usize| ((n * 3 + row) * 6 + column) * 5 + c;
    let mut expected = vec![0.0; all.len()];
    for (place, value) in inside.iter().enumerate() {
        let (c, column, row, n) = (place % 5, place / 5 % 3, place / 15 % 2, place / 30);
        expected[at(n, row + 1, column + 2, c)] = *value;
    }
    assert_eq!(all, expected);
    let weights = tensor(y.dims(), 2);
    let gradients = y.mul(&weights).unwrap().sum_all().unwrap().backward().unwrap();
    let (weights, gradient) = (values(&weights), values(gradients.get(&x).unwrap()));
    for (place, value) in gradient.iter().enumerate() {
        let (c, column, row, n) = (place % 5, place / 5 % 3, place / 15 % 2, place / 30);
        assert_eq!(value.to_bits(), weights[at(n, row + 1, column + 2, c)].to_bits());
    }
}

#[test]
fn padding_by_hand_and_by_the_convolution_agree() {
    for groups in [1, 8] {
        let (x, w) = (tensor(&[2, 9, 7, 8], 1), tensor(&[8, 8 / groups, 3, 3], 2));
        let all_around = Padding { top: 1, bottom: 1, left: 1, right: 1 };
        let padded = zero_pad2d(&x, all_around).unwrap();
        let by_hand = conv2d(&padded, &w, &Conv2d { stride: 2, padding: 0, groups }).unwrap();
        let inside = conv2d(&x, &w, &Conv2d { stride: 2, padding: 1, groups }).unwrap();
        let close = values(&by_hand).iter().zip(values(&inside)).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close && by_hand.dims() == inside.dims(), "{groups}");
    }
}

/// The tape records both operations: its gradients are those of candle's own backward pass.
#[test]
fn the_tape_records_padding_and_relu6() {
    let x = Tensor::from_vec(
        numbers(2 * 6 * 6 * 4, 1).iter().map(|v| v * 30.0).collect::<Vec<_>>(),
        (2, 6, 6, 4),
        &Device::Cpu,
    )
    .unwrap();
    let (w, top, bias) = (var(&[4, 1, 3, 3], 2), var(&[1, 4], 3), var(&[1], 4));
    let forward = || {
        let padded = zero_pad2d(&x, Padding::same([6, 6], [3, 3], 2))?;
        let y = conv2d(&padded, &w, &Conv2d { stride: 2, padding: 0, groups: 4 })?;
        let y = global_average_pool(&relu6(&y)?)?;
        let y = linear(&y, &top, &bias)?;
        hpa_ops::bce_with_logits(
            &y,
            &Tensor::ones((2, 1), candle_core::DType::F32, &Device::Cpu)?,
            hpa_ops::Reduction::Mean,
        )
    };
    let (_, tape) = value_and_grad(forward).unwrap();
    let candles = forward().unwrap().backward().unwrap();
    for parameter in [&w, &top, &bias] {
        let (a, b) =
            (values(tape.get(parameter).unwrap()), values(candles.get(parameter).unwrap()));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1e-3)));
        assert!(a.iter().any(|g| *g != 0.0));
    }
}

#[test]
fn relu_has_no_gradient_at_zero() {
    let x = Var::new(&[-1.0_f32, 0.0, 2.0], &Device::Cpu).unwrap();
    let gradients = relu(&x).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&x).unwrap()), [0.0, 0.0, 1.0]);
}

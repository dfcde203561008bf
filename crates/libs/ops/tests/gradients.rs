//! Sums, norms and clipping of gradients.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var};
use common::{assert_same_for_any_threads, values};
use hpa_ops::{Gradients, Reduction, bce_with_logits, value_and_grad};

/// The gradients of a loss of `a [2, 2]` alone.
fn gradients(a: &Var, targets: &[f32; 4]) -> Gradients {
    let targets = Tensor::from_slice(targets, (2, 2), &Device::Cpu).unwrap();
    value_and_grad(|| bce_with_logits(a, &targets, Reduction::Mean)).unwrap().1
}

fn variable() -> Var {
    Var::from_slice(&[0.0_f32; 4], (2, 2), &Device::Cpu).unwrap()
}

#[test]
fn a_sum_over_batches_is_the_sum_of_their_gradients() {
    let a = variable();
    let mut sum = gradients(&a, &[1.0, 0.0, 0.0, 1.0]);
    // Mean over four entries of sigmoid(0) - target.
    assert_eq!(values(sum.get(&a).unwrap()), [-0.125, 0.125, 0.125, -0.125]);
    sum.scale([&a].into_iter(), 2.0).unwrap();
    sum.add(&gradients(&a, &[1.0; 4]), [&a].into_iter()).unwrap();
    assert_eq!(values(sum.get(&a).unwrap()), [-0.375, 0.125, 0.125, -0.375]);
}

/// torch 2.15: `p.grad = tensor([[-.125, .125], [.125, -.125]]); clip_grad_norm_([p], .1)` returns
/// 0.25 and leaves `[[-0.0499998, 0.0499998], [0.0499998, -0.0499998]]`.
#[test]
fn clipping_is_pytorchs() {
    let a = variable();
    let long = gradients(&a, &[1.0, 0.0, 0.0, 1.0]);
    let norm = long.clip([&a].into_iter(), 0.1).unwrap();
    assert!((norm - 0.25).abs() < 1e-12);
    for (value, sign) in values(long.get(&a).unwrap()).iter().zip([-1.0, 1.0, 1.0, -1.0]) {
        assert!((value - 0.049_999_8 * sign).abs() < 1e-8, "{value}");
    }
    let short = gradients(&a, &[1.0, 0.0, 0.0, 1.0]);
    let norm = short.clip([&a].into_iter(), 0.3).unwrap();
    assert!((norm - 0.25).abs() < 1e-12);
    assert_eq!(values(short.get(&a).unwrap()), [-0.125, 0.125, 0.125, -0.125]);
}

#[test]
fn the_norm_is_the_same_for_any_number_of_threads() {
    let start: Vec<f32> = (0_u16..60_000).map(|n| (f32::from(n) * 0.37).sin()).collect();
    let a = Var::from_slice(&start, (300, 200), &Device::Cpu).unwrap();
    let targets = Tensor::zeros((300, 200), candle_core::DType::F32, &Device::Cpu).unwrap();
    let loss = || bce_with_logits(&a, &targets, Reduction::SumOverLabelsMeanOverBatch);
    let gradients = value_and_grad(loss).unwrap().1;
    assert_same_for_any_threads(|| gradients.norm([&a].into_iter()).unwrap().to_bits());
}

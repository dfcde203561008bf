//! Gradients of `value_and_grad` against candle's own backward pass.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Result, Tensor};
use common::{bits, tensor, var};
use hpa_ops::{
    Conv2d, Reduction, batch_norm_train, bce_with_logits, conv2d, global_average_pool, linear,
    relu, value_and_grad,
};

#[test]
fn gradients_have_the_bits_of_candles_own_backward_pass() {
    let x = tensor(&[2, 8, 8, 16], 1);
    let (w, gamma, beta) = (var(&[16, 16, 3, 3], 2), var(&[16], 3), var(&[16], 4));
    let (head, bias, targets) = (var(&[28, 16], 5), var(&[28], 6), tensor(&[2, 28], 7));
    let spec = Conv2d { stride: 1, padding: 1, groups: 1 };
    let loss = || -> Result<Tensor> {
        let first = relu(&conv2d(&x, &w, &spec)?)?;
        // The same weights and the same activations twice: gradients must add up.
        let y = conv2d(&first, &w, &spec)?;
        let (y, _) = batch_norm_train(&y, (&gamma, &beta), Some(&first), true, 1e-5)?;
        let logits = linear(&global_average_pool(&y)?, &head, &bias)?;
        bce_with_logits(&logits, &targets, Reduction::Mean)
    };
    let expected = loss().unwrap().backward().unwrap();
    let (value, gradients) = value_and_grad(loss).unwrap();
    assert_eq!(bits(&value), bits(&loss().unwrap()));
    for parameter in [&w, &gamma, &beta, &head, &bias] {
        assert_eq!(bits(gradients.get(parameter).unwrap()), bits(expected.get(parameter).unwrap()));
    }
    assert!(gradients.get(&x).is_none());
}

#[test]
fn a_gradient_that_would_silently_stop_is_an_error() {
    let (x, head, bias) = (var(&[2, 4], 1), var(&[3, 4], 2), var(&[3], 3));
    let after = value_and_grad(|| linear(&x, &head, &bias)?.sum_all()).unwrap_err().to_string();
    assert!(after.contains("linear") && after.contains("candle"), "{after}");
    let targets = tensor(&[2, 3], 4);
    let before = value_and_grad(|| {
        let doubled = (x.as_tensor() * 2.0)?;
        bce_with_logits(&linear(&doubled, &head, &bias)?, &targets, Reduction::Mean)
    });
    assert!(before.unwrap_err().to_string().contains("[2, 4]"));
    // The failures above leave nothing behind.
    let loss = || bce_with_logits(&linear(&x, &head, &bias)?, &targets, Reduction::Mean);
    assert!(value_and_grad(loss).unwrap().1.get(&head).is_some());
    assert!(value_and_grad(|| value_and_grad(loss).map(|(loss, _)| loss)).is_err());
}

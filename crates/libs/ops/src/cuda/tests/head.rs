//! `kernels/head.cu` against the operations of the processor.

use super::{Buffer, assert_close, flat, for_each_real, gradients, numbers, run, variable, vector};
use crate::cuda::plan::Real;
use crate::cuda::plan::head::{Linear, Loss};
use crate::{Reduction, linear, weighted_focal_loss};
use candle_core::Var;
use half::bf16;

fn parameter(values: &[f32], shape: &[usize]) -> Var {
    Var::from_tensor(&vector(values, shape)).unwrap()
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| bf16::from_f32(*value).to_f32()).collect()
}

#[test]
fn the_linear_layer_and_its_gradients_are_those_of_the_processor() {
    for_each_real(|real| {
        for [rows, inputs, outputs] in [[5, 37, 3], [1, 1, 1], [16, 512, 28], [300, 9, 2]] {
            let layer = Linear { real, rows, inputs, outputs, rounds: false };
            let x = Buffer::from_reals(real, &numbers(rows * inputs, 1));
            let (w, bias) = (numbers(inputs * outputs, 2), numbers(outputs, 3));
            let var = variable(real, &x, &[rows, inputs]);
            let (wv, bv) = (parameter(&w, &[outputs, inputs]), parameter(&bias, &[outputs]));
            let expected = linear(&var, &wv, &bv).unwrap();
            let [w, bias] = [w, bias].map(|values| Buffer::from_floats(&values));
            let mut y = Buffer::floats(rows * outputs);
            let at = [&y, &x, &w, &bias].map(Buffer::address);
            run(&layer.forward(at), &mut [&mut y]);
            assert_close(Real::F32, "y", &y.as_floats(), &flat(&expected));
            let dy = Buffer::from_floats(&numbers(rows * outputs, 4));
            let [ex, ew, eb] = gradients(&expected, &dy.as_floats(), [&var, &wv, &bv]);
            let mut dx = Buffer::reals(real, rows * inputs);
            run(&layer.input_gradient([&dx, &dy, &w].map(Buffer::address)), &mut [&mut dx]);
            assert_close(real, "dx", &dx.as_reals(real), &ex);
            let mut dw = Buffer::floats(inputs * outputs);
            run(&layer.weight_gradient([&dw, &x, &dy].map(Buffer::address)), &mut [&mut dw]);
            assert_close(Real::F32, "dw", &dw.as_floats(), &ew);
            let mut db = Buffer::floats(outputs);
            run(&layer.bias_gradient([&db, &dy].map(Buffer::address)), &mut [&mut db]);
            assert_close(Real::F32, "db", &db.as_floats(), &eb);
        }
    });
}

#[test]
fn rounded_operands_are_those_of_bf16() {
    for_each_real(|real| {
        let (rows, inputs, outputs) = (3, 50, 4);
        let layer = Linear { real, rows, inputs, outputs, rounds: true };
        let x = Buffer::from_reals(real, &numbers(rows * inputs, 1));
        let (w, bias) = (numbers(inputs * outputs, 2), numbers(outputs, 3));
        let expected = linear(
            &vector(&rounded(&x.as_reals(real)), &[rows, inputs]),
            &vector(&rounded(&w), &[outputs, inputs]),
            &vector(&bias, &[outputs]),
        );
        let [w, bias] = [w, bias].map(|values| Buffer::from_floats(&values));
        let mut y = Buffer::floats(rows * outputs);
        run(&layer.forward([&y, &x, &w, &bias].map(Buffer::address)), &mut [&mut y]);
        assert_close(Real::F32, "y", &y.as_floats(), &flat(&expected.unwrap()));
    });
}

#[test]
fn the_losses_and_their_gradients_are_those_of_the_processor() {
    for_each_real(|_| {
        for ([rows, labels], gamma, weighted) in [
            ([4, 28], 0.0, false),
            ([4, 28], 2.0, true),
            ([40, 28], 1.5, false),
            ([1, 1], 2.0, true),
        ] {
            let count = rows * labels;
            let logits: Vec<f32> = numbers(count, 1).iter().map(|v| v * 60.0).collect();
            let targets: Vec<f32> =
                numbers(count, 2).iter().map(|v| if *v > 0.3 { 1.0 } else { 0.25 }).collect();
            let weights: Vec<f32> = numbers(labels, 3).iter().map(|v| v + 0.5).collect();
            let weights = if weighted { &weights[..] } else { &[] };
            let var = parameter(&logits, &[rows, labels]);
            let reduction = Reduction::SumOverLabelsMeanOverBatch;
            let targets_tensor = vector(&targets, &[rows, labels]);
            let expected = weighted_focal_loss(&var, &targets_tensor, weights, gamma, reduction);
            let expected = expected.unwrap();
            let plan = Loss { labels, count, gamma, scale: 1.0 / rows as f64 };
            let [logits, targets, weights, gradient] =
                [&logits, &targets, weights, &[0.7][..]].map(Buffer::from_floats);
            let weights = if weighted { weights.address() } else { 0 };
            let mut loss = Buffer::floats(1);
            let at = [loss.address(), logits.address(), targets.address(), weights];
            run(&plan.forward(at), &mut [&mut loss]);
            assert_close(Real::F32, "loss", &loss.as_floats(), &flat(&expected));
            let mut dx = Buffer::floats(count);
            let [to, from, of] = [&dx, &logits, &targets].map(Buffer::address);
            run(&plan.backward([to, from, of, weights, gradient.address()]), &mut [&mut dx]);
            let [expected] = gradients(&expected, &[0.7], [&var]);
            assert_close(Real::F32, "dx", &dx.as_floats(), &expected);
        }
    });
}

#[test]
fn a_correct_logit_costs_nothing_and_a_nan_is_seen() {
    for_each_real(|_| {
        let plan = Loss { labels: 2, count: 2, gamma: 0.0, scale: 0.5 };
        for (logits, expected) in [([90.0, -90.0], 0.0), ([f32::NAN, 0.0], f32::NAN)] {
            let [logits, targets] = [logits, [1.0, 0.0]].map(|values| Buffer::from_floats(&values));
            let mut loss = Buffer::floats(1);
            let [to, from, of] = [&loss, &logits, &targets].map(Buffer::address);
            run(&plan.forward([to, from, of, 0]), &mut [&mut loss]);
            let got = loss.as_floats()[0];
            assert!(got.is_nan() == expected.is_nan() && (got.is_nan() || got.abs() < 1e-30));
        }
    });
}

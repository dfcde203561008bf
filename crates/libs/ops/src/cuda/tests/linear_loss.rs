//! The kernels of `kernels/linear_loss.cu`.

use super::{
    Buffer, assert_close, flat, for_each_dtype, gradients, random, run_into, tensor, variable,
};
use crate::cuda::launch::ActDtype::F32;
use crate::cuda::launch::layers::{Linear, Loss};
use crate::{Reduction, linear, weighted_focal_loss};
use half::bf16;

#[test]
fn the_linear_layer_matches_the_cpu() {
    for_each_dtype(|dtype| {
        for [rows, inputs, outputs] in [[5, 37, 3], [1, 1, 1], [16, 512, 28], [300, 9, 2]] {
            let layer = Linear { dtype, rows, inputs, outputs, round_to_bf16: false };
            let x = Buffer::from_act(dtype, &random(rows * inputs, 1));
            let (w, bias) = (random(inputs * outputs, 2), random(outputs, 3));
            let x_var = variable(&x.act_values(dtype), &[rows, inputs]);
            let (w_var, b_var) = (variable(&w, &[outputs, inputs]), variable(&bias, &[outputs]));
            let expected = linear(&x_var, &w_var, &b_var).unwrap();
            let [w, bias] = [w, bias].map(|values| Buffer::from_floats(&values));
            let [x_at, w_at, bias_at] = [&x, &w, &bias].map(Buffer::address);
            let y = run_into(Buffer::floats(rows * outputs), |y| {
                layer.forward([y, x_at, w_at, bias_at])
            });
            assert_close(F32, "y", &y.f32_values(), &flat(&expected));
            let dy = Buffer::from_floats(&random(rows * outputs, 4));
            let vars = [&x_var, &w_var, &b_var];
            let expected_gradients = gradients(&expected, &dy.f32_values(), vars);
            let dx = run_into(Buffer::act(dtype, rows * inputs), |dx| {
                layer.input_gradient([dx, dy.address(), w_at])
            });
            assert_close(dtype, "dx", &dx.act_values(dtype), &expected_gradients[0]);
            let dw = run_into(Buffer::floats(inputs * outputs), |dw| {
                layer.weight_gradient([dw, x_at, dy.address()])
            });
            assert_close(F32, "dw", &dw.f32_values(), &expected_gradients[1]);
            let db =
                run_into(Buffer::floats(outputs), |db| layer.bias_gradient([db, dy.address()]));
            assert_close(F32, "db", &db.f32_values(), &expected_gradients[2]);
        }
    });
}

#[test]
fn factors_are_rounded_to_bf16() {
    let rounded = |values: &[f32]| -> Vec<f32> {
        values.iter().map(|value| bf16::from_f32(*value).to_f32()).collect()
    };
    for_each_dtype(|dtype| {
        let (rows, inputs, outputs) = (3, 50, 4);
        let layer = Linear { dtype, rows, inputs, outputs, round_to_bf16: true };
        let x = Buffer::from_act(dtype, &random(rows * inputs, 1));
        let (w, bias) = (random(inputs * outputs, 2), random(outputs, 3));
        let expected = linear(
            &tensor(&rounded(&x.act_values(dtype)), &[rows, inputs]),
            &tensor(&rounded(&w), &[outputs, inputs]),
            &tensor(&bias, &[outputs]),
        );
        let [w, bias] = [w, bias].map(|values| Buffer::from_floats(&values));
        let y = run_into(Buffer::floats(rows * outputs), |y| {
            layer.forward([y, x.address(), w.address(), bias.address()])
        });
        assert_close(F32, "y", &y.f32_values(), &flat(&expected.unwrap()));
    });
}

#[test]
fn the_losses_match_the_cpu() {
    for_each_dtype(|_| {
        for ([rows, labels], gamma, is_weighted) in [
            ([4, 28], 0.0, false),
            ([4, 28], 2.0, true),
            ([40, 28], 1.5, false),
            ([1, 1], 2.0, true),
        ] {
            let count = rows * labels;
            let logits: Vec<f32> = random(count, 1).iter().map(|v| v * 60.0).collect();
            let targets: Vec<f32> =
                random(count, 2).iter().map(|v| if *v > 0.3 { 1.0 } else { 0.25 }).collect();
            let weights: Vec<f32> = random(labels, 3).iter().map(|v| v + 0.5).collect();
            let weights = if is_weighted { &weights[..] } else { &[] };
            let var = variable(&logits, &[rows, labels]);
            let reduction = Reduction::SumOverLabelsMeanOverBatch;
            let targets_tensor = tensor(&targets, &[rows, labels]);
            let expected =
                weighted_focal_loss(&var, &targets_tensor, weights, gamma, reduction).unwrap();
            let focal = Loss { labels, count, gamma, scale: 1.0 / rows as f64 };
            let [logits, targets, weights, dloss] =
                [&logits, &targets, weights, &[0.7][..]].map(Buffer::from_floats);
            let weights = if is_weighted { weights.address() } else { 0 };
            let [logits, targets, dloss_at] = [&logits, &targets, &dloss].map(Buffer::address);
            let loss =
                run_into(Buffer::floats(1), |loss| focal.forward([loss, logits, targets, weights]));
            assert_close(F32, "loss", &loss.f32_values(), &flat(&expected));
            let dx = run_into(Buffer::floats(count), |dx| {
                focal.backward([dx, logits, targets, weights, dloss_at])
            });
            let [expected] = gradients(&expected, &[0.7], [&var]);
            assert_close(F32, "dx", &dx.f32_values(), &expected);
        }
    });
}

#[test]
fn a_large_correct_logit_has_no_loss_and_nan_passes() {
    for_each_dtype(|_| {
        let focal = Loss { labels: 2, count: 2, gamma: 0.0, scale: 0.5 };
        for (logits, expected) in [([90.0, -90.0], 0.0), ([f32::NAN, 0.0], f32::NAN)] {
            let [logits, targets] = [logits, [1.0, 0.0]].map(|values| Buffer::from_floats(&values));
            let loss = run_into(Buffer::floats(1), |loss| {
                focal.forward([loss, logits.address(), targets.address(), 0])
            });
            let got = loss.f32_values()[0];
            assert!(got.is_nan() == expected.is_nan() && (got.is_nan() || got.abs() < 1e-30));
        }
    });
}

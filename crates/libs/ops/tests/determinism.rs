//! Equal bits for any number of threads, and agreement of the SIMD levels.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::Result;
use common::{Case, assert_same_for_any_threads, bits, error, tensor, values, var};
use hpa_ops::{
    Conv2d, Precision, Reduction, SimdError, batch_norm_train, bce_with_logits, conv2d,
    conv2d_with_precision, global_average_pool, linear, max_pool2d, pin_simd, select_simd,
    simd_path,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The pinned SIMD path is global: tests that change it take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A small network through every kind of operation: its loss and all gradients.
fn network() -> Result<Vec<candle_core::Tensor>> {
    let conv =
        |x: &_, w: &_, stride, padding, groups| conv2d(x, w, &Conv2d { stride, padding, groups });
    let x = tensor(&[5, 70, 66, 4], 1);
    let stem = var(&[64, 4, 7, 7], 2);
    let (wide, deep, down) =
        (var(&[64, 64, 3, 3], 3), var(&[144, 64, 3, 3], 4), var(&[144, 64, 1, 1], 5));
    let (depthwise, point) = (var(&[144, 1, 3, 3], 6), var(&[32, 144, 1, 1], 7));
    let (gamma, beta, head, bias) =
        (var(&[64], 8), var(&[64], 9), var(&[28, 32], 10), var(&[28], 11));
    let y = conv(&x, &stem, 2, 3, 1)?;
    let (y, _) = batch_norm_train(&y, (&gamma, &beta), None, true, 1e-5)?;
    let pooled = max_pool2d(&y, 3, 2, 1)?;
    let y = conv(&pooled, &wide, 1, 1, 1)?;
    let (y, _) = batch_norm_train(&y, (&gamma, &beta), Some(&pooled), true, 1e-5)?;
    let y = (conv(&y, &deep, 2, 1, 1)? + conv(&y, &down, 2, 0, 1)?)?;
    let y = conv(&conv(&y, &depthwise, 1, 1, 144)?, &point, 1, 0, 1)?;
    let logits = linear(&global_average_pool(&y)?, &head, &bias)?;
    let targets = tensor(&[5, 28], 12).ge(0.2)?.to_dtype(candle_core::DType::F32)?;
    let loss = bce_with_logits(&logits, &targets, Reduction::Mean)?;
    let gradients = loss.backward()?;
    let parameters = [&stem, &wide, &deep, &down, &depthwise, &point, &gamma, &beta, &head, &bias];
    let mut all = vec![loss];
    all.extend(parameters.iter().map(|p| gradients.get(p).unwrap().clone()));
    Ok(all)
}

#[test]
fn one_two_and_three_threads_give_the_same_bits_on_every_path() {
    let _turn = turn();
    for path in ["avx512", "avx2", "portable"] {
        if pin_simd(path).is_err() {
            eprintln!("skipped: this CPU has no {path}");
            continue;
        }
        assert_same_for_any_threads(|| network().unwrap().iter().map(bits).collect::<Vec<_>>());
    }
}

#[test]
fn the_simd_paths_agree() {
    let _turn = turn();
    pin_simd("portable").unwrap();
    let portable: Vec<Vec<f64>> =
        network().unwrap().iter().map(|t| values(t).into_iter().map(f64::from).collect()).collect();
    for path in ["avx512", "avx2"] {
        if pin_simd(path).is_err() {
            eprintln!("skipped: this CPU has no {path}");
            continue;
        }
        assert_eq!(simd_path(), path);
        for (index, (got, expected)) in network().unwrap().iter().zip(&portable).enumerate() {
            let e = error(&values(got), expected);
            assert!(e < 1e-4, "tensor {index} differs by {e} on {path}");
        }
    }
}

#[test]
fn every_convolution_algorithm_agrees_between_the_paths() {
    let _turn = turn();
    for case in [
        Case::new([2, 9, 7, 48, 80], [3, 3], [1, 1, 1]),
        Case::new([1, 8, 8, 24, 20], [3, 3], [2, 1, 1]),
        Case::new([3, 5, 5, 33, 65], [1, 1], [1, 0, 1]),
    ] {
        let (x, weight) = (tensor(&case.x(), 1), tensor(&case.weight(), 2));
        let run = || values(&conv2d(&x, &weight, &case.spec()).unwrap());
        pin_simd("portable").unwrap();
        let expected: Vec<f64> = run().into_iter().map(f64::from).collect();
        for path in ["avx512", "avx2"].into_iter().filter(|path| pin_simd(path).is_ok()) {
            pin_simd(path).unwrap();
            assert!(error(&run(), &expected) < 1e-5, "{case:?} on {path}");
        }
    }
}

#[test]
fn bf16_is_refused_on_other_paths_with_the_reason() {
    let _turn = turn();
    pin_simd("portable").unwrap();
    let (x, w) = (tensor(&[1, 3, 3, 2], 1), tensor(&[4, 2, 3, 3], 2));
    let refused =
        conv2d_with_precision(&x, &w, &Conv2d::default(), Precision::Bf16).unwrap_err().to_string();
    assert!(
        refused.contains("bf16 needs the SIMD path avx512, and portable is in use"),
        "{refused}"
    );
    assert!(Precision::F32.check().is_ok());
}

#[test]
fn an_unknown_path_is_refused_with_the_names_that_exist() {
    let _turn = turn();
    let refused = pin_simd("avx1024").unwrap_err();
    assert_eq!(refused, SimdError::Unknown { name: "avx1024".to_owned() });
    assert!(refused.to_string().contains("avx512, avx2 or portable"));
    assert!(select_simd().is_ok());
}

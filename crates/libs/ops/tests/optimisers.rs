//! Optimisers against their formulas written out, and their state saved and restored.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use candle_core::{Device, Tensor, Var, backprop::GradStore};
use common::values;
use hpa_ops::optim::{AdamW, AdamWConfig, ParamGroup, Parameter, Sgd, SgdConfig};

fn parameter(name: &str, start: &[f32], group: ParamGroup) -> Parameter {
    let var = Var::new(start, &Device::Cpu).unwrap();
    Parameter { name: name.to_owned(), var, group }
}

/// The gradient of `sum(p^2 / 2)` is `p`.
fn gradients(of: &[&Var]) -> GradStore {
    let mut loss = Tensor::new(0.0_f32, &Device::Cpu).unwrap();
    for var in of {
        loss = (loss + (var.sqr().unwrap().sum_all().unwrap() * 0.5).unwrap()).unwrap();
    }
    loss.backward().unwrap()
}

#[test]
fn sgd_follows_pytorchs_formula_with_and_without_nesterov() {
    for nesterov in [false, true] {
        let settings = SgdConfig { momentum: 0.9, nesterov, weight_decay: 0.1 };
        let p = parameter("p", &[1.0, -2.0], ParamGroup::default());
        let var = p.var.clone();
        let mut sgd = Sgd::new(vec![p], settings).unwrap();
        let (mut x, mut v) = ([1.0_f64, -2.0], [0.0_f64; 2]);
        for _ in 0..5 {
            sgd.step(&gradients(&[&var]), 0.05).unwrap();
            for (x, v) in x.iter_mut().zip(&mut v) {
                let d = *x + 0.1 * *x;
                *v = 0.9 * *v + d;
                *x -= 0.05 * if nesterov { d + 0.9 * *v } else { *v };
            }
        }
        for (got, expected) in values(&var).iter().zip(x) {
            assert!((f64::from(*got) - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn adamw_follows_its_formula() {
    let settings = AdamWConfig::default();
    let p = parameter("p", &[1.0, -2.0], ParamGroup::default());
    let var = p.var.clone();
    let mut adam = AdamW::new(vec![p], settings).unwrap();
    let (mut x, mut m, mut v) = ([1.0_f64, -2.0], [0.0_f64; 2], [0.0_f64; 2]);
    for t in 1..=5 {
        adam.step(&gradients(&[&var]), 0.05).unwrap();
        for i in 0..2 {
            let slope = x[i];
            x[i] *= 1.0 - 0.05 * 0.01;
            m[i] = 0.9 * m[i] + 0.1 * slope;
            v[i] = 0.999 * v[i] + 0.001 * slope * slope;
            let (mean, square) = (m[i] / (1.0 - 0.9_f64.powi(t)), v[i] / (1.0 - 0.999_f64.powi(t)));
            x[i] -= 0.05 * mean / (square.sqrt() + 1e-8);
        }
    }
    for (got, expected) in values(&var).iter().zip(x) {
        assert!((f64::from(*got) - expected).abs() < 1e-6);
    }
}

#[test]
fn a_restored_state_continues_to_the_same_bits() {
    let start = [0.3, -0.7, 1.1];
    let (a, b) = (
        parameter("p", &start, ParamGroup::default()),
        parameter("p", &start, ParamGroup::default()),
    );
    let (va, vb) = (a.var.clone(), b.var.clone());
    let mut first = AdamW::new(vec![a], AdamWConfig::default()).unwrap();
    for _ in 0..3 {
        first.step(&gradients(&[&va]), 0.01).unwrap();
    }
    vb.set(&va.as_detached_tensor().copy().unwrap()).unwrap();
    let mut second = AdamW::new(vec![b], AdamWConfig::default()).unwrap();
    second.load_state(first.state().unwrap()).unwrap();
    first.step(&gradients(&[&va]), 0.01).unwrap();
    second.step(&gradients(&[&vb]), 0.01).unwrap();
    assert_eq!(common::bits(&va), common::bits(&vb));
}

#[test]
fn a_factor_of_zero_freezes_a_parameter() {
    let frozen = ParamGroup { learning_rate_factor: 0.0, ..ParamGroup::default() };
    let p = parameter("p", &[1.0], frozen);
    let var = p.var.clone();
    let settings = SgdConfig { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    Sgd::new(vec![p], settings).unwrap().step(&gradients(&[&var]), 1.0).unwrap();
    assert_eq!(values(&var), [1.0]);
}

#[test]
fn a_foreign_state_is_refused_and_changes_nothing() {
    let settings = SgdConfig { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    let mut sgd =
        Sgd::new(vec![parameter("p", &[1.0, 2.0], ParamGroup::default())], settings).unwrap();
    let tensor = |len: usize| Tensor::ones(len, candle_core::DType::F32, &Device::Cpu).unwrap();
    let wrong_shape = sgd.load_state(vec![("momentum/p".to_owned(), tensor(3))]).unwrap_err();
    assert!(wrong_shape.to_string().contains("momentum/p"));
    let unknown = sgd.load_state(vec![("momentum/q".to_owned(), tensor(2))]).unwrap_err();
    assert!(unknown.to_string().contains("momentum/q"));
    assert!(sgd.state().unwrap().is_empty());
    let twice = vec![
        parameter("p", &[1.0], ParamGroup::default()),
        parameter("p", &[1.0], ParamGroup::default()),
    ];
    assert!(Sgd::new(twice, settings).is_err());
}

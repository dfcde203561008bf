//! Saved and restored state of optimizers, and frozen parameter groups; `golden.rs` has the steps.
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
fn the_state_of_another_optimizer_is_refused_and_changes_nothing() {
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

//! Operations and their gradients against PyTorch's: `golden/ops.py` wrote `golden/ops.json`.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use candle_core::{Device, Result, Tensor, Var};
use hpa_ops::{Conv2d, batch_norm_train, conv2d, linear, max_pool2d};
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Stored {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Case {
    op: String,
    settings: Vec<usize>,
    inputs: BTreeMap<String, Stored>,
    y: Stored,
    dy: Stored,
    gradients: BTreeMap<String, Stored>,
    running_mean: Option<Stored>,
    running_var: Option<Stored>,
}

#[derive(serde::Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

impl Stored {
    fn tensor(&self) -> Tensor {
        #[expect(clippy::cast_possible_truncation, reason = "inputs are f32 written as f64")]
        let values: Vec<f32> = self.values.iter().map(|v| *v as f32).collect();
        Tensor::from_vec(values, &self.shape[..], &Device::Cpu).unwrap()
    }

    /// The largest difference, relative to the largest magnitude.
    fn error(&self, got: &Tensor) -> f64 {
        assert_eq!(got.dims(), self.shape);
        let got: Vec<f32> = got.flatten_all().unwrap().to_vec1().unwrap();
        let scale = self.values.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
        let worst = got.iter().zip(&self.values).map(|(g, e)| (f64::from(*g) - e).abs());
        worst.fold(0.0_f64, |m, d| if d.is_nan() { f64::NAN } else { m.max(d) }) / scale
    }
}

/// `running = 0.9 running + 0.1 batch`, as PyTorch's default.
fn running(start: f64, batch: &Tensor) -> Tensor {
    batch.affine(0.1, 0.9 * start).unwrap()
}

fn run(case: &Case, vars: &BTreeMap<&str, Var>) -> Result<Tensor> {
    let setting = |place: usize| case.settings[place];
    match case.op.as_str() {
        "conv2d" => {
            let spec = Conv2d { stride: setting(0), padding: setting(1), groups: setting(2) };
            conv2d(&vars["x"], &vars["w"], &spec)
        }
        "max_pool2d" => max_pool2d(&vars["x"], setting(0), setting(1), setting(2)),
        "linear" => linear(&vars["x"], &vars["w"], &vars["b"]),
        "batch_norm" => {
            let affine = (vars["gamma"].as_tensor(), vars["beta"].as_tensor());
            let residual = Some(vars["residual"].as_tensor());
            let (y, batch) = batch_norm_train(&vars["x"], affine, residual, true, 1e-5)?;
            let mean = case.running_mean.as_ref().unwrap().error(&running(0.0, &batch.mean));
            let variance = running(1.0, &batch.variance_unbiased);
            let variance = case.running_var.as_ref().unwrap().error(&variance);
            assert!(mean < 1e-5 && variance < 1e-5, "running statistics: {mean} {variance}");
            Ok(y)
        }
        other => panic!("golden/ops.json has an operation {other} that this test does not know"),
    }
}

#[test]
fn operations_and_their_gradients_are_pytorchs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ops.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.cases.len(), 10);
    for case in &golden.cases {
        let vars: BTreeMap<&str, Var> = case
            .inputs
            .iter()
            .map(|(name, stored)| (name.as_str(), Var::from_tensor(&stored.tensor()).unwrap()))
            .collect();
        let y = run(case, &vars).unwrap();
        let error = case.y.error(&y);
        assert!(error < 1e-5, "{} {:?}: {error}", case.op, case.settings);
        let loss = y.mul(&case.dy.tensor()).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        for (name, expected) in &case.gradients {
            let error = expected.error(gradients.get(&vars[name.as_str()]).unwrap());
            assert!(error < 1e-4, "{} {:?}, gradient of {name}: {error}", case.op, case.settings);
        }
    }
}

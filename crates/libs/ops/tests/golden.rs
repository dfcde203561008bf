//! Operations, their gradients and optimisers against PyTorch's: `golden/ops.py` wrote
//! `golden/ops.json`, `golden/rest.py` wrote `golden/rest.json`.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use candle_core::{Device, Result, Tensor, Var, backprop::GradStore};
use hpa_ops::optim::{AdamW, AdamWConfig, ParamGroup, Parameter, Sgd, SgdConfig};
use hpa_ops::{
    BatchNormEval, Conv2d, Reduction, RunningStatistics, batch_norm_eval, batch_norm_train, conv2d,
    focal_loss, global_average_pool, linear, max_pool2d, relu,
};
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
    #[serde(default)]
    optimisers: Vec<Optimiser>,
}

/// The parameters before the first step and after each.
#[derive(serde::Deserialize)]
struct Optimiser {
    name: String,
    start: Stored,
    steps: Vec<Step>,
}

#[derive(serde::Deserialize)]
struct Step {
    gradient: Stored,
    after: Stored,
}

impl Golden {
    fn read(name: &str) -> Self {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
        let text = std::fs::read_to_string(format!("{directory}{name}")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
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
        "global_average_pool" => global_average_pool(&vars["x"]),
        "relu" => relu(&vars["x"]),
        "batch_norm_eval" => run_batch_norm_eval(vars, setting(0) == 1),
        "loss" => {
            let gamma = f64::from(u8::try_from(setting(0)).unwrap());
            let reduction = match setting(1) {
                0 => Reduction::SumOverLabelsMeanOverBatch,
                _ => Reduction::Mean,
            };
            focal_loss(&vars["x"], &vars["target"].as_detached_tensor(), gamma, reduction)
        }
        other => panic!("a golden file has an operation {other} that this test does not know"),
    }
}

fn run_batch_norm_eval(vars: &BTreeMap<&str, Var>, relu: bool) -> Result<Tensor> {
    let arguments = BatchNormEval {
        weight: &vars["gamma"],
        bias: &vars["beta"],
        statistics: RunningStatistics { mean: &vars["mean"], variance: &vars["variance"] },
        residual: Some(&vars["residual"]),
        relu,
        eps: 1e-5,
    };
    batch_norm_eval(&vars["x"], &arguments)
}

/// Holds outputs to 1e-5 and gradients to 1e-4 of the largest.
fn check(case: &Case) {
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

#[test]
fn operations_and_their_gradients_are_pytorchs() {
    for (file, count) in [("ops.json", 10), ("rest.json", 8)] {
        let golden = Golden::read(file);
        assert_eq!(golden.cases.len(), count, "{file}");
        golden.cases.iter().for_each(check);
    }
}

/// Takes one step with these gradients.
type Stepper = Box<dyn FnMut(&GradStore) -> Result<()>>;

/// The steps of an optimiser by name, with the settings of `golden/rest.py`.
fn stepper(name: &str, parameter: Parameter) -> Stepper {
    let (rate, weight_decay) = (0.05, 0.1);
    if name == "adamw" {
        let settings = AdamWConfig { weight_decay, ..AdamWConfig::default() };
        let mut adamw = AdamW::new(vec![parameter], settings).unwrap();
        return Box::new(move |gradients| adamw.step(gradients, rate));
    }
    let settings = SgdConfig { momentum: 0.9, nesterov: name == "nesterov", weight_decay };
    let mut sgd = Sgd::new(vec![parameter], settings).unwrap();
    Box::new(move |gradients| sgd.step(gradients, rate))
}

#[test]
fn three_steps_of_the_optimisers_are_pytorchs() {
    let golden = Golden::read("rest.json");
    let names: Vec<&str> = golden.optimisers.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["sgd", "nesterov", "adamw"]);
    for Optimiser { name, start, steps } in &golden.optimisers {
        assert_eq!(steps.len(), 3);
        let var = Var::from_tensor(&start.tensor()).unwrap();
        let parameter =
            Parameter { name: "p".into(), var: var.clone(), group: ParamGroup::default() };
        let mut step = stepper(name, parameter);
        for (place, Step { gradient, after }) in steps.iter().enumerate() {
            // The gradient of `sum(p g)` is `g`.
            let loss = var.mul(&gradient.tensor()).unwrap().sum_all().unwrap();
            step(&loss.backward().unwrap()).unwrap();
            let error = after.error(&var);
            assert!(error < 1e-6, "{name}, step {place}: {error}");
        }
    }
}

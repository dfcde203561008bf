//! Training steps and inference on data in memory: our side of `make bench-train`.
//!
//! `speed NETWORK PX BATCH train|eval f32|bf16 THREADS` prints a line of JSON for each line `N` on
//! standard input: the seconds of each of N steps, and the peak memory so far in KiB.
#![expect(clippy::print_stdout, reason = "the results of a measurement")]

use candle_core::{DType, Device, Tensor};
use hpa_core::{Channel, Seed};
use hpa_nn::{
    Architecture, InferenceModel, LossConfig, LossKind, LossReduction, Network, Precision,
};
use hpa_ops::optim::{ParamGroup, Parameter, Sgd, SgdConfig};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();

type Error = Box<dyn std::error::Error>;

const LABELS: usize = 28;

/// The step that is measured.
enum Workload {
    Train { network: Box<Network>, sgd: Sgd, images: Tensor, targets: Tensor },
    Inference { model: Box<InferenceModel>, images: Vec<f32>, px: usize },
}

impl Workload {
    fn new(arguments: &[String]) -> Result<Self, Error> {
        let [architecture, px, batch, mode, precision, ..] = arguments else {
            return Err("usage: speed NETWORK PX BATCH train|eval f32|bf16 THREADS".into());
        };
        let architecture: Architecture = architecture.parse()?;
        let px = px.parse()?;
        let batch = batch.parse()?;
        let precision: Precision = precision.parse()?;
        let mut network = Network::new(architecture, LABELS, Seed::new(1))?;
        network.set_precision(precision);
        let shape = (batch, px, px, Channel::COUNT);
        let images = Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu)?;
        if mode == "eval" {
            if precision != Precision::F32 {
                return Err("inference is in f32".into());
            }
            let images = images.flatten_all()?.to_vec1()?;
            let model = Box::new(network.inference_model()?);
            return Ok(Self::Inference { model, images, px });
        }
        let targets = Tensor::rand(0.0_f32, 1.0, (batch, LABELS), &Device::Cpu)?;
        let targets = targets.ge(0.9)?.to_dtype(DType::F32)?;
        let parameters = network.parameters().iter().map(|(name, var)| Parameter {
            name: name.clone(),
            var: var.clone(),
            group: ParamGroup::default(),
        });
        let settings = SgdConfig { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
        let sgd = Sgd::new(parameters.collect(), settings)?;
        Ok(Self::Train { network: Box::new(network), sgd, images, targets })
    }

    fn step(&mut self) -> Result<(), Error> {
        match self {
            Self::Train { network, sgd, images, targets } => {
                let loss = LossConfig {
                    kind: LossKind::Bce,
                    reduction: LossReduction::Mean,
                    ..LossConfig::default()
                };
                let (_, gradients) = hpa_ops::value_and_grad(|| {
                    loss.loss(&network.forward_train(images)?, targets, &[])
                })?;
                sgd.step(&gradients, 0.01)?;
            }
            Self::Inference { model, images, px } => {
                model.logits(images.clone(), *px)?;
            }
        }
        Ok(())
    }
}

/// Peak memory of this process in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.get(5).ok_or("the number of threads is missing")?.parse()?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let mut workload = Workload::new(&arguments)?;
    workload.step()?;
    println!("{{\"simd\": \"{}\"}}", hpa_ops::select_simd()?);
    for line in std::io::stdin().lines() {
        let steps: u32 = line?.trim().parse()?;
        let mut seconds = Vec::new();
        for _ in 0..steps {
            let start = Instant::now();
            workload.step()?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        println!("{{\"seconds\": {seconds:?}, \"peak_kib\": {}}}", peak_kib());
    }
    Ok(())
}

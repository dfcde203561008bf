//! ResNet-18 from this crate in a training loop of candle's own parts.
//!
//! The network is built from a `VarBuilder`, is a `ModuleT`, and any `candle_nn::Optimizer` trains it:
//!
//! ```sh
//! cargo run --release -p hpa-nn --example custom_training_loop
//! ```
//!
//! Prints the loss of each step on one random batch: it falls.
#![expect(clippy::print_stdout, reason = "the result of the example")]

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{AdamW, ModuleT, Optimizer, ParamsAdamW, VarBuilder, VarMap};
use hpa_nn::{Architecture, Network};

const LABELS: usize = 28;
const STEPS: usize = 10;

fn main() -> Result<()> {
    let device = Device::Cpu;
    let varmap = VarMap::new();
    let vb = VarBuilder::from_varmap(&varmap, DType::F32, &device);
    let model = Network::from_var_builder(Architecture::ResNet18, LABELS, 3, &vb)?;

    // Images are channels-last.
    let images = Tensor::randn(0.0_f32, 1.0, (8, 64, 64, 3), &device)?; // [N, S, S, C]
    let targets = Tensor::rand(0.0_f32, 1.0, (8, LABELS), &device)?;
    let targets = targets.ge(0.9)?.to_dtype(DType::F32)?; // [N, L]

    // `VarMap::all_vars` would include the running statistics, and has a random order.
    let params = model.parameters().values().cloned().collect();
    let mut optimizer = AdamW::new(params, ParamsAdamW { lr: 1e-3, ..ParamsAdamW::default() })?;
    let (mut first, mut last) = (f32::NAN, f32::NAN);
    for step in 0..STEPS {
        let logits = model.forward_t(&images, true)?; // [N, L]
        let loss = hpa_ops::bce_with_logits(&logits, &targets, hpa_ops::Reduction::Mean)?;
        optimizer.backward_step(&loss)?;
        last = loss.to_scalar::<f32>()?;
        if step == 0 {
            first = last;
        }
        println!("step {step}: loss {last:.4}");
    }
    if last < first { Ok(()) } else { candle_core::bail!("the loss rose from {first} to {last}") }
}

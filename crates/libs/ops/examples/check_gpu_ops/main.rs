//! Every operation on the GPU against the same operation on the CPU, at random shapes:
//! `check_gpu_ops [--device cuda|cpu] [--rounds 12]`. `cpu` compares the CPU with itself to test
//! this program; a round is one shape of each operation.
//!
//! Outputs are NaN before they are written. `f32` may differ by 1e-4 of the largest value, `bf16`
//! by 1e-2 in L2 norm; two runs on the GPU must agree bit for bit.
#![expect(clippy::print_stdout, reason = "prints the results of the checks")]

mod cases;
mod compare;
mod network;
mod random;

use candle_core::{Device, Result};
use compare::check;
use random::Random;
use std::process::ExitCode;

/// Prints the outcome of a check.
fn report(name: &str, outcome: Result<f64>, failures: &mut usize) {
    match outcome {
        Ok(error) => println!("ok      {name}: {error:.1e}"),
        Err(error) => {
            *failures += 1;
            println!("FAILED  {name}: {error}");
        }
    }
}

fn run(device: &Device, rounds: u64) -> usize {
    let mut failures = 0;
    for round in 0..rounds {
        for case in cases::all(&mut Random::new(round)) {
            for is_bf16 in [false, true] {
                // Activations on the CPU are f32 only.
                if is_bf16 && device.is_cpu() {
                    continue;
                }
                let kind = if is_bf16 { "bf16" } else { "f32" };
                let name = format!("{kind:4} {}", case.name);
                report(&name, check(&case, device, is_bf16), &mut failures);
            }
        }
    }
    for (name, outcome) in network::all(device) {
        report(&name, outcome, &mut failures);
    }
    failures
}

/// Whether to use the GPU, and the number of rounds.
fn parse_args() -> Option<(bool, u64)> {
    let (mut uses_gpu, mut rounds) = (true, 12);
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        match (flag.as_str(), words.next()?.as_str()) {
            ("--device", "cuda") => uses_gpu = true,
            ("--device", "cpu") => uses_gpu = false,
            ("--rounds", number) => rounds = number.parse().ok()?,
            _ => return None,
        }
    }
    Some((uses_gpu, rounds))
}

fn open(uses_gpu: bool) -> Result<Device> {
    if !uses_gpu {
        return Ok(Device::Cpu);
    }
    hpa_ops::probe_cuda().map_err(candle_core::Error::wrap)?;
    hpa_ops::open_cuda()
}

fn main() -> ExitCode {
    let Some((uses_gpu, rounds)) = parse_args() else {
        println!("usage: check_gpu_ops [--device cuda|cpu] [--rounds 12]");
        return ExitCode::from(2);
    };
    let device = match open(uses_gpu) {
        Ok(device) => device,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    hpa_ops::nan_fill_outputs(true);
    let failures = run(&device, rounds);
    println!("{failures} checks failed");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Holds every operation on a graphics card against the same operation on the processor, at random
//! shapes: `check_gpu_ops [--device cpu]`, where `cpu` puts the processor in the card's place to
//! show that the harness works.
//!
//! Outputs are NaN before they are written. `f32` may differ by 1e-4 of the largest value, `bf16`
//! by 1e-2 of all values' length; two runs on the card must agree to the bit.
#![expect(clippy::print_stdout, reason = "the results of the checks")]

mod cases;
mod compare;
mod random;
mod whole;

use candle_core::{Device, Result};
use compare::check;
use random::Random;
use std::process::ExitCode;

/// Random shapes of each operation.
const ROUNDS: u64 = 12;

/// Runs a check and says how it went.
fn report(name: &str, outcome: Result<f64>, failures: &mut usize) {
    match outcome {
        Ok(error) => println!("ok      {name}: {error:.1e}"),
        Err(error) => {
            *failures += 1;
            println!("FAILED  {name}: {error}");
        }
    }
}

fn run(device: &Device) -> usize {
    let mut failures = 0;
    for round in 0..ROUNDS {
        for case in cases::all(&mut Random::new(round)) {
            for is_bf16 in [false, true] {
                // The processor has other types for bf16; there is nothing to compare.
                if is_bf16 && device.is_cpu() {
                    continue;
                }
                let kind = if is_bf16 { "bf16" } else { "f32" };
                let name = format!("{kind:4} {}", case.name);
                report(&name, check(&case, device, is_bf16), &mut failures);
            }
        }
    }
    for (name, outcome) in whole::all(device) {
        report(&name, outcome, &mut failures);
    }
    failures
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let device = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["--device", "cuda"] => hpa_ops::find_cuda()
            .map_err(candle_core::Error::wrap)
            .and_then(|()| hpa_ops::open_cuda()),
        ["--device", "cpu"] => Ok(Device::Cpu),
        _ => {
            println!("check_gpu_ops [--device cuda|cpu]");
            return ExitCode::from(2);
        }
    };
    let device = match device {
        Ok(device) => device,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    hpa_ops::poison_outputs(true);
    let failures = run(&device);
    println!("{failures} checks failed");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

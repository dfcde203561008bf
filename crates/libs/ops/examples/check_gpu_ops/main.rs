//! Holds every operation on a graphics card against the same operation on the processor, at random
//! shapes: `check_gpu_ops [--device cuda|cpu] [--rounds 12]`. `cpu` puts the processor in the card's
//! place to show that the harness works; a round is one shape of each operation.
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

fn run(device: &Device, rounds: u64) -> usize {
    let mut failures = 0;
    for round in 0..rounds {
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

/// The device and the rounds that were asked for.
fn asked() -> Option<(bool, u64)> {
    let (mut on_card, mut rounds) = (true, 12);
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        match (flag.as_str(), words.next()?.as_str()) {
            ("--device", "cuda") => on_card = true,
            ("--device", "cpu") => on_card = false,
            ("--rounds", number) => rounds = number.parse().ok()?,
            _ => return None,
        }
    }
    Some((on_card, rounds))
}

fn open(on_card: bool) -> Result<Device> {
    if !on_card {
        return Ok(Device::Cpu);
    }
    hpa_ops::find_cuda().map_err(candle_core::Error::wrap)?;
    hpa_ops::open_cuda()
}

fn main() -> ExitCode {
    let Some((on_card, rounds)) = asked() else {
        println!("check_gpu_ops [--device cuda|cpu] [--rounds 12]");
        return ExitCode::from(2);
    };
    let device = match open(on_card) {
        Ok(device) => device,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    hpa_ops::poison_outputs(true);
    let failures = run(&device, rounds);
    println!("{failures} checks failed");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

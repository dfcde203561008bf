//! Training and prediction on the GPU against the CPU: `check_gpu [--device cuda|cpu] [--steps 200]
//! [--px 64] [--batch 16]`.
//!
//! Prints the outcome of each check; the exit status is 1 if one fails. It needs no files and no
//! other programs, so it can be copied to a machine with a GPU. `--device cpu` compares the CPU
//! with itself to test this program.
#![expect(clippy::print_stdout, reason = "prints the outcomes of the checks")]

mod checks;
mod data;
mod noise;

use hpa_nn::DeviceKind;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();

type Error = Box<dyn std::error::Error>;

/// Size of the training run.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) steps: usize,
    pub(crate) px: usize,
    pub(crate) batch: usize,
}

fn option(name: &str, default: &str) -> String {
    let args: Vec<String> = std::env::args().collect();
    let position = args.iter().position(|word| word == name);
    position.and_then(|at| args.get(at + 1)).map_or_else(|| default.to_owned(), Clone::clone)
}

fn run() -> Result<bool, Error> {
    hpa_ops::select_simd()?;
    let device = option("--device", "cuda").parse::<DeviceKind>()?.open()?;
    let size = Size {
        steps: option("--steps", "200").parse()?,
        px: option("--px", "64").parse()?,
        batch: option("--batch", "16").parse()?,
    };
    if !device.is_cuda() {
        println!("DRY RUN: the CPU is compared with itself, nothing is checked on a GPU");
    }
    let data = data::Data::draw(size)?;
    let mut all_pass = true;
    for (name, check) in checks::ALL {
        let start = std::time::Instant::now();
        let (outcome, detail) = match check(&data, &device, size) {
            Ok(detail) => ("ok    ", detail),
            Err(error) => ("FAILED", error.to_string()),
        };
        all_pass &= outcome != "FAILED";
        println!("{outcome}  {name}: {detail} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    Ok(all_pass)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

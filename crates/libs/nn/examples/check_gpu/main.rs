//! Does training on a graphics card do what training on the processor does?
//!
//! `check_gpu [--device cuda|cpu] [--steps 200] [--px 64] [--batch 16]` says of each check whether it
//! holds and ends with status 1 where one does not. It needs no file and no other program, so that
//! it can be carried to a machine with a card. With `--device cpu` the processor stands in for
//! the card: that shows that the checks themselves work, and nothing of a card.
#![expect(clippy::print_stdout, reason = "the answers of a check")]

mod checks;
mod data;
mod noise;

use hpa_nn::{Device, DeviceKind};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: hpa_ops::ReusingAllocator = hpa_ops::ReusingAllocator::new();

type Error = Box<dyn std::error::Error>;

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) steps: usize,
    pub(crate) px: usize,
    pub(crate) batch: usize,
}

fn option(name: &str, default: &str) -> String {
    let words: Vec<String> = std::env::args().collect();
    let place = words.iter().position(|word| word == name);
    place.and_then(|at| words.get(at + 1)).map_or_else(|| default.to_owned(), Clone::clone)
}

fn run() -> Result<bool, Error> {
    hpa_ops::select_simd()?;
    let card = option("--device", "cuda").parse::<DeviceKind>()?.open()?;
    let size = Size {
        steps: option("--steps", "200").parse()?,
        px: option("--px", "64").parse()?,
        batch: option("--batch", "16").parse()?,
    };
    if !card.is_cuda() {
        println!("DRY RUN: the processor stands in for the card, nothing of a card is checked");
    }
    let data = data::Data::draw(size)?;
    let mut all_hold = true;
    for (name, check) in checks::ALL {
        let start = std::time::Instant::now();
        let (word, said) = match check(&data, &card, size) {
            Ok(said) => ("holds", said),
            Err(error) => ("FAILS", error.to_string()),
        };
        all_hold &= word == "holds";
        println!("{word}  {name}: {said} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    Ok(all_hold)
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

/// The processor, to compare with.
pub(crate) const fn processor() -> Device {
    Device::cpu()
}

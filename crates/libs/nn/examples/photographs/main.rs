//! What an `EfficientNet-Lite0` trained on photographs sees in some: a check of the network and of the
//! reading of foreign weights.
//!
//! ```sh
//! cargo run --release -p hpa-nn --example photographs -- efficientnet-lite0.safetensors *.jpg
//! ```
//!
//! Prints the likeliest of `ImageNet`'s 1000 classes (130 flamingo, 272 coyote, 862 torch) and its
//! probability.
#![expect(clippy::print_stdout, reason = "the result of the example")]

mod look;

use hpa_artifacts::read_foreign_weights;
use hpa_nn::{Architecture, Network};
use look::{SIZE, likeliest, prepared};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let weights = paths.next().ok_or("usage: photographs WEIGHTS.safetensors PHOTOGRAPH.jpg…")?;
    let file = read_foreign_weights(&weights)?;
    let network = Network::of_photographs(Architecture::EfficientNetLite0, file)?.evaluator()?;
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (class, probability) = likeliest(&network.logits(prepared(&bytes)?, SIZE)?);
        println!("{}: class {class}, probability {probability:.3}", path.display());
    }
    Ok(())
}

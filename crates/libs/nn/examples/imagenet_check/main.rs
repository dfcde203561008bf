//! `ImageNet` classes that a pretrained `EfficientNet-Lite0` predicts for photographs: a check of the
//! network and of the loading of published weights.
//!
//! ```sh
//! cargo run --release -p hpa-nn --example imagenet_check -- efficientnet-lite0.safetensors *.jpg
//! ```
//!
//! Prints the most probable of `ImageNet`'s 1000 classes (130 flamingo, 272 coyote, 862 torch) and
//! its probability.
#![expect(clippy::print_stdout, reason = "the result of the example")]

mod preprocess;

use hpa_artifacts::read_external_weights;
use hpa_nn::{Architecture, Network};
use preprocess::{SIZE, preprocess, top1};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let weights = paths.next().ok_or("usage: imagenet_check WEIGHTS.safetensors PHOTO.jpg…")?;
    let state_dict = read_external_weights(&weights)?;
    let network = Network::from_imagenet(Architecture::EfficientNetLite0, state_dict)?;
    let model = network.inference_model()?;
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (class, probability) = top1(&model.logits(preprocess(&bytes)?, SIZE)?);
        println!("{}: class {class}, probability {probability:.3}", path.display());
    }
    Ok(())
}

//! `EfficientNet-Lite0` with its published weights on real photographs.

#[path = "../examples/imagenet_check/preprocess.rs"]
mod preprocess;

use hpa_artifacts::read_external_weights;
use hpa_core::Seed;
use hpa_nn::{Architecture, InputConvInit, Network, check_input_conv};
use preprocess::{SIZE, preprocess, top1};
use std::path::{Path, PathBuf};

const ARCHITECTURE: Architecture = Architecture::EfficientNetLite0;

/// The folder of weights, if it is there.
fn weights_folder() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared =
        std::env::var_os("HPA_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
    let folder = shared.join("data/weights");
    if folder.join("efficientnet-lite0.safetensors").exists() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no efficientnet-lite0.safetensors in {} (set HPA_SHARED)",
        folder.display()
    );
    None
}

#[test]
fn a_flamingo_a_coyote_and_a_torch_are_recognised() {
    let Some(folder) = weights_folder() else { return };
    let weights = read_external_weights(&folder.join("efficientnet-lite0.safetensors")).unwrap();
    let model = Network::from_imagenet(ARCHITECTURE, weights).unwrap().inference_model().unwrap();
    for (name, class, expected) in
        [("flamingo", 130, 0.98), ("coyote", 272, 0.78), ("torch", 862, 0.67)]
    {
        let bytes = std::fs::read(folder.join(format!("test_photos/{name}.jpg"))).unwrap();
        let logits = model.logits(preprocess(&bytes).unwrap(), SIZE).unwrap();
        let (found, probability) = top1(&logits);
        eprintln!("{name}: class {found}, probability {probability:.3}");
        assert_eq!(found, class, "{name}");
        assert!((probability - expected).abs() < 0.015, "{name}: {probability}, not {expected}");
    }
}

#[test]
fn every_input_conv_init_passes_with_the_published_weights() {
    let Some(folder) = weights_folder() else { return };
    let path = folder.join("efficientnet-lite0.safetensors");
    let weights = || read_external_weights(&path).unwrap();
    let checks = check_input_conv(ARCHITECTURE, Some(weights()), Seed::new(1)).unwrap();
    assert!(checks.iter().all(|check| check.passes), "{checks:?}");
    let seed = Seed::new(1);
    let (network, report) =
        Network::pretrained(ARCHITECTURE, 28, seed, weights(), InputConvInit::Zero).unwrap();
    assert!(report.adapted_input_conv && report.replaced_classifier);
    let tensors = network.tensors().unwrap();
    assert_eq!(tensors["conv_stem.weight"].shape, [32, 4, 3, 3]);
    assert_eq!(tensors["classifier.weight"].shape, [28, 1280]);
}

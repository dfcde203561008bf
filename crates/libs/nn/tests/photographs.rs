//! `EfficientNet-Lite0` on real weights and real photographs.

#[path = "../examples/photographs/look.rs"]
mod look;

use hpa_artifacts::read_foreign_weights;
use hpa_core::Seed;
use hpa_nn::{Architecture, FirstConvolution, Network, check_surgery};
use look::{SIZE, likeliest, prepared};
use std::path::{Path, PathBuf};

/// The folder of weights, where it is.
fn folder() -> Option<PathBuf> {
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
    let Some(folder) = folder() else { return };
    let file = read_foreign_weights(&folder.join("efficientnet-lite0.safetensors")).unwrap();
    let network = Network::of_photographs(Architecture::EfficientNetLite0, file).unwrap();
    let network = network.evaluator().unwrap();
    for (name, class, expected) in
        [("flamingo", 130, 0.98), ("coyote", 272, 0.78), ("torch", 862, 0.67)]
    {
        let bytes = std::fs::read(folder.join(format!("test_photos/{name}.jpg"))).unwrap();
        let (found, probability) =
            likeliest(&network.logits(prepared(&bytes).unwrap(), SIZE).unwrap());
        eprintln!("{name}: class {found}, probability {probability:.3}");
        assert_eq!(found, class, "{name}");
        assert!(
            (probability - expected).abs() < 0.015,
            "{name}: {probability} instead of {expected}"
        );
    }
}

#[test]
fn the_real_weights_survive_every_surgery() {
    let Some(folder) = folder() else { return };
    let path = folder.join("efficientnet-lite0.safetensors");
    let file = || read_foreign_weights(&path).unwrap();
    let checks =
        check_surgery(Architecture::EfficientNetLite0, Some(file()), Seed::new(1)).unwrap();
    assert!(checks.iter().all(|check| check.holds), "{checks:?}");
    let given = (file(), FirstConvolution::Zero);
    let (network, imported) =
        Network::pretrained(Architecture::EfficientNetLite0, 28, Seed::new(1), given).unwrap();
    assert!(imported.widened_first_convolution && imported.replaced_classifier);
    let tensors = network.tensors().unwrap();
    assert_eq!(tensors["conv_stem.weight"].shape, [32, 4, 3, 3]);
    assert_eq!(tensors["classifier.weight"].shape, [28, 1280]);
}

//! Pretrained weights, augmentation, sampling and targets as a user meets them.

use crate::common::{SIZE, inputs, said, train};
use hpa_artifacts::{Artifact, Checkpoint, Weights};
use hpa_core::Seed;
use hpa_nn::{Architecture, Network};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Only what is there in `flags`, no inputs or outputs.
fn look(folder: &Path, flags: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hpa-train"));
    command.current_dir(folder).args(flags).output().unwrap()
}

fn checkpoint(folder: &Path, flags: &[&str]) -> Checkpoint {
    let output = train(folder, flags);
    assert!(output.status.success(), "{flags:?}: {}", said(&output));
    Checkpoint::read(&folder.join("m/fold-1.safetensors")).unwrap().value
}

/// Random weights of a network that looked at photographs, as a safetensors file of elsewhere.
fn photographs(path: &Path, architecture: Architecture) -> BTreeMap<String, Weights> {
    let mut tensors = Network::new(architecture, 10, Seed::new(5)).unwrap().tensors().unwrap();
    let stem = tensors.values_mut().find(|tensor| tensor.shape.get(1) == Some(&4)).unwrap();
    let area = stem.shape[2] * stem.shape[3];
    stem.values = stem.values.chunks_exact(4 * area).flat_map(|o| o[..3 * area].to_vec()).collect();
    stem.shape[1] = 3;
    write(path, &tensors);
    tensors
}

fn write(path: &Path, tensors: &BTreeMap<String, Weights>) {
    let bytes: Vec<_> = tensors
        .iter()
        .map(|(name, weights)| {
            let bytes: Vec<u8> = weights.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.clone(), weights.shape.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let dtype = safetensors::Dtype::F32;
        (name, safetensors::tensor::TensorView::new(dtype, shape.clone(), bytes).unwrap())
    });
    let file = safetensors::serialize(views, None).unwrap();
    hpa_artifacts::atomic::write_bytes(path, &file).unwrap();
}

#[test]
fn defaults_leave_the_recipe_as_it_was_and_others_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let plain = checkpoint(folder.path(), &["--epochs", "1"]);
    let keys: Vec<&String> = plain.meta.settings.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 21, "{keys:?}");
    let flags = [
        ("--crop-area", "0.5", "crop_area"),
        ("--gain", "0.2", "gain"),
        ("--cutout-holes", "2", "cutout_holes"),
        ("--mixup", "0.4", "mixup"),
        ("--sampling", "oversample", "sampling"),
        ("--sampling", "median-frequency", "sampling"),
        ("--label-smoothing", "0.1", "label_smoothing"),
        ("--label-weights", "log", "label_weights"),
    ];
    for (flag, value, key) in flags {
        let other = checkpoint(folder.path(), &["--epochs", "1", flag, value]);
        let recorded = &other.meta.settings[key];
        assert!(recorded.to_string().contains(value), "{flag}: {recorded}");
        assert_ne!(other.meta.provenance.config, plain.meta.provenance.config, "{flag}");
        // Labels 0, 1 and 2 are equally frequent: nothing is rare, and weights above 1 are log's.
        let is_same = other.tensors == plain.tensors;
        assert_eq!(is_same, value == "oversample", "{flag} {value}");
    }
}

#[test]
fn weights_of_labels_must_be_as_many_as_labels() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let output = train(folder.path(), &["--label-weights", "1,2,3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("3 numbers for 28 labels"), "{}", said(&output));
    let output = train(folder.path(), &["--mixup", "0.001"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("m").exists());
}

#[test]
fn both_families_start_from_photographs() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    for architecture in [Architecture::ResNet18, Architecture::EfficientNetLite0] {
        let path = folder.path().join("weights.safetensors");
        photographs(&path, architecture);
        let flags = [
            "--architecture",
            architecture.name(),
            "--weights",
            "weights.safetensors",
            "--epochs",
            "1",
        ];
        let output = train(folder.path(), &flags);
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("widened to four channels, classifier replaced"), "{said}");
    }
}

#[test]
fn weights_that_do_not_fit_are_listed_whole_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let path = folder.path().join("weights.safetensors");
    let mut tensors = photographs(&path, Architecture::ResNet18);
    tensors.remove("layer3.1.bn2.bias");
    tensors.insert("extra".into(), Weights { shape: vec![1], values: vec![0.0] });
    tensors.insert("bn1.weight".into(), Weights { shape: vec![3], values: vec![0.0; 3] });
    tensors.get_mut("bn1.bias").unwrap().values[0] = f32::NAN;
    write(&path, &tensors);
    let output = train(folder.path(), &["--weights", "weights.safetensors"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in [
        "unexpected: extra",
        "missing: layer3.1.bn2.bias",
        "shape mismatch: bn1.weight is [3], expected [64]",
        "invalid: bn1.bias",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!folder.path().join("m/fold-1.safetensors").exists());
}

#[test]
fn the_surgery_is_checked_without_data() {
    let folder = tempfile::tempdir().unwrap();
    photographs(&folder.path().join("w.safetensors"), Architecture::ResNet18);
    for flags in [&["--weights", "w.safetensors"][..], &[]] {
        let usual = ["--check-surgery", "--architecture", "resnet18", "--json"];
        let output = look(folder.path(), &[&usual[..], flags].concat());
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("equal: with `zero`"), "{}", said(&output));
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["verdict"], "equal");
        let checks = verdict["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 7);
        assert!(checks.iter().all(|check| check["holds"] == true));
    }
    let other =
        ["--check-surgery", "--architecture", "efficientnet-lite0", "--weights", "w.safetensors"];
    let output = look(folder.path(), &other);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("unexpected: conv1.weight"), "{}", said(&output));
}

/// Draws with the usual flags and these.
fn sheet(folder: &Path, flags: &str) -> std::process::Output {
    let usual = "--images images.parquet --architecture resnet18 --json";
    let words: Vec<&str> = usual.split_whitespace().chain(flags.split_whitespace()).collect();
    look(folder, &words)
}

/// A picture of the sheet's first row.
fn tile(path: &Path, column: usize) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let width = reader.next_frame(&mut pixels).unwrap().width as usize;
    let left = 3 * (column * (SIZE + 2) + 2);
    let rows = pixels.chunks_exact(3 * width).skip(2).take(SIZE);
    rows.flat_map(|row| row[left..left + 3 * SIZE].to_vec()).collect()
}

#[test]
fn a_contact_sheet_shows_as_many_samples_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    inputs(folder, 12);
    let augmented = "--d4 --rotate-degrees 90 --zoom 1.5 --mixup 0.4 --cutout-holes 1";
    let output = sheet(folder, &format!("--show-augmentation 3 a.png {augmented}"));
    assert!(output.status.success(), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (width, height) = (8 * (SIZE + 2) + 2, 3 * (SIZE + 2) + 2);
    let size = serde_json::json!({"rows": 3, "columns": 8, "width": width, "height": height});
    assert_eq!(report, size);
    // The first column is plain in both, the others are the same pictures only without augmentation.
    assert!(sheet(folder, "--show-augmentation 3 b.png").status.success());
    let (changed, plain) = (folder.join("a.png"), folder.join("b.png"));
    assert_eq!(tile(&changed, 0), tile(&plain, 0));
    assert_eq!(tile(&plain, 0), tile(&plain, 7));
    assert_ne!(tile(&changed, 1), tile(&changed, 2));
}

#[test]
fn a_sheet_of_no_samples_or_from_no_images_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    inputs(folder, 12);
    for count in ["0", "65", "x"] {
        let output = sheet(folder, &format!("--show-augmentation {count} c.png"));
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("expected 1 to 64"), "{}", said(&output));
    }
    let words = ["--architecture", "resnet18", "--show-augmentation", "2", "c.png"];
    let output = look(folder, &words);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("--images") && !folder.join("c.png").exists());
}

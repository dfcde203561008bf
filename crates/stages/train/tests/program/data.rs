//! Pretrained weights, data settings, checks and the contact sheet, through the program.

use crate::common::{SIZE, inputs, stderr, train};
use hpa_artifacts::{Artifact, Checkpoint, Weights};
use hpa_core::Seed;
use hpa_nn::{Architecture, Network};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The program with these flags alone.
fn run(folder: &Path, flags: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hpa-train"));
    command.current_dir(folder).args(flags).output().unwrap()
}

fn checkpoint(folder: &Path, flags: &[&str]) -> Checkpoint {
    let output = train(folder, flags);
    assert!(output.status.success(), "{flags:?}: {}", stderr(&output));
    Checkpoint::read(&folder.join("m/fold-1.safetensors")).unwrap().value
}

/// Random weights of a three-channel network, as a foreign safetensors file.
fn pretrained(path: &Path, architecture: Architecture) -> BTreeMap<String, Weights> {
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
fn all_settings_are_recorded_and_in_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let plain = checkpoint(folder.path(), &["--epochs", "1"]);
    let keys: Vec<&String> = plain.meta.settings.as_object().unwrap().keys().collect();
    assert!(keys.iter().any(|key| *key == "label_smoothing"), "{keys:?}");
    let flags = [
        ("--crop-scale", "0.5", "crop_scale"),
        ("--channel-gain", "0.2", "channel_gain"),
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
    assert!(stderr(&output).contains("3 numbers for 28 labels"), "{}", stderr(&output));
    let output = train(folder.path(), &["--mixup", "0.001"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("m").exists());
}

#[test]
fn both_families_start_from_pretrained_weights() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    for architecture in [Architecture::ResNet18, Architecture::EfficientNetLite0] {
        let path = folder.path().join("weights.safetensors");
        pretrained(&path, architecture);
        let flags = [
            "--architecture",
            architecture.name(),
            "--weights",
            "weights.safetensors",
            "--epochs",
            "1",
        ];
        let output = train(folder.path(), &flags);
        let text = stderr(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("adapted to four channels, classifier replaced"), "{text}");
    }
}

#[test]
fn weights_that_do_not_fit_are_listed_whole_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let path = folder.path().join("weights.safetensors");
    let mut tensors = pretrained(&path, Architecture::ResNet18);
    tensors.remove("layer3.1.bn2.bias");
    tensors.insert("extra".into(), Weights { shape: vec![1], values: vec![0.0] });
    tensors.insert("bn1.weight".into(), Weights { shape: vec![3], values: vec![0.0; 3] });
    tensors.get_mut("bn1.bias").unwrap().values[0] = f32::NAN;
    write(&path, &tensors);
    let output = train(folder.path(), &["--weights", "weights.safetensors"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in [
        "unexpected: extra",
        "missing: layer3.1.bn2.bias",
        "shape mismatch: bn1.weight is [3], expected [64]",
        "invalid: bn1.bias",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!folder.path().join("m/fold-1.safetensors").exists());
}

#[test]
fn the_input_convolution_is_checked_without_data() {
    let folder = tempfile::tempdir().unwrap();
    pretrained(&folder.path().join("w.safetensors"), Architecture::ResNet18);
    for flags in [&["--weights", "w.safetensors"][..], &[]] {
        let usual = ["--check-input-conv", "--architecture", "resnet18", "--json"];
        let output = run(folder.path(), &[&usual[..], flags].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("equal: with `zero`"), "{}", stderr(&output));
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["verdict"], "equal");
        let checks = verdict["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 7);
        assert!(checks.iter().all(|check| check["passes"] == true));
    }
    let other = [
        "--check-input-conv",
        "--architecture",
        "efficientnet-lite0",
        "--weights",
        "w.safetensors",
    ];
    let output = run(folder.path(), &other);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("unexpected: conv1.weight"), "{}", stderr(&output));
}

/// Draws with the usual flags and these.
fn sheet(folder: &Path, flags: &str) -> std::process::Output {
    let usual = "--images images.parquet --architecture resnet18 --json";
    let words: Vec<&str> = usual.split_whitespace().chain(flags.split_whitespace()).collect();
    run(folder, &words)
}

/// An image of the sheet's first row.
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
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (width, height) = (8 * (SIZE + 2) + 2, 3 * (SIZE + 2) + 2);
    let size = serde_json::json!({"rows": 3, "columns": 8, "width": width, "height": height});
    assert_eq!(report, size);
    // The first column is plain in both, the others are equal only without augmentation.
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
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("expected 1 to 64"), "{}", stderr(&output));
    }
    let words = ["--architecture", "resnet18", "--show-augmentation", "2", "c.png"];
    let output = run(folder, &words);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--images") && !folder.join("c.png").exists());
}

#[test]
fn check_accepts_what_can_be_trained_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pretrained(&folder.join("w.safetensors"), Architecture::ResNet18);
    hpa_artifacts::atomic::write_bytes(
        &folder.join("m.toml"),
        b"architecture = \"resnet18\"\npretrained = true\n",
    )
    .unwrap();
    let check = |flags: &[&str]| run(folder, &[&["--check", "--config", "m.toml"], flags].concat());
    for flags in [&["--weights", "w.safetensors"][..], &["--weights", "none"]] {
        let output = check(flags);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert!(stderr(&output).contains("ok: resnet18"), "{}", stderr(&output));
    }
    for (flags, status, message) in [
        (&[][..], 1, "WEIGHTS=none"),
        (&["--weights", "missing.safetensors"], 1, "missing.safetensors"),
        (&["--weights", "w.safetensors", "--architecture", "resnet34"], 1, "missing: layer1.2"),
        (&["--weights", "none", "--device", "cuda"], 1, "CUDA"),
        (&["--weights", "none", "--freeze-epochs", "20"], 1, "leaves no epoch"),
        (&["--weights", "none", "--architecture", "vgg"], 2, "expected one of resnet18"),
        (&["--weights", "none", "--accumulate", "2"], 2, "`--gradient-accumulation-steps`"),
    ] {
        let output = check(flags);
        assert_eq!(output.status.code(), Some(status), "{flags:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{flags:?}: {}", stderr(&output));
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2, "nothing is written");
}

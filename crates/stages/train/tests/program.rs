//! The program: its outputs, up-to-date checkpoints and refusals.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

mod common;
#[path = "program/data.rs"]
mod data;

use common::{inputs, stderr, train};
use hpa_artifacts::{Artifact, Checkpoint, History};
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn a_checkpoint_is_trained_once_and_then_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let output = train(folder.path(), &["--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["trained"], &report["epochs"]), (&true.into(), &2.into()));
    assert!(report["images_per_second"].as_f64().unwrap() > 0.0);
    let path = folder.path().join("m/fold-1.safetensors");
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert_eq!((checkpoint.meta.fold, checkpoint.meta.folds), (1, 2));
    assert_eq!(checkpoint.tensors["conv1.weight"].shape, [64, 4, 7, 7]);
    let history = History::read(&folder.path().join("m/fold-1.history.parquet")).unwrap();
    assert_eq!(history.rows.iter().map(|row| row.epoch).collect::<Vec<_>>(), [0, 1]);
    assert!(!folder.path().join("resume/m/state.safetensors").exists());

    let bytes = std::fs::read(&path).unwrap();
    let again = train(folder.path(), &[]);
    assert!(stderr(&again).contains("m/fold-1.safetensors is up to date"), "{}", stderr(&again));
    assert!(train(folder.path(), &["--seed", "2"]).status.success());
    assert!(std::fs::read(&path).unwrap() != bytes);
}

/// Writes the checkpoint in bf16 on the SIMD path of that name.
fn train_bf16(folder: &Path, path: &str) -> Output {
    let flags = "--images images.parquet --labels labels.parquet --folds folds.parquet --fold 1 \
        --architecture resnet18 --epochs 1 --batch-size 4 --out m/fold-1.safetensors --config m.toml";
    let toml = b"precision = \"bf16\"\n";
    hpa_artifacts::atomic::write_bytes(&folder.join("m.toml"), toml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hpa-train"));
    let command = command.current_dir(folder).args(flags.split_whitespace());
    command.env("HPA_SIMD", path).output().unwrap()
}

#[test]
fn bf16_is_recorded_where_it_is_supported_and_refused_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let output = train_bf16(folder.path(), "portable");
    let refused = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{refused}");
    assert!(
        refused.contains("bf16 needs the SIMD path avx512, and portable is in use"),
        "{refused}"
    );
    assert!(!folder.path().join("m").exists());
    let output = train_bf16(folder.path(), "");
    if output.status.code() == Some(1) {
        assert!(stderr(&output).contains("bf16 needs"), "{}", stderr(&output));
        return;
    }
    let checkpoint = Checkpoint::read(&folder.path().join("m/fold-1.safetensors")).unwrap();
    assert_eq!(checkpoint.meta.settings["precision"], "bf16");
}

#[test]
fn unknown_names_and_missing_inputs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 11);
    for (flags, status, message) in [
        (
            &["--architecture", "densenet121"][..],
            2,
            "expected one of resnet18, resnet34, resnet50, efficientnet-lite0",
        ),
        (&["--device", "cuda"], 1, "built without CUDA"),
        (&["--fold", "2"], 1, "with 2 folds they are numbered 0 to 1"),
        (&["--epochs", "0"], 2, "expected 1 to 10000"),
        (&["--precision", "f16"], 2, "expected f32 or bf16"),
        (&[], 1, "have no image in the shards: sample-11"),
    ] {
        let flags: Vec<&str> = flags.to_vec();
        let output = train(folder.path(), &flags);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{flags:?}: {text}");
        assert!(text.contains(message), "{flags:?}: {text}");
        assert!(!folder.path().join("m").exists());
    }
    inputs(folder.path(), 12);
    let output = train(folder.path(), &["--weights", "none.safetensors"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("none.safetensors"), "{}", stderr(&output));
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    for flag in ["--out", "--out-history"] {
        // Training would take days.
        let output = train(folder.path(), &[flag, "taken", "--epochs", "10000"]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{flag}: {text}");
        assert!(text.contains("taken") && text.contains("it is a folder"), "{flag}: {text}");
        assert!(!folder.path().join("resume").exists());
        let left = std::fs::read_dir(folder.path().join("m")).into_iter().flatten().count();
        assert_eq!(left, 0, "{flag}");
    }
}

#[test]
fn a_damaged_state_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let state = folder.path().join("resume/m/state.safetensors");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    hpa_artifacts::atomic::write_bytes(&state, b"not a state").unwrap();
    let output = train(folder.path(), &["--epochs", "1"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("is damaged"), "{}", stderr(&output));
}

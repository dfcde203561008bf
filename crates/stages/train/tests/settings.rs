//! Settings of schedule and loop, and the learning rate finder, through the program.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{inputs, stderr, train};
use hpa_artifacts::{Artifact, Checkpoint, History, LrCurve};
use std::path::Path;

#[test]
fn the_finder_writes_curve_and_plot_and_suggests_a_learning_rate() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let search = |flags: &[&str]| {
        let usual = "--images images.parquet --labels labels.parquet --folds folds.parquet --fold 1 \
            --architecture resnet18 --batch-size 4 --find-learning-rate --out-curve r/c.parquet \
            --out-curve-plot r/c.svg --find-steps 40 --threads 1 --json";
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hpa-train"));
        command.current_dir(folder.path()).args(usual.split_whitespace()).args(flags);
        command.output().unwrap()
    };
    let output = search(&[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let curve = LrCurve::read(&folder.path().join("r/c.parquet")).unwrap();
    assert_eq!(report["suggestion"].as_f64(), Some(curve.suggestion));
    assert_eq!(report["steps"].as_u64(), Some(curve.points.len() as u64));
    assert!((curve.points[0].learning_rate - 1e-7).abs() < 1e-20);
    assert!(curve.points.windows(2).all(|pair| pair[0].learning_rate < pair[1].learning_rate));
    assert!(
        curve.points.iter().any(|point| (point.learning_rate - curve.suggestion).abs() < 1e-15)
    );
    let bytes = std::fs::read(folder.path().join("r/c.parquet")).unwrap();
    let plot = std::fs::read_to_string(folder.path().join("r/c.svg")).unwrap();
    assert!(plot.contains("steepest at"));
    assert!(!folder.path().join("m").exists(), "nothing is trained");

    assert!(search(&["--threads", "2"]).status.success());
    assert!(
        std::fs::read(folder.path().join("r/c.parquet")).unwrap() == bytes,
        "threads move bits"
    );
    for (flags, status, message) in [
        (&["--find-from", "1", "--find-to", "0.5"][..], 1, "is not below find_to"),
        (&["--out", "m.safetensors"], 2, "cannot be used with"),
        (&["--find-steps", "5"], 2, "expected 20 to 100000"),
    ] {
        let output = search(flags);
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{flags:?}: {}", stderr(&output));
    }
}

#[test]
fn each_setting_changes_the_weights_and_is_recorded_in_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let path = folder.path().join("m/fold-1.safetensors");
    let weights = |flags: &[&str]| {
        let mut all = vec!["--batch-size", "2", "--epochs", "3"];
        all.extend(flags);
        let output = train(folder.path(), &all);
        assert!(output.status.success(), "{flags:?}: {}", stderr(&output));
        Checkpoint::read(&path).unwrap()
    };
    let plain = weights(&[]);
    let default = |key: &str| plain.meta.settings.get(key).cloned();
    for (key, flags) in [
        ("ema_decay", &["--ema-decay", "0.9"][..]),
        ("gradient_accumulation_steps", &["--gradient-accumulation-steps", "3"]),
        ("grad_clip_norm", &["--grad-clip-norm", "0.01"]),
        ("body_learning_rate", &["--body-learning-rate", "1e-5"]),
        ("freeze_epochs", &["--freeze-epochs", "1"]),
        ("step_epochs", &["--schedule", "step", "--step-epochs", "1"]),
        ("cosine_t0", &["--schedule", "cosine-restarts", "--cosine-t0", "1"]),
    ] {
        let changed = weights(flags);
        assert!(changed.tensors != plain.tensors, "{key} changes nothing");
        assert_ne!(changed.meta.settings.get(key).cloned(), default(key), "{key} is not recorded");
        assert_ne!(changed.meta.provenance, plain.meta.provenance, "{key} is not in the digest");
    }
}

#[test]
fn early_stopping_ends_the_run_and_shortens_the_history() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    // A learning rate at which nothing is learnt: no epoch improves on the first.
    let flags = &["--epochs", "50", "--max-learning-rate", "1e-9", "--monitor", "macro-f1"];
    let output = train(folder.path(), &[flags, &["--early-stopping-patience", "2"][..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let history = History::read(&folder.path().join("m/fold-1.history.parquet")).unwrap();
    assert!(history.rows.len() < 50, "{} epochs", history.rows.len());
    for row in &history.rows {
        assert_eq!((row.valid_label_f1.len(), row.valid_label_loss.len()), (28, 28));
        let mean = row.valid_label_f1.iter().sum::<f64>() / 28.0;
        assert!((mean - row.valid_macro_f1).abs() < 1e-12);
        let sum: f64 = row.valid_label_loss.iter().sum();
        assert!((sum / row.valid_loss - 1.0).abs() < 1e-5, "{sum} {}", row.valid_loss);
    }
}

#[test]
fn contradictory_settings_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    for (flags, status, message) in [
        (&["--freeze-epochs", "2"][..], 1, "leaves no epoch of 2"),
        (&["--progressive-resize", "48:9"], 1, "takes 9 epochs"),
        (&["--progressive-resize", "48:1"], 1, "stored at 40 px"),
        (&["--progressive-resize", "48"], 2, "expected PX:EPOCHS"),
        (&["--schedule", "linear"], 2, "cosine-restarts, step, plateau"),
        (&["--monitor", "auc"], 2, "expected valid-loss or macro-f1"),
        (&["--sizes", "48:1"], 2, "use `--progressive-resize`"),
        (&["--ema-decay", "1"], 2, "expected 0 to 0.999999"),
        (&["--out-events", "m/log"], 2, "contains `tfevents`"),
        (&["--out-curve", "c.parquet"], 1, "--find-learning-rate"),
    ] {
        let output = train(folder.path(), flags);
        assert_eq!(output.status.code(), Some(status), "{flags:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{flags:?}: {}", stderr(&output));
        let left = std::fs::read_dir(folder.path().join("m")).into_iter().flatten().count();
        assert_eq!(left, 0, "{flags:?}");
    }
}

#[test]
fn diverged_training_names_the_batch_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let flags = &["--max-learning-rate", "100", "--optimizer", "sgd", "--schedule", "constant"];
    let output = train(folder.path(), &[flags, &["--epochs", "20"][..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("training diverged in epoch"), "{}", stderr(&output));
    assert!(stderr(&output).contains("sample-"), "{}", stderr(&output));
    let left = std::fs::read_dir(folder.path().join("m")).into_iter().flatten().count();
    assert_eq!(left, 0);
}

/// The tables of `docs/training.md` are those of the settings; `UPDATE=1` writes them.
#[test]
fn the_documented_settings_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/training.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut expected = text.clone();
    let sections: Vec<&str> = hpa_nn::fields().iter().map(|field| field.section).collect();
    for section in sections {
        let (begin, end) = (format!("<!-- settings: {section} -->\n"), "<!-- end -->\n");
        let start = expected.find(&begin).unwrap_or_else(|| panic!("no {begin:?}")) + begin.len();
        let stop = start + expected[start..].find(end).unwrap();
        expected.replace_range(start..stop, &table(section));
    }
    if std::env::var_os("UPDATE").is_some() {
        hpa_artifacts::atomic::write_bytes(&path, expected.as_bytes()).unwrap();
    } else {
        assert!(text == expected, "docs/training.md is outdated: run this test with UPDATE=1");
    }
}

fn table(section: &str) -> String {
    let mut table = "\n| key | default | range | meaning |\n|---|---|---|---|\n".to_owned();
    for field in hpa_nn::fields().iter().filter(|field| field.section == section) {
        let default = match field.default.as_deref() {
            Some("") | None => String::new(),
            Some(default) => format!("`{default}`"),
        };
        let (key, range, meaning) = (&field.key, field.range(), &field.description);
        table += format!("| `{key}` | {default} | {range} | {meaning} |\n").as_str();
    }
    table + "\n"
}

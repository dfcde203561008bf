//! Interrupted training: a resumed run ends with the same bytes.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{command, inputs, stderr, train};
use hpa_core::Seed;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Every feature with state of its own.
const EVERYTHING: &[&str] = &[
    "--epochs",
    "5",
    "--batch-size",
    "2",
    "--schedule",
    "plateau",
    "--plateau-patience",
    "0",
    "--plateau-factor",
    "0.5",
    "--monitor",
    "macro-f1",
    "--freeze-epochs",
    "1",
    "--ema-decay",
    "0.9",
    "--gradient-accumulation-steps",
    "2",
    "--grad-clip-norm",
    "1",
    "--body-learning-rate",
    "0.0001",
    "--progressive-resize",
    "32:2,40:1",
    "--checkpoint",
    "best",
    "--d4",
    "--rotate-degrees",
    "30",
    "--out-events",
    "m/run.tfevents",
    // States within an epoch, too.
    "--save-every-s",
    "1",
];
const OUTPUTS: [&str; 3] = ["fold-1.safetensors", "fold-1.history.parquet", "run.tfevents"];

/// All files under `m`.
fn outputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder.join("m")).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// The outputs of an uninterrupted run, and its duration.
fn uninterrupted(flags: &[&str]) -> (BTreeMap<String, Vec<u8>>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let clock = Instant::now();
    let output = train(folder.path(), flags);
    assert!(output.status.success(), "{}", stderr(&output));
    (outputs(folder.path()), clock.elapsed())
}

fn start(folder: &Path, flags: &[&str]) -> Child {
    let mut command = command(folder, flags);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>, context: &str) {
    assert!(found.keys().eq(expected.keys()), "{context}: {:?}", found.keys());
    for (name, bytes) in expected {
        assert!(&found[name] == bytes, "{context}: {name} has other bytes");
    }
}

#[test]
fn a_run_killed_at_random_moments_ends_with_the_same_bytes() {
    let (expected, time) = uninterrupted(EVERYTHING);
    assert!(expected.keys().map(String::as_str).eq({
        let mut names = OUTPUTS;
        names.sort_unstable();
        names
    }));
    let mut rng = Seed::new(0x6b31_6c6c).rng();
    let rounds = std::env::var("HPA_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        inputs(folder.path(), 12);
        let mut kills = 0;
        loop {
            let mut child = start(folder.path(), EVERYTHING);
            std::thread::sleep(time.mul_f64(rng.range(0.05, 0.8)));
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.code(), None, "{}", stderr(&output));
            kills += 1;
            if kills > 12 {
                let output = train(folder.path(), EVERYTHING);
                assert!(output.status.success(), "{}", stderr(&output));
                break;
            }
        }
        same(&outputs(folder.path()), &expected, &format!("round {round}, {kills} kills"));
        assert!(!folder.path().join("resume/m").exists(), "the state is not removed");
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

#[test]
fn a_signal_finishes_the_step_and_saves_the_state() {
    let flags = &["--epochs", "12", "--out-events", "m/run.tfevents"];
    let (expected, time) = uninterrupted(flags);
    for (name, status) in [("TERM", 143), ("INT", 130)] {
        let folder = tempfile::tempdir().unwrap();
        inputs(folder.path(), 12);
        let child = start(folder.path(), flags);
        std::thread::sleep(time.mul_f64(0.4));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("is saved: the same command resumes"),
            "{}",
            stderr(&output)
        );
        assert!(folder.path().join("resume/m/state.safetensors").exists());
        let left: Vec<String> = outputs(folder.path()).into_keys().collect();
        assert_eq!(left, ["run.tfevents"], "nothing half-written");
        let output = train(folder.path(), flags);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("resuming after epoch"), "{}", stderr(&output));
        same(&outputs(folder.path()), &expected, name);
    }
}

/// The second signal may arrive before or after the end of the step; both exits leave a run that can
/// be resumed.
#[test]
fn a_second_signal_leaves_a_run_that_can_be_resumed() {
    let flags = &["--epochs", "12", "--out-events", "m/run.tfevents", "--save-every-s", "0"];
    let (expected, time) = uninterrupted(flags);
    for round in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        inputs(folder.path(), 12);
        let child = start(folder.path(), flags);
        std::thread::sleep(time.mul_f64(0.3));
        signal(&child, "TERM");
        signal(&child, "INT");
        let output = child.wait_with_output().unwrap();
        let status = output.status.code();
        assert!(matches!(status, Some(130 | 143)), "{status:?}: {}", stderr(&output));
        let left: Vec<String> = outputs(folder.path()).into_keys().collect();
        assert!(left.iter().all(|name| name == "run.tfevents"), "half-written: {left:?}");
        let output = train(folder.path(), flags);
        assert!(output.status.success(), "{}", stderr(&output));
        same(&outputs(folder.path()), &expected, &format!("round {round}, {status:?}"));
    }
}

#[test]
fn a_signal_stops_a_run_without_a_resume_dir() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 12);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hpa-train"));
    let flags = "--images images.parquet --labels labels.parquet --folds folds.parquet --fold 1 \
        --architecture resnet18 --epochs 10000 --out m/fold-1.safetensors --threads 1";
    command.current_dir(folder.path()).args(flags.split_whitespace()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path().join("m")).unwrap().count(), 0);
}

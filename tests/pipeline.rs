//! The whole pipeline by one command: complete, honest dry runs, and the same bytes for any number of
//! threads and any order of the work.

#![expect(clippy::unwrap_used, reason = "a test fails on the first error")]

use hpa_tests::{files, make, said, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the smoke pipeline and an empty folder for its runs.
struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&workspace().join("pipelines/smoke"), &folder.path().join("pipelines/smoke"));
        Self { folder }
    }

    fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join("data").join(name)
    }

    fn make(&self, run: &str, arguments: &[&str]) -> Command {
        let mut command = make(arguments);
        command.arg("PIPELINE=smoke").arg(format!("RUN={run}"));
        command.arg(format!("PIPELINES={}", self.folder.path().join("pipelines").display()));
        command.arg(format!("RUNS={}", self.folder.path().join("data").display()));
        command
    }

    fn model(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("pipelines/smoke/models/{name}.toml"))
    }
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        hpa_artifacts::atomic::write_bytes(&path, &bytes).unwrap();
    }
}

/// The lines of a dry run that start a program of a stage; the check of the settings is none.
fn steps(dry_run: &str) -> Vec<&str> {
    let starts = |line: &&str| line.contains("/release/hpa-") && !line.starts_with("for model in");
    dry_run.lines().filter(starts).collect()
}

#[test]
fn one_command_makes_everything_and_a_second_one_has_nothing_to_do() {
    let sandbox = Sandbox::new();
    let text = said(sandbox.make("one", &["all"]));
    assert!(text.contains("report/index.html"), "{text}");
    let found = files(&sandbox.run("one"));
    for wanted in ["submissions/resnet18.csv", "submissions/average.csv", "report/scores.parquet"] {
        assert!(found.contains_key(wanted), "{wanted} is missing");
    }
    assert!(!found.keys().any(|name| name.contains(".partial")), "a partial file is left");

    let again = said(sandbox.make("one", &["all"]));
    assert!(again.contains("Nothing to be done for 'all'"), "{again}");
    let dry = said(sandbox.make("one", &["-n", "all"]));
    assert!(steps(&dry).is_empty(), "{dry}");
    pyarrow_and_duckdb_open_every_table(&sandbox.run("one"));
    touching_one_model_reruns_what_depends_on_it(&sandbox);
    threads_and_order_do_not_change_a_byte(&sandbox);
}

/// Skips with a message where Python has no pyarrow or `DuckDB` (`HPA_PYTHON` names another one).
fn pyarrow_and_duckdb_open_every_table(run: &Path) {
    let python = std::env::var("HPA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = workspace().join("tests/check_parquet.py");
    match Command::new(python).arg(script).arg(run).output() {
        Ok(output) if matches!(output.status.code(), Some(0 | 77)) => {
            eprintln!("{}", hpa_tests::text(&output));
        }
        Ok(output) => panic!("{}", hpa_tests::text(&output)),
        Err(error) => eprintln!("SKIPPED: no Python: {error}"),
    }
}

fn touching_one_model_reruns_what_depends_on_it(sandbox: &Sandbox) {
    let model = sandbox.model("resnet34");
    let text = std::fs::read(&model).unwrap();
    hpa_artifacts::atomic::write_bytes(&model, &text).unwrap();
    let dry = said(sandbox.make("one", &["-n", "all"]));
    let steps = steps(&dry);
    let count = |program: &str| steps.iter().filter(|line| line.contains(program)).count();
    assert!(count("hpa-train") == 2 && count("hpa-predict") == 2, "{steps:#?}");
    assert!(!steps.iter().any(|step| step.contains("models/resnet18.toml")), "{steps:#?}");
    for untouched in ["hpa-synth", "hpa-preprocess", "hpa-labels", "hpa-split"] {
        assert_eq!(count(untouched), 0, "{untouched}: {steps:#?}");
    }
    let before = files(&sandbox.run("one"));
    let _ = said(sandbox.make("one", &["all"]));
    let after = files(&sandbox.run("one"));
    assert_same_bytes(&before, &after);
    let again = said(sandbox.make("one", &["all"]));
    assert!(again.contains("Nothing to be done for 'all'"), "{again}");
}

fn threads_and_order_do_not_change_a_byte(sandbox: &Sandbox) {
    let _ = said(sandbox.make("two", &["-j2", "all", "THREADS=2"]));
    assert_same_bytes(&files(&sandbox.run("one")), &files(&sandbox.run("two")));
    let _ = said(sandbox.make("three", &["all", "THREADS=1"]));
    assert_same_bytes(&files(&sandbox.run("one")), &files(&sandbox.run("three")));
}

fn assert_same_bytes(
    one: &std::collections::BTreeMap<String, Vec<u8>>,
    two: &std::collections::BTreeMap<String, Vec<u8>>,
) {
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    let differ: Vec<&String> =
        one.iter().filter(|(name, bytes)| two[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differ.is_empty(), "not the same bytes: {differ:?}");
}

#[test]
fn renamed_settings_and_goals_name_the_new_ones() {
    for (arguments, new) in [
        (["all", "EXTRA=dir"], "EXTRA_TRAIN"),
        (["sim-to-real", "REAL=dir"], "REAL_SAMPLES"),
        (["train", "EVENTS=1"], "TENSORBOARD"),
        (["bench-train", "ROWS=a"], "BENCH_ROWS"),
        (["fuzz", "SECONDS=1"], "FUZZ_SECONDS"),
        (["vouch", "V=1"], "make touch"),
        (["realism", "V=1"], "make sim-to-real"),
        (["all", "PIPELINE=realism"], "PIPELINE=sim-to-real"),
    ] {
        let output = make(&arguments).output().unwrap();
        let text = hpa_tests::text(&output);
        assert!(!output.status.success() && text.contains(new), "{arguments:?}: {text}");
    }
}

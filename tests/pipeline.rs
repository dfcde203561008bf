//! The whole pipeline by one command: whole, honest about what is to be done, and the same
//! bytes whatever the number of threads and however Make orders the work.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use hpa_tests::{files, make, said, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the smoke pipeline and an empty folder for its runs.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
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

/// The lines of a dry run that start a program.
fn steps(dry_run: &str) -> Vec<&str> {
    dry_run.lines().filter(|line| line.contains("/release/hpa-")).collect()
}

#[test]
fn one_command_makes_everything_and_the_second_nothing() {
    let place = Place::new();
    let text = said(place.make("one", &["all"]));
    assert!(text.contains("report/index.html"), "{text}");
    let found = files(&place.run("one"));
    for wanted in ["submissions/resnet18.csv", "submissions/average.csv", "report/scores.parquet"] {
        assert!(found.contains_key(wanted), "{wanted} is missing");
    }
    assert!(!found.keys().any(|name| name.contains(".partial")), "something half-written stays");

    let again = said(place.make("one", &["all"]));
    assert!(again.contains("Nothing to be done for 'all'"), "{again}");
    let dry = said(place.make("one", &["-n", "all"]));
    assert!(steps(&dry).is_empty(), "{dry}");
    other_programs_open_every_table(&place.run("one"));
    touching_one_model_reruns_what_depends_on_it(&place);
    threads_and_order_do_not_change_a_byte(&place);
}

/// Skips, loudly, where Python has no pyarrow and `DuckDB` (`HPA_PYTHON` names another one).
fn other_programs_open_every_table(run: &Path) {
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

fn touching_one_model_reruns_what_depends_on_it(place: &Place) {
    let model = place.model("resnet34");
    let text = std::fs::read(&model).unwrap();
    hpa_artifacts::atomic::write_bytes(&model, &text).unwrap();
    let dry = said(place.make("one", &["-n", "all"]));
    let steps = steps(&dry);
    let count = |program: &str| steps.iter().filter(|line| line.contains(program)).count();
    assert!(count("hpa-train") == 2 && count("hpa-predict") == 2, "{steps:#?}");
    assert!(!steps.iter().any(|step| step.contains("models/resnet18.toml")), "{steps:#?}");
    for untouched in ["hpa-synth", "hpa-preprocess", "hpa-labels", "hpa-split"] {
        assert_eq!(count(untouched), 0, "{untouched}: {steps:#?}");
    }
    let before = files(&place.run("one"));
    let _ = said(place.make("one", &["all"]));
    let after = files(&place.run("one"));
    differences(&before, &after);
    let again = said(place.make("one", &["all"]));
    assert!(again.contains("Nothing to be done for 'all'"), "{again}");
}

fn threads_and_order_do_not_change_a_byte(place: &Place) {
    let _ = said(place.make("two", &["-j2", "all", "THREADS=2"]));
    differences(&files(&place.run("one")), &files(&place.run("two")));
    let _ = said(place.make("three", &["all", "THREADS=1"]));
    differences(&files(&place.run("one")), &files(&place.run("three")));
}

fn differences(
    one: &std::collections::BTreeMap<String, Vec<u8>>,
    two: &std::collections::BTreeMap<String, Vec<u8>>,
) {
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    let differ: Vec<&String> =
        one.iter().filter(|(name, bytes)| two[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differ.is_empty(), "not the same bytes: {differ:?}");
}

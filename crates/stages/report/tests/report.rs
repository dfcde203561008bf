//! The program on made-up runs: what it writes, what it refuses.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may not go on")]

mod fixture;

use fixture::{Shape, flags, names, outputs, write_run};
use hpa_artifacts::{Artifact, History, Labels, Predictions, Provenance, Scores, Thresholds};
use hpa_tests::TestDir;
use std::path::Path;
use std::process::{Command, Output};

const SMALL: Shape = Shape { samples: 60, labels: 5, size_px: 16 };

fn run(folder: &Path, extra: &[&str]) -> Output {
    run_with(folder, &flags(folder), extra)
}

fn run_with(folder: &Path, flags: &[String], extra: &[&str]) -> Output {
    let (page, scores) = outputs(folder);
    Command::new(env!("CARGO_BIN_EXE_hpa-report"))
        .args(flags)
        .args(["--bootstrap", "50", "--out"])
        .arg(page)
        .arg("--out-scores")
        .arg(scores)
        .args(extra)
        .output()
        .unwrap()
}

fn test_labels(folder: &Path) -> String {
    folder.join("test-labels.parquet").display().to_string()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs, expects status 1 and no outputs, and returns the message.
fn refusal(folder: &Path, flags: &[String]) -> String {
    let output = run_with(folder, flags, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let (page, scores) = outputs(folder);
    assert!(!page.exists() && !scores.exists());
    stderr(&output)
}

#[test]
fn a_whole_run_gives_a_page_and_a_table() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    let output = run(folder.root(), &["--test-labels", &test_labels(folder.root()), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (page, scores) = outputs(folder.root());
    let rows = Scores::read(&scores).unwrap().value.rows;
    // Three systems, two methods, held out, fitted and test.
    assert_eq!(rows.len(), 18);
    assert!(rows.iter().all(|row| row.low <= row.value + 0.1 && row.value <= row.high + 0.1));
    let exact = |metric: &str| {
        let is = |row: &&hpa_artifacts::ScoreRow| {
            (row.name.as_str(), row.method.as_str()) == ("average", "exact")
                && (row.split.as_str(), row.metric.as_str()) == ("oof", metric)
        };
        rows.iter().find(is).unwrap().value
    };
    assert!(exact("macro-f1-fitted") >= exact("macro-f1"));
    let page = std::fs::read_to_string(page).unwrap();
    // Labels are text, never markup; nothing is fetched from anywhere.
    assert!(page.contains("&lt;label&gt; &amp; &quot;0&quot;") && !page.contains("<label>"));
    for outer in ["<script", "http://", "https://", "url("] {
        assert!(!page.contains(outer), "{outer}");
    }
    assert_eq!(page.matches("data:image/png").count(), 2 * 24);
    assert!(!page.contains(&folder.root().display().to_string()), "an absolute path");
    assert!(stderr(&output).contains("average") && stderr(&output).contains("index.html"));
    assert!(output.stdout.starts_with(b"[{\"name\":\"resnet18\",\"split\":\"oof\""));
}

#[test]
fn the_same_inputs_give_the_same_bytes_for_any_number_of_threads() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    let (page, scores) = outputs(folder.root());
    let bytes = |threads: &str| {
        assert!(run(folder.root(), &["--threads", threads]).status.success());
        (std::fs::read(&page).unwrap(), std::fs::read(&scores).unwrap())
    };
    assert_eq!(bytes("1"), bytes("3"));
}

#[test]
fn without_test_labels_histories_thresholds_and_pictures_there_is_still_a_page() {
    let folder = TestDir::new();
    write_run(folder.root(), Shape { labels: 1, ..SMALL });
    let all = flags(folder.root());
    let at = |flag: &str| all.iter().position(|word| word == flag).unwrap();
    let output = run_with(
        folder.root(),
        &all[..at("--images")],
        &["--predictions", &all[at("--predictions") + 1]],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let (page, scores) = outputs(folder.root());
    assert!(Scores::read(&scores).unwrap().rows.is_empty());
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("nothing is decided"), "{page}");
}

#[test]
fn a_model_whose_best_epoch_was_kept_is_marked_and_so_is_the_ensemble() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    let path = folder.root().join("models/resnet18/fold-1.history.parquet");
    let mut history = History::read(&path).unwrap().value;
    history.checkpoint = "best".to_owned();
    history.write(&path, &Provenance::new(&())).unwrap();
    let said = stderr(&run(folder.root(), &[]));
    assert!(said.contains("resnet18 †") && said.contains("average †"), "{said}");
    assert!(!said.contains("resnet34 †"), "{said}");
}

#[test]
fn thresholds_without_predictions_are_refused() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    let from = folder.root().join("thresholds/average/exact.parquet");
    let to = folder.root().join("thresholds/nobody/exact.parquet");
    Thresholds::read(&from).unwrap().write(&to, &Provenance::new(&())).unwrap();
    let mut flags = flags(folder.root());
    flags.push(to.display().to_string());
    let said = refusal(folder.root(), &flags);
    assert!(said.contains("nobody") && said.contains("help:"), "{said}");
}

#[test]
fn files_of_another_run_are_refused_with_their_name() {
    let (folder, other) = (TestDir::new(), TestDir::new());
    write_run(folder.root(), SMALL);
    write_run(other.root(), Shape { samples: 30, ..SMALL });
    let mut flags = flags(folder.root());
    let place = flags.iter().position(|word| word.ends_with("average/oof.parquet")).unwrap();
    let twice = flags[place].clone();
    flags[place] = other.root().join("predictions/average/oof.parquet").display().to_string();
    let said = refusal(folder.root(), &flags);
    assert!(said.contains(&flags[place]) && said.contains("lacks 30 samples"), "{said}");
    flags[place] = twice.clone();
    flags.insert(place, twice);
    let said = refusal(folder.root(), &flags);
    assert!(said.contains("both hold out-of-fold predictions of average"), "{said}");
    flags.remove(place);
    let history = flags.iter().find(|word| word.ends_with("fold-1.history.parquet")).unwrap();
    flags.extend(["--history".to_owned(), history.clone()]);
    let said = refusal(folder.root(), &flags);
    assert!(said.contains("both hold the history of resnet18, fold-1"), "{said}");
}

#[test]
fn other_label_names_are_refused() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    let path = folder.root().join("thresholds/average/exact.parquet");
    let mut thresholds = Thresholds::read(&path).unwrap().value;
    thresholds.names = names(6);
    thresholds.rows.push(thresholds.rows[0].clone());
    thresholds.write(&path, &Provenance::new(&())).unwrap();
    let said = refusal(folder.root(), &flags(folder.root()));
    assert!(said.contains("label 5") && said.contains("exact.parquet"), "{said}");
}

#[test]
fn an_ensemble_of_decisions_is_scored_as_any_other() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    for part in ["oof", "test"] {
        let path = folder.root().join(format!("predictions/average/{part}.parquet"));
        let mut predictions = Predictions::read(&path).unwrap().value;
        for probability in &mut predictions.probabilities {
            *probability = f32::from(u8::from(*probability > 0.5));
        }
        predictions.write(&path, &Provenance::new(&())).unwrap();
    }
    let (_, scores) = outputs(folder.root());
    let held_out = || {
        let output = run(folder.root(), &["--test-labels", &test_labels(folder.root())]);
        assert!(output.status.success(), "{}", stderr(&output));
        let rows = Scores::read(&scores).unwrap().value.rows;
        let is =
            |row: &&hpa_artifacts::ScoreRow| row.name == "average" && row.method == "fixed:0.5";
        rows.iter().filter(is).map(|row| row.value).collect::<Vec<_>>()
    };
    let decided = held_out();
    write_run(folder.root(), SMALL);
    assert_eq!(decided, held_out(), "0 and 1 are decided as what they were made from");
}

#[test]
fn samples_of_the_folds_without_labels_are_listed() {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    let path = folder.root().join("labels.parquet");
    let mut labels = Labels::read(&path).unwrap().value;
    let last = labels.rows.pop().unwrap();
    labels.write(&path, &Provenance::new(&())).unwrap();
    let said = refusal(folder.root(), &flags(folder.root()));
    assert!(said.contains("labels.parquet lacks 1 samples"), "{said}");
    assert!(said.contains(last.id.as_str()), "{said}");
}

#[test]
#[ignore = "writes a page to look at into the folder HPA_REPORT_DEMO"]
fn a_page_to_look_at() {
    let folder = std::env::var_os("HPA_REPORT_DEMO").expect("HPA_REPORT_DEMO names a folder");
    let folder = Path::new(&folder);
    write_run(folder, Shape { samples: 900, labels: 28, size_px: 64 });
    let output = run(folder, &["--test-labels", &test_labels(folder)]);
    assert!(output.status.success(), "{}", stderr(&output));
    eprintln!("{}", stderr(&output));
}

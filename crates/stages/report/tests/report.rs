//! The program on synthetic runs: outputs and refusals.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fixture;

use fixture::{PAGE, SCORES, Shape, flags, names, write_run};
use hpa_artifacts::{Artifact, History, Labels, Predictions, Scores, Thresholds};
use hpa_tests::{TestCommand, TestDir, fixtures};

const SMALL: Shape = Shape { samples: 60, labels: 5, size_px: 16 };
const TEST_LABELS: &str = "--test-labels test-labels.parquet";

fn small_run() -> TestDir {
    let folder = TestDir::new();
    write_run(folder.root(), SMALL);
    folder
}

fn report_with(folder: &TestDir, flags: &[String]) -> TestCommand {
    let outputs = format!("--bootstrap 50 --out {PAGE} --out-scores {SCORES}");
    folder.program(env!("CARGO_BIN_EXE_hpa-report")).args(flags).words(&outputs)
}

fn report(folder: &TestDir, extra: &str) -> TestCommand {
    report_with(folder, &flags()).words(extra)
}

/// The message of a run that must fail without outputs.
fn refusal(folder: &TestDir, flags: &[String]) -> String {
    let message = report_with(folder, flags).fails(1);
    assert!(!folder.path(PAGE).exists() && !folder.path(SCORES).exists());
    message
}

fn scores(folder: &TestDir) -> Vec<hpa_artifacts::ScoreRow> {
    Scores::read(&folder.path(SCORES)).unwrap().value.rows
}

/// Reads an artefact, changes it and writes it again.
fn change<T: Artifact>(folder: &TestDir, path: &str, change: impl FnOnce(&mut T)) {
    let mut artifact = T::read(&folder.path(path)).unwrap().value;
    change(&mut artifact);
    fixtures::write(&artifact, &folder.path(path));
}

#[test]
fn a_whole_run_gives_a_page_and_a_table() {
    let folder = small_run();
    let run = report(&folder, &format!("{TEST_LABELS} --json")).succeeds();
    let rows = scores(&folder);
    // Three models, two methods, held out, fitted and test.
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
    let page = folder.text(PAGE);
    // Labels are text, never markup; no external resource is loaded.
    assert!(page.contains("&lt;label&gt; &amp; &quot;0&quot;") && !page.contains("<label>"));
    for external in ["<script", "http://", "https://", "url("] {
        assert!(!page.contains(external), "{external}");
    }
    assert_eq!(page.matches("data:image/png").count(), 2 * 24);
    assert!(!page.contains(&folder.root().display().to_string()), "an absolute path");
    // The best row comes first, then the table.
    let lines: Vec<&str> = run.stderr.lines().skip_while(|line| !line.contains("OOF")).collect();
    assert!(lines[1].ends_with("  best") && lines[2].is_empty(), "{}", run.stderr);
    assert!(lines[3..].contains(&lines[1].trim_end_matches("  best")), "{}", run.stderr);
    assert!(run.stderr.contains("index.html"), "{}", run.stderr);
    assert!(run.stdout.starts_with("[{\"name\":\"resnet18\",\"split\":\"oof\""));
}

#[test]
fn the_same_inputs_give_the_same_bytes_for_any_number_of_threads() {
    let folder = small_run();
    let bytes = |threads: u8| {
        report(&folder, &format!("--threads {threads}")).succeeds();
        (folder.bytes(PAGE), folder.bytes(SCORES))
    };
    assert_eq!(bytes(1), bytes(3));
}

#[test]
fn test_labels_histories_thresholds_and_images_are_optional() {
    let folder = TestDir::new();
    write_run(folder.root(), Shape { labels: 1, ..SMALL });
    let line = "--labels labels.parquet --folds folds.parquet \
                --predictions predictions/resnet18/oof.parquet";
    let flags: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    report_with(&folder, &flags).succeeds();
    assert!(scores(&folder).is_empty());
    assert!(folder.text(PAGE).contains("nothing is scored"));
}

#[test]
fn models_with_a_selected_epoch_and_their_ensembles_are_marked() {
    let folder = small_run();
    change::<History>(&folder, "models/resnet18/fold-1.history.parquet", |history| {
        history.checkpoint = "best".to_owned();
    });
    let message = report(&folder, "").succeeds().stderr;
    assert!(message.contains("resnet18 †") && message.contains("average †"), "{message}");
    assert!(!message.contains("resnet34 †"), "{message}");
}

#[test]
fn thresholds_without_predictions_are_refused() {
    let folder = small_run();
    let thresholds = Thresholds::read(&folder.path("thresholds/average/exact.parquet")).unwrap();
    let path = "thresholds/other/exact.parquet";
    fixtures::write(&thresholds.value, &folder.path(path));
    let mut flags = flags();
    flags.push(path.to_owned());
    let message = refusal(&folder, &flags);
    assert!(message.contains("other") && message.contains("help:"), "{message}");
}

#[test]
fn files_of_another_run_are_refused_with_their_name() {
    let (folder, other) = (small_run(), TestDir::new());
    write_run(other.root(), Shape { samples: 30, ..SMALL });
    let mut flags = flags();
    let index = flags.iter().position(|word| word.ends_with("average/oof.parquet")).unwrap();
    let own = flags[index].clone();
    flags[index] = other.path("predictions/average/oof.parquet").display().to_string();
    let message = refusal(&folder, &flags);
    assert!(message.contains(&flags[index]) && message.contains("lacks 30 samples"), "{message}");
    flags[index].clone_from(&own);
    flags.insert(index, own);
    let message = refusal(&folder, &flags);
    assert!(message.contains("both hold out-of-fold predictions of average"), "{message}");
    flags.remove(index);
    let history = flags.iter().find(|word| word.ends_with("fold-1.history.parquet")).unwrap();
    flags.extend(["--history".to_owned(), history.clone()]);
    let message = refusal(&folder, &flags);
    assert!(message.contains("both hold the history of resnet18, fold-1"), "{message}");
}

#[test]
fn other_label_names_are_refused() {
    let folder = small_run();
    change::<Thresholds>(&folder, "thresholds/average/exact.parquet", |thresholds| {
        thresholds.names = names(6);
        thresholds.rows.push(thresholds.rows[0].clone());
    });
    let message = refusal(&folder, &flags());
    assert!(message.contains("label 5") && message.contains("exact.parquet"), "{message}");
}

#[test]
fn ensembles_of_binary_predictions_are_scored_as_any_other() {
    let folder = small_run();
    let fixed_scores = || -> Vec<f64> {
        report(&folder, TEST_LABELS).succeeds();
        let rows = scores(&folder).into_iter();
        let fixed = rows.filter(|row| row.name == "average" && row.method == "fixed:0.5");
        fixed.map(|row| row.value).collect()
    };
    let expected = fixed_scores();
    for split in ["oof", "test"] {
        let path = format!("predictions/average/{split}.parquet");
        change::<Predictions>(&folder, &path, |predictions| {
            for probability in &mut predictions.probabilities {
                *probability = f32::from(u8::from(*probability > 0.5));
            }
        });
    }
    assert_eq!(fixed_scores(), expected);
}

#[test]
fn unlabelled_samples_of_the_folds_are_listed() {
    let folder = small_run();
    let mut last = None;
    change::<Labels>(&folder, "labels.parquet", |labels| last = labels.rows.pop());
    let message = refusal(&folder, &flags());
    assert!(message.contains("labels.parquet lacks 1 samples"), "{message}");
    assert!(message.contains(last.unwrap().id.as_str()), "{message}");
}

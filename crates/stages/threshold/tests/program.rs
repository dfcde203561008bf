//! The program as users call it: its JSON, its edge cases, what it refuses.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, Thresholds};
use hpa_core::Seed;
use hpa_tests::{TestCommand, TestDir, fixtures};
use serde_json::Value;

struct Folder(TestDir);

impl Folder {
    fn new() -> Self {
        Self(TestDir::new())
    }

    /// Writes predictions and labels; `truth` has one string of digits 0 and 1 per sample.
    fn inputs(&self, scores: &[&[f32]], truth: &[&str], folds: Option<&[u64]>) {
        let names: Vec<String> =
            (0..scores[0].len()).map(|label| format!("label {label}")).collect();
        let names = fixtures::label_names(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let id = |row: usize| format!("s{row}");
        let rows: Vec<(String, &[f32])> =
            scores.iter().enumerate().map(|(row, &scores)| (id(row), scores)).collect();
        let predictions = fixtures::predictions(&names, &rows, folds);
        fixtures::write(&predictions, &self.0.path("p.parquet"));
        let labels = |digits: &str| -> String {
            let positive = digits.char_indices().filter(|(_, digit)| *digit == '1');
            positive.map(|(label, _)| label.to_string()).collect::<Vec<_>>().join(" ")
        };
        let rows: Vec<(String, String)> =
            truth.iter().enumerate().map(|(row, digits)| (id(row), labels(digits))).collect();
        fixtures::write(&fixtures::labels(&names, &rows), &self.0.path("l.parquet"));
    }

    fn command(&self, flags: &str) -> TestCommand {
        let line = "--predictions p.parquet --labels l.parquet --out t.parquet";
        self.0.program(env!("CARGO_BIN_EXE_hpa-threshold")).words(line).words(flags)
    }

    fn json(&self, flags: &str) -> Value {
        self.command(flags).json()
    }

    fn thresholds(&self) -> Vec<f64> {
        Thresholds::read(&self.0.path("t.parquet")).unwrap().fitted()
    }
}

/// Two hundred samples of a frequent, a rare and a missing label, folds in turn.
fn usual(folder: &Folder, folds: bool) {
    let mut rng = Seed::new(3).rng();
    let (mut scores, mut truth, mut of_row) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..200 {
        let there = [rng.bernoulli(0.4), row % 20 == 0, false];
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let score = |there: bool| {
            (0.3 * rng.uniform() + 0.4 * f64::from(u8::from(there)) + 0.1 * rng.uniform()) as f32
        };
        scores.push(there.map(score));
        truth.push(there.map(|there| if there { '1' } else { '0' }).iter().collect::<String>());
        of_row.push(row % 2);
    }
    let scores: Vec<&[f32]> = scores.iter().map(<[f32; 3]>::as_slice).collect();
    let truth: Vec<&str> = truth.iter().map(String::as_str).collect();
    folder.inputs(&scores, &truth, folds.then_some(&of_row));
}

#[test]
fn the_json_has_the_keys_of_the_contract_and_every_label() {
    let folder = Folder::new();
    usual(&folder, true);
    for method in ["exact", "basinhopping", "coordinate", "global", "fixed:0.5", "prevalence"] {
        let json = folder.json(&format!("--method {method} --bootstrap 40"));
        let keys = [
            "method",
            "metric",
            "fitted",
            "held_out",
            "low",
            "high",
            "exact",
            "before_polish",
            "evaluations",
            "seconds",
        ];
        assert!(keys.iter().all(|key| json.get(key).is_some()), "{json}");
        assert_eq!((&json["method"], &json["metric"]), (&method.into(), &"macro-f1".into()));
        let number = |key: &str| json[key].as_f64().unwrap();
        assert!(number("fitted") <= number("exact"));
        assert!(number("low") <= number("held_out") && number("held_out") <= number("high"));
        assert_eq!(json["before_polish"].is_number(), method == "basinhopping");
        assert_eq!(json["certificate"] == 0.0, method == "coordinate");
        let labels = json["labels"].as_array().unwrap();
        assert_eq!(labels.len(), 3);
        for label in &labels[..2] {
            let low = label["low"].as_f64().unwrap();
            assert!(
                low <= label["high"].as_f64().unwrap() && label["calibration_error"].is_number()
            );
        }
        assert!(labels[0]["half_f_gap"].is_number() && labels[2]["half_f_gap"].is_null());
    }
    let json = folder.json("--method exact --bootstrap 0");
    assert!(json["low"].is_null() && json["labels"][0]["high"].is_null());
}

#[test]
fn an_interval_that_takes_duplicates_for_independent_says_so() {
    let folder = Folder::new();
    for (folds, bootstrap, said) in [(true, 9, true), (true, 0, false), (false, 9, false)] {
        usual(&folder, folds);
        let message =
            folder.command(&format!("--method exact --bootstrap {bootstrap}")).run().stderr;
        assert_eq!(message.contains("--folds"), said, "{folds} {bootstrap}: {message}");
    }
}

#[test]
fn a_metric_that_couples_labels_is_searched_but_not_by_exact() {
    let folder = Folder::new();
    usual(&folder, false);
    for metric in ["micro-f1", "samples-f2", "micro-f0.5", "samples-f1.5"] {
        drop(folder.command(&format!("--method exact --metric {metric}")).fails(2));
        let searched = folder.json(&format!("--metric {metric} --bootstrap 20"));
        let climbed = folder.json(&format!("--method coordinate --metric {metric} --bootstrap 20"));
        assert_eq!(searched["exact"].is_number(), metric.starts_with("micro"), "{searched}");
        assert!(searched["held_out"].is_null() && searched["low"].is_number());
        for json in [searched, climbed] {
            let fitted = json["fitted"].as_f64().unwrap();
            assert!(json["exact"].as_f64().is_none_or(|exact| fitted <= exact), "{json}");
        }
    }
    for flags in ["--metric macro-f0", "--metric f1", "--method best", "--method fixed:2"] {
        drop(folder.command(flags).fails(2));
    }
}

#[test]
fn labels_without_positives_constant_scores_and_ties_are_as_documented() {
    let folder = Folder::new();
    // Never there; constant; tied at the best cut; scores of 0.
    let scores: [&[f32]; 4] = [
        &[0.9, 0.5, 0.8, 0.0],
        &[0.8, 0.5, 0.6, 0.0],
        &[0.7, 0.5, 0.6, 0.25],
        &[0.1, 0.5, 0.2, 0.5],
    ];
    folder.inputs(&scores, &["0110", "0110", "0000", "0101"], None);
    for method in ["exact", "coordinate", "basinhopping"] {
        let json = folder.json(&format!("--method {method} --bootstrap 0"));
        let found = folder.thresholds();
        assert_eq!((found[0], found[1]), (1.0, 0.0), "{method}");
        assert!((found[2] - 0.4).abs() < 1e-7, "{method}: tied scores go together: {}", found[2]);
        assert!((found[3] - 0.375).abs() < 1e-7, "{method}: {}", found[3]);
        assert_eq!(json["labels"][0]["fitted"], 0.0);
        assert!(json["labels"][0]["roc_auc"].is_null());
    }
    folder.json("--method exact --shrink 9 --bootstrap 0");
    let (shrunk, global) = (folder.thresholds()[0], {
        folder.json("--method global --bootstrap 0");
        folder.thresholds()[0]
    });
    assert_eq!(shrunk.to_bits(), global.to_bits(), "without positives: the global threshold");
}

#[test]
fn what_is_no_probability_is_refused_and_nothing_is_written() {
    for value in [f32::NAN, f32::INFINITY, -0.5, 1.5] {
        let folder = Folder::new();
        folder.inputs(&[&[0.5, 0.25], &[0.5, value]], &["10", "01"], None);
        let message = folder.command("--method exact").fails(1);
        assert!(message.contains("sample s1, label 1") && message.contains("sigmoid"), "{message}");
        assert!(!folder.0.path("t.parquet").exists());
    }
}

#[test]
fn the_file_is_the_same_for_any_number_of_threads() {
    let folder = Folder::new();
    usual(&folder, true);
    for metric in ["macro-f1", "samples-f2"] {
        let bytes = ["1", "2", "5"].map(|threads| {
            folder.json(&format!("--metric {metric} --threads {threads} --bootstrap 10"));
            folder.0.bytes("t.parquet")
        });
        assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2], "{metric}");
    }
}

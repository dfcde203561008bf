//! The program as users call it: its JSON, its edge cases, what it refuses.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, FoldColumn, LabelRow, Labels, Predictions, Provenance, Thresholds};
use hpa_core::{FoldCount, LabelNames, LabelSet, Seed};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes predictions and labels; `truth` holds one string of digits 0 and 1 a sample.
    fn given(&self, scores: &[&[f32]], truth: &[&str], folds: Option<&[u64]>) {
        let width = scores[0].len();
        let names: Vec<String> = (0..width).map(|label| format!("place {label}")).collect();
        let names = LabelNames::try_from(names).unwrap();
        let id = |row: usize| format!("s{row}").parse().unwrap();
        let count = FoldCount::try_from(2).unwrap();
        let fold = |&number: &u64| count.fold(number).unwrap();
        let predictions = Predictions {
            names: names.clone(),
            ids: (0..scores.len()).map(id).collect(),
            folds: folds.map(|folds| FoldColumn { count, folds: folds.iter().map(fold).collect() }),
            probabilities: scores.concat(),
        };
        let carried = |digits: &str| {
            let there = digits.char_indices().filter(|(_, digit)| *digit == '1');
            let numbers: Vec<String> = there.map(|(label, _)| label.to_string()).collect();
            LabelSet::parse(&numbers.join(" "), &names).unwrap()
        };
        let row = |(row, digits): (usize, &&str)| LabelRow { id: id(row), labels: carried(digits) };
        let rows = truth.iter().enumerate().map(row).collect();
        let provenance = Provenance::new(&());
        predictions.write(&self.path("p.parquet"), &provenance).unwrap();
        Labels { names: names.clone(), rows }.write(&self.path("l.parquet"), &provenance).unwrap();
    }

    fn run(&self, flags: &str) -> Output {
        let line = format!("--predictions p.parquet --labels l.parquet --out t.parquet {flags}");
        Command::new(env!("CARGO_BIN_EXE_hpa-threshold"))
            .current_dir(self.0.path())
            .args(line.split_whitespace())
            .output()
            .unwrap()
    }

    fn done(&self, flags: &str) -> Value {
        let output = self.run(&format!("{flags} --json"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{flags}: {message}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn thresholds(&self) -> Vec<f64> {
        let file = Thresholds::read(&self.path("t.parquet")).unwrap();
        file.rows.iter().map(|row| row.threshold.get()).collect()
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
    folder.given(&scores, &truth, folds.then_some(&of_row));
}

#[test]
fn the_json_has_the_keys_of_the_contract_and_every_label() {
    let folder = Folder::new();
    usual(&folder, true);
    for method in ["exact", "basinhopping", "coordinate", "global", "fixed:0.5", "prevalence"] {
        let json = folder.done(&format!("--method {method} --bootstrap 40"));
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
    let json = folder.done("--method exact --bootstrap 0");
    assert!(json["low"].is_null() && json["labels"][0]["high"].is_null());
}

#[test]
fn an_interval_that_takes_duplicates_for_independent_says_so() {
    let folder = Folder::new();
    for (folds, bootstrap, said) in [(true, 9, true), (true, 0, false), (false, 9, false)] {
        usual(&folder, folds);
        let output = folder.run(&format!("--method exact --bootstrap {bootstrap}"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(message.contains("--folds"), said, "{folds} {bootstrap}: {message}");
    }
}

#[test]
fn a_metric_that_couples_labels_is_searched_but_not_by_exact() {
    let folder = Folder::new();
    usual(&folder, false);
    for metric in ["micro-f1", "samples-f2", "micro-f0.5", "samples-f1.5"] {
        let output = folder.run(&format!("--method exact --metric {metric}"));
        assert_eq!(output.status.code(), Some(2), "{metric}");
        let searched = folder.done(&format!("--metric {metric} --bootstrap 20"));
        let climbed = folder.done(&format!("--method coordinate --metric {metric} --bootstrap 20"));
        assert_eq!(searched["exact"].is_number(), metric.starts_with("micro"), "{searched}");
        assert!(searched["held_out"].is_null() && searched["low"].is_number());
        for json in [searched, climbed] {
            let fitted = json["fitted"].as_f64().unwrap();
            assert!(json["exact"].as_f64().is_none_or(|exact| fitted <= exact), "{json}");
        }
    }
    for flags in ["--metric macro-f0", "--metric f1", "--method best", "--method fixed:2"] {
        assert_eq!(folder.run(flags).status.code(), Some(2), "{flags}");
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
    folder.given(&scores, &["0110", "0110", "0000", "0101"], None);
    for method in ["exact", "coordinate", "basinhopping"] {
        let json = folder.done(&format!("--method {method} --bootstrap 0"));
        let found = folder.thresholds();
        assert_eq!((found[0], found[1]), (1.0, 0.0), "{method}");
        assert!((found[2] - 0.4).abs() < 1e-7, "{method}: tied scores go together: {}", found[2]);
        assert!((found[3] - 0.375).abs() < 1e-7, "{method}: {}", found[3]);
        assert_eq!(json["labels"][0]["fitted"], 0.0);
        assert!(json["labels"][0]["roc_auc"].is_null());
    }
    folder.done("--method exact --shrink 9 --bootstrap 0");
    let (shrunk, global) = (folder.thresholds()[0], {
        folder.done("--method global --bootstrap 0");
        folder.thresholds()[0]
    });
    assert_eq!(shrunk.to_bits(), global.to_bits(), "without positives: the global threshold");
}

#[test]
fn what_is_no_probability_is_refused_and_nothing_is_written() {
    for value in [f32::NAN, f32::INFINITY, -0.5, 1.5] {
        let folder = Folder::new();
        folder.given(&[&[0.5, 0.25], &[0.5, value]], &["10", "01"], None);
        let output = folder.run("--method exact");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("sample s1, label 1") && message.contains("sigmoid"), "{message}");
        assert!(!folder.path("t.parquet").exists());
    }
}

#[test]
fn the_file_is_the_same_for_any_number_of_threads() {
    let folder = Folder::new();
    usual(&folder, true);
    for metric in ["macro-f1", "samples-f2"] {
        let bytes = ["1", "2", "5"].map(|threads| {
            folder.done(&format!("--metric {metric} --threads {threads} --bootstrap 10"));
            std::fs::read(folder.path("t.parquet")).unwrap()
        });
        assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2], "{metric}");
    }
}

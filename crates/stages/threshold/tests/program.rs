//! The program as users call it: its JSON, its edge cases, what it refuses.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, Thresholds};
use hpa_core::{LabelNames, Seed};
use hpa_tests::{TestCommand, TestDir, fixtures};

/// Writes predictions and labels of labels 0 to N-1; `truth` is one string of digits 0 and 1 per
/// sample.
fn write_inputs(folder: &TestDir, scores: &[&[f32]], truth: &[&str], folds: Option<&[u64]>) {
    let names: Vec<String> = (0..scores[0].len()).map(|label| format!("label {label}")).collect();
    let names = LabelNames::try_from(names).unwrap();
    let id = |sample: usize| format!("s{sample}");
    let predictions: Vec<(String, &[f32])> = (0..).map(id).zip(scores.iter().copied()).collect();
    fixtures::write(&fixtures::predictions(&names, &predictions, folds), &folder.path("p.parquet"));
    let labels = |digits: &&str| {
        let positives = digits.char_indices().filter(|(_, digit)| *digit == '1');
        positives.map(|(label, _)| label.to_string()).collect::<Vec<_>>().join(" ")
    };
    let rows: Vec<(String, String)> = (0..).map(id).zip(truth.iter().map(labels)).collect();
    fixtures::write(&fixtures::labels(&names, &rows), &folder.path("l.parquet"));
}

fn threshold(folder: &TestDir, flags: &str) -> TestCommand {
    let line = "--predictions p.parquet --labels l.parquet --out t.parquet";
    folder.program(env!("CARGO_BIN_EXE_hpa-threshold")).words(line).words(flags)
}

fn thresholds(folder: &TestDir) -> Vec<f64> {
    Thresholds::read(&folder.path("t.parquet")).unwrap().fitted()
}

/// Two hundred samples of a frequent label, a rare one and one without positives, folds in turn.
fn write_samples(folder: &TestDir, folds: bool) {
    let mut rng = Seed::new(3).rng();
    let mut scores = Vec::new();
    let mut truth = Vec::new();
    let mut sample_folds = Vec::new();
    for sample in 0..200 {
        let positive = [rng.bernoulli(0.4), sample % 20 == 0, false];
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let score = |positive: bool| {
            (0.3 * rng.uniform() + 0.4 * f64::from(u8::from(positive)) + 0.1 * rng.uniform()) as f32
        };
        scores.push(positive.map(score));
        truth.push(
            positive.map(|positive| if positive { '1' } else { '0' }).iter().collect::<String>(),
        );
        sample_folds.push(sample % 2);
    }
    let scores: Vec<&[f32]> = scores.iter().map(<[f32; 3]>::as_slice).collect();
    let truth: Vec<&str> = truth.iter().map(String::as_str).collect();
    write_inputs(folder, &scores, &truth, folds.then_some(&sample_folds));
}

#[test]
fn the_json_has_the_keys_of_the_contract_and_every_label() {
    let folder = TestDir::new();
    write_samples(&folder, true);
    for method in ["exact", "basinhopping", "coordinate", "global", "fixed:0.5", "prevalence"] {
        let json = threshold(&folder, &format!("--method {method} --bootstrap 40")).json();
        let keys = "method metric fitted held_out low high exact before_polish evaluations seconds";
        assert!(keys.split(' ').all(|key| json.get(key).is_some()), "{json}");
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
    let json = threshold(&folder, "--method exact --bootstrap 0").json();
    assert!(json["low"].is_null() && json["labels"][0]["high"].is_null());
}

#[test]
fn an_interval_that_takes_duplicates_for_independent_says_so() {
    let folder = TestDir::new();
    for (folds, bootstrap, said) in [(true, 9, true), (true, 0, false), (false, 9, false)] {
        write_samples(&folder, folds);
        let flags = format!("--method exact --bootstrap {bootstrap}");
        let message = threshold(&folder, &flags).succeeds().stderr;
        assert_eq!(message.contains("--folds"), said, "{folds} {bootstrap}: {message}");
    }
}

#[test]
fn a_metric_that_couples_labels_is_searched_but_not_by_exact() {
    let folder = TestDir::new();
    write_samples(&folder, false);
    for metric in ["micro-f1", "samples-f2", "micro-f0.5", "samples-f1.5"] {
        threshold(&folder, &format!("--method exact --metric {metric}")).fails(2);
        let hopping = threshold(&folder, &format!("--metric {metric} --bootstrap 20")).json();
        let coordinate =
            threshold(&folder, &format!("--method coordinate --metric {metric} --bootstrap 20"))
                .json();
        assert_eq!(hopping["exact"].is_number(), metric.starts_with("micro"), "{hopping}");
        assert!(hopping["held_out"].is_null() && hopping["low"].is_number());
        for json in [hopping, coordinate] {
            let fitted = json["fitted"].as_f64().unwrap();
            assert!(json["exact"].as_f64().is_none_or(|exact| fitted <= exact), "{json}");
        }
    }
    for flags in ["--metric macro-f0", "--metric f1", "--method best", "--method fixed:2"] {
        threshold(&folder, flags).fails(2);
    }
}

#[test]
fn labels_without_positives_constant_scores_and_ties_are_as_documented() {
    let folder = TestDir::new();
    // No positives; constant; tied at the best cut; scores of 0.
    let scores: [&[f32]; 4] = [
        &[0.9, 0.5, 0.8, 0.0],
        &[0.8, 0.5, 0.6, 0.0],
        &[0.7, 0.5, 0.6, 0.25],
        &[0.1, 0.5, 0.2, 0.5],
    ];
    write_inputs(&folder, &scores, &["0110", "0110", "0000", "0101"], None);
    for method in ["exact", "coordinate", "basinhopping"] {
        let json = threshold(&folder, &format!("--method {method} --bootstrap 0")).json();
        let found = thresholds(&folder);
        assert_eq!((found[0], found[1]), (1.0, 0.0), "{method}");
        assert!((found[2] - 0.4).abs() < 1e-7, "{method}: tied scores go together: {}", found[2]);
        assert!((found[3] - 0.375).abs() < 1e-7, "{method}: {}", found[3]);
        assert_eq!(json["labels"][0]["fitted"], 0.0);
        assert!(json["labels"][0]["roc_auc"].is_null());
    }
    let [shrunk, global] = ["exact --shrink 9", "global"].map(|method| {
        threshold(&folder, &format!("--method {method} --bootstrap 0")).succeeds();
        thresholds(&folder)[0]
    });
    assert_eq!(shrunk.to_bits(), global.to_bits(), "without positives: the global threshold");
}

#[test]
fn what_is_no_probability_is_refused_and_nothing_is_written() {
    for value in [f32::NAN, f32::INFINITY, -0.5, 1.5] {
        let folder = TestDir::new();
        write_inputs(&folder, &[&[0.5, 0.25], &[0.5, value]], &["10", "01"], None);
        let message = threshold(&folder, "--method exact").fails(1);
        assert!(message.contains("sample s1, label 1") && message.contains("sigmoid"), "{message}");
        assert!(!folder.path("t.parquet").exists());
    }
}

#[test]
fn the_file_is_the_same_for_any_number_of_threads() {
    let folder = TestDir::new();
    write_samples(&folder, true);
    for metric in ["macro-f1", "samples-f2"] {
        let bytes = ["1", "2", "5"].map(|threads| {
            threshold(&folder, &format!("--metric {metric} --threads {threads} --bootstrap 10"))
                .succeeds();
            std::fs::read(folder.path("t.parquet")).unwrap()
        });
        assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2], "{metric}");
    }
}

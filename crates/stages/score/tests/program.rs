//! The program as users call it.

use hpa_artifacts::read_label_csv;
use hpa_artifacts::{Labels, read_matrix_csv};
use hpa_core::LabelNames;
use hpa_tests::{TestCommand, TestDir, fixtures, shared_file};

fn score(folder: &TestDir, flags: &str) -> TestCommand {
    let line = "--predictions p.parquet --labels l.parquet";
    folder.program(env!("CARGO_BIN_EXE_hpa-score")).words(line).words(flags)
}

#[test]
fn scores_equal_those_computed_by_hand() {
    let folder = TestDir::new();
    let names = fixtures::label_names(&["x", "y"]);
    let rows: [(&str, &[f32]); 3] = [("a", &[0.9, 0.6]), ("b", &[0.1, 0.5]), ("c", &[0.2, 0.7])];
    let predictions = fixtures::predictions(&names, &rows, None);
    fixtures::write(&predictions, &folder.path("p.parquet"));
    fixtures::write(&fixtures::thresholds(&names, 0.5, None), &folder.path("t.parquet"));
    let labels = |rows| {
        fixtures::write(&fixtures::labels(&names, rows), &folder.path("l.parquet"));
    };
    labels(&[("a", "0"), ("b", "1")]);
    let flags = "--thresholds t.parquet --metric macro-f1 micro-f1 mean-auc --min-positives 1 \
                 --bootstrap 0 --json";
    let run = score(&folder, flags).succeeds();
    assert!(run.stderr.contains("1 predictions have no labels"), "{}", run.stderr);
    // Label 0: TP 1, F1 1. Label 1: FP a, FN b, F1 0. Together TP 1, FP 1, FN 1.
    let json = run.json();
    let values: Vec<f64> = (0..3).map(|row| json[row]["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [0.5, 0.5, 0.5]);
    assert_eq!(json[0]["split"], "test");
    assert_eq!(json[0]["method"], "fixed:0.5");
    assert!(json[0]["low"].is_null() && json[0]["high"].is_null());
    let json = score(&folder, "--thresholds t.parquet").json();
    let [low, high] = ["low", "high"].map(|key| json[0][key].as_f64().unwrap());
    assert!(low <= 0.5 && 0.5 <= high, "{json}");
    labels(&[("a", "0"), ("d", "1")]);
    let message = score(&folder, "--thresholds t.parquet").fails(1);
    assert!(message.contains("1 labelled samples have no prediction: d"), "{message}");
    for (flags, expected) in
        [("--metric macro-g3", "macro-g3"), ("--metric mean-auc macro-f1", "needs --thresholds")]
    {
        assert!(score(&folder, flags).fails(2).contains(expected));
    }
}

#[test]
fn real_probabilities_rank_the_real_labels() {
    let (Some(array), Some(template), Some(labels)) = (
        shared_file("probabilities/DenseNet121.npz"),
        shared_file("kaggle-tables/sample_submission.csv"),
        shared_file("probabilities/test_labels_128.csv"),
    ) else {
        return;
    };
    let folder = TestDir::new();
    let ids = hpa_artifacts::read_id_csv(&template).unwrap();
    let names = LabelNames::atlas();
    let values = hpa_import::npy::read_npy(&array, Some("pred"), ids.len()).unwrap().values;
    let raw = hpa_import::RawPredictions { ids, folds: None, values };
    let predictions = hpa_import::predictions(raw, names.clone(), &array).unwrap();
    fixtures::write(&predictions, &folder.path("p.parquet"));
    fixtures::write(&fixtures::thresholds(&names, 0.5, None), &folder.path("t.parquet"));
    let rows = read_label_csv(&[labels], &names).unwrap();
    fixtures::write(&Labels { names, rows }, &folder.path("l.parquet"));
    let flags = "--thresholds t.parquet --metric macro-f1 mean-auc --bootstrap 50 --json";
    let run = score(&folder, flags).succeeds();
    assert!(run.stderr.contains("11574 predictions have no labels"), "{}", run.stderr);
    assert!(run.json()[1]["value"].as_f64().unwrap() > 0.9, "{}", run.stdout);
}

#[test]
fn yeast_is_scored_out_of_fold() {
    let (Some(labels), Some(probabilities)) = (
        shared_file("multilabel/yeast_labels.csv"),
        shared_file("multilabel/yeast_oof_logreg.csv"),
    ) else {
        return;
    };
    let folder = TestDir::new();
    let matrix = read_matrix_csv(&labels, None).unwrap();
    let names = matrix.label_names(None).unwrap();
    fixtures::write(&hpa_labels::one_hot(matrix, names).unwrap(), &folder.path("l.parquet"));
    let matrix = read_matrix_csv(&probabilities, Some("row")).unwrap();
    let names = matrix.label_names(None).unwrap();
    let (ids, folds) = (matrix.ids.unwrap(), matrix.folds);
    let raw = hpa_import::RawPredictions { ids, folds, values: matrix.values };
    let predictions = hpa_import::predictions(raw, names, &probabilities).unwrap();
    assert_eq!(predictions.folds.as_ref().unwrap().count.get(), 5);
    fixtures::write(&predictions, &folder.path("p.parquet"));
    let json = score(&folder, "--metric mean-auc --bootstrap 0").json();
    assert_eq!(json[0]["split"], "oof");
    assert!(json[0]["value"].as_f64().unwrap() > 0.6, "{json}");
}

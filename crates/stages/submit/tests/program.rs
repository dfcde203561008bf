//! The program as users call it.

use hpa_artifacts::{Artifact, Digest, Predictions, Provenance};
use hpa_tests::{TestCommand, TestDir, fixtures, shared_file};

/// Predictions of samples a, b and c, and thresholds of one half.
fn inputs() -> TestDir {
    let folder = TestDir::new();
    let names = fixtures::label_names(&["x", "y"]);
    let rows: [(&str, &[f32]); 3] = [("a", &[0.9, 0.6]), ("b", &[0.1, 0.5]), ("c", &[0.2, 0.7])];
    let predictions = fixtures::predictions(&names, &rows, None);
    fixtures::write(&predictions, &folder.path("p.parquet"));
    fixtures::write(&fixtures::thresholds(&names, 0.5, None), &folder.path("t.parquet"));
    folder
}

fn submit(folder: &TestDir, flags: &str) -> TestCommand {
    let line = "--predictions p.parquet --thresholds t.parquet --template template.csv";
    folder.program(env!("CARGO_BIN_EXE_hpa-submit")).words(line).words(flags)
}

#[test]
fn submissions_keep_the_order_of_the_template() {
    let folder = inputs();
    folder.write("template.csv", "Id,Predicted\nb,0\nz,0\na,0\n");
    folder.write("excluded.csv", "Id,Reason\nz,no green image\n");
    let run = submit(&folder, "--exclude excluded.csv --out s/out.csv --json").succeeds();
    // b's 0.5 is not strictly above one half.
    assert_eq!(folder.text("s/out.csv"), "Id,Predicted\nb,\nz,\na,0 1\n");
    assert_eq!(run.json(), serde_json::json!({"rows": 3, "empty": 2, "excluded": 1}));
    assert!(run.stderr.contains("1 predictions are not in the template"), "{}", run.stderr);
    let message = submit(&folder, "--out out").fails(1);
    assert!(message.contains("1 template samples have no prediction: z"), "{message}");
    assert!(!folder.path("out").exists());
    let message = submit(&folder, "--skipped excluded.csv --out out").fails(2);
    assert!(message.contains("use `--exclude`"), "{message}");
}

#[test]
fn inputs_that_do_not_match_are_refused() {
    let folder = inputs();
    folder.write("template.csv", "Id,Predicted\na,0\n");
    let fails = |expected: &str| {
        let message = submit(&folder, "--out out").fails(1);
        assert!(message.contains(expected), "{message}");
        assert!(!folder.path("out").exists());
    };
    let thresholds = |names: &[&str], models: &str| {
        let thresholds = fixtures::thresholds(&fixtures::label_names(names), 0.5, None);
        let models = Digest::of_bytes(models.as_bytes());
        let provenance = Provenance::new(&()).with_ancestor("models", models);
        thresholds.write(&folder.path("t.parquet"), &provenance).unwrap();
        provenance
    };
    thresholds(&["x"], "this run");
    fails("label 1 is \"y\" in the predictions and absent in the thresholds");
    let provenance = thresholds(&["x", "y"], "that run");
    let predictions = Predictions::read(&folder.path("p.parquet")).unwrap();
    predictions.value.write(&folder.path("p.parquet"), &provenance).unwrap();
    thresholds(&["x", "y"], "this run");
    fails("from another run");
    thresholds(&["x", "y"], "that run");
    for (text, expected) in [("Id,Predicted\n", "has no rows"), ("a\n", "no column Id")] {
        folder.write("template.csv", text);
        fails(expected);
    }
    folder.write("t.parquet", "PAR1");
    fails("t.parquet");
}

#[test]
fn real_probabilities_become_a_real_submission() {
    let (Some(array), Some(template), Some(accepted)) = (
        shared_file("probabilities/DenseNet121.npz"),
        shared_file("kaggle-tables/sample_submission.csv"),
        shared_file("kaggle-tables/submission_lb539.csv"),
    ) else {
        return;
    };
    let folder = TestDir::new();
    let ids = hpa_artifacts::read_id_csv(&template).unwrap();
    let names = hpa_core::LabelNames::atlas();
    let values = hpa_import::npy::read_npy(&array, Some("pred"), ids.len()).unwrap().values;
    let raw = hpa_import::RawPredictions { ids, folds: None, values };
    let predictions = hpa_import::predictions(raw, names.clone(), &array).unwrap();
    fixtures::write(&predictions, &folder.path("p.parquet"));
    fixtures::write(&fixtures::thresholds(&names, 0.5, None), &folder.path("t.parquet"));
    folder.write("template.csv", std::fs::read(template).unwrap());
    submit(&folder, "--out s.csv").succeeds();
    let ours = folder.text("s.csv");
    // A submission that Kaggle accepted has the same header, ids, order and line ends.
    let accepted = std::fs::read_to_string(accepted).unwrap();
    let ids = |text: &str| -> Vec<String> {
        text.split('\n').map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&ours), ids(&accepted));
    assert!(!ours.contains('\r') && ours.contains(",0 25\n"));
}

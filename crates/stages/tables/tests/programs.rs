//! The four programs as users call them: what they make and what they refuse.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, Digest, Labels, Predictions, Provenance, ThresholdRow, Thresholds};
use hpa_core::{LabelNames, Threshold};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str, text: &str) {
        hpa_artifacts::atomic::write_bytes(&self.path(name), text.as_bytes()).unwrap();
    }

    /// Runs `labels --csv x` and the like; words are parted by spaces.
    fn run(&self, line: &str) -> Output {
        let mut words = line.split(' ');
        let program = match words.next().unwrap() {
            "labels" => env!("CARGO_BIN_EXE_hpa-labels"),
            "import" => env!("CARGO_BIN_EXE_hpa-import"),
            "submit" => env!("CARGO_BIN_EXE_hpa-submit"),
            _ => env!("CARGO_BIN_EXE_hpa-score"),
        };
        Command::new(program).current_dir(self.0.path()).args(words).output().unwrap()
    }

    /// Standard output and error of a run that must do its work.
    fn done(&self, line: &str) -> (serde_json::Value, String) {
        let output = self.run(&format!("{line} --json"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {message}");
        (serde_json::from_slice(&output.stdout).unwrap(), message)
    }

    /// The message of a run that must fail; `out` must not be there afterwards.
    fn refusal(&self, line: &str) -> String {
        let output = self.run(line);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {message}");
        let left = std::fs::read_dir(self.0.path()).unwrap();
        for name in left.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            assert!(name != "out" && !name.contains("partial"), "{name} is left");
        }
        message
    }

    /// Predictions of `a`, `b`, `c` and thresholds of one half, made from the same models.
    fn predicted(&self) {
        self.text("p.csv", "Id,0,1\na,0.9,0.6\nb,0.1,0.5\nc,0.2,0.7\n");
        self.done("import --csv p.csv --out p.parquet");
        self.thresholds(&["0", "1"], &Provenance::new(&()));
    }

    fn thresholds(&self, names: &[&str], provenance: &Provenance) {
        let row = ThresholdRow {
            threshold: Threshold::try_from(0.5).unwrap(),
            fold_threshold: None,
            support: 1,
            f1_fitted: 0.0,
            f1_held_out: None,
        };
        let rows = vec![row; names.len()];
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let names = LabelNames::try_from(names).unwrap();
        let (method, metric) = ("fixed:0.5".to_owned(), "macro-f1".to_owned());
        let thresholds = Thresholds { names, method, metric, rows };
        thresholds.write(&self.path("t.parquet"), provenance).unwrap();
    }
}

fn shared(path: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("HPA_SHARED").map_or_else(|| "../shared".into(), PathBuf::from);
    let path = root.join(shared).join("data").join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    path.exists().then(|| path.canonicalize().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn labels_of_several_tables_are_joined() {
    let folder = Folder::new();
    folder.text("one.csv", "\u{feff}Id,Target\r\nb,3 0\r\na,27\r\n");
    folder.text("two.csv", "Target,Id\n7,c\n0 3,b\n");
    let (json, _) = folder.done("labels --csv one.csv two.csv --out out");
    assert_eq!((&json["samples"], &json["labels"]), (&3.into(), &28.into()));
    let labels = Labels::read(&folder.path("out")).unwrap();
    let rows: Vec<String> =
        labels.rows.iter().map(|row| format!("{} {}", row.id, row.labels)).collect();
    assert_eq!(rows, ["b 0 3", "a 27", "c 7"]);
}

#[test]
fn labels_that_are_wrong_are_named() {
    let folder = Folder::new();
    for (text, told) in [
        ("Id,Target\na,28\n", "line 2: sample a: there is no label 28"),
        ("Id,Target\na,abc\n", "\"abc\" is not a label"),
        ("Id,Target\n../a,1\n", "line 2: \"../a\" is not a sample id"),
        ("Id,Target\na,1\na,1\n", "line 3: sample a stands on line 2"),
        ("Id,Target\n", "no rows"),
        ("", "it is empty"),
        ("Id;Target\na;1\n", "not parted by commas"),
    ] {
        folder.text("bad.csv", text);
        let message = folder.refusal("labels --csv bad.csv --out out");
        assert!(message.contains("bad.csv") && message.contains(told), "{message}");
    }
    folder.text("names.txt", "only one\n");
    folder.text("good.csv", "Id,Target\na,1\n");
    let message = folder.refusal("labels --csv good.csv --label-names names.txt --out out");
    assert!(message.contains("there is no label 1: with 1 labels"), "{message}");
    assert!(folder.refusal("labels --csv absent.csv --out out").contains("absent.csv"));
}

#[test]
fn one_column_a_label_is_read_too() {
    let folder = Folder::new();
    folder.text("hot.csv", "x,y\n1,0\n1,1\n0,0\n");
    folder.done("labels --csv hot.csv --one-hot --out out.parquet");
    let labels = Labels::read(&folder.path("out.parquet")).unwrap();
    assert_eq!(labels.names.as_slice(), ["x", "y"]);
    let rows: Vec<String> =
        labels.rows.iter().map(|row| format!("{}:{}", row.id, row.labels)).collect();
    assert_eq!(rows, ["0:0", "1:0 1", "2:"]);
    folder.text("hot.csv", "x,y\n1,0\n0.5,1\n");
    let message = folder.refusal("labels --csv hot.csv --one-hot --out out");
    assert!(message.contains("sample 1, label 0 (x): 0.5 is neither"), "{message}");
}

#[test]
fn a_submission_keeps_the_template_s_order() {
    let folder = Folder::new();
    folder.predicted();
    folder.text("template.csv", "Id,Predicted\nb,0\nz,0\na,0\n");
    folder.text("skipped.csv", "Id,Reason\nz,no green picture\n");
    let line = "submit --predictions p.parquet --thresholds t.parquet --template template.csv";
    let (json, message) = folder.done(&format!("{line} --skipped skipped.csv --out s/out.csv"));
    let text = std::fs::read_to_string(folder.path("s/out.csv")).unwrap();
    // b's 0.5 is not strictly above one half.
    assert_eq!(text, "Id,Predicted\nb,\nz,\na,0 1\n");
    assert_eq!(json, serde_json::json!({"rows": 3, "empty": 2, "skipped": 1}));
    assert!(message.contains("1 predictions are not in the template"), "{message}");
    let message = folder.refusal(&format!("{line} --out out"));
    assert!(message.contains("1 template samples have no prediction: z"), "{message}");
}

#[test]
fn a_submission_is_not_made_from_what_does_not_fit() {
    let folder = Folder::new();
    folder.predicted();
    folder.text("template.csv", "Id,Predicted\na,0\n");
    let line =
        "submit --predictions p.parquet --thresholds t.parquet --template template.csv --out out";
    folder.thresholds(&["0"], &Provenance::new(&()));
    assert!(
        folder
            .refusal(line)
            .contains("label 1 is \"1\" in the predictions and missing in the thresholds")
    );
    let models = |name: &[u8]| Provenance::new(&()).with_ancestor("models", Digest::of_bytes(name));
    folder.thresholds(&["0", "1"], &models(b"this run"));
    let predictions = Predictions::read(&folder.path("p.parquet")).unwrap();
    predictions.value.write(&folder.path("p.parquet"), &models(b"that run")).unwrap();
    assert!(folder.refusal(line).contains("from another run"));
    folder.thresholds(&["0", "1"], &models(b"that run"));
    for (text, told) in [("Id,Predicted\n", "has no rows"), ("a\n", "no column Id")] {
        folder.text("template.csv", text);
        assert!(folder.refusal(line).contains(told));
    }
    folder.text("t.parquet", "PAR1");
    assert!(folder.refusal(line).contains("t.parquet"));
}

#[test]
fn scores_are_those_on_paper() {
    let folder = Folder::new();
    folder.predicted();
    folder.text("names.txt", "0\n1\n");
    folder.text("l.csv", "Id,Target\na,0\nb,1\n");
    folder.done("labels --csv l.csv --label-names names.txt --out l.parquet");
    let line = "score --predictions p.parquet --thresholds t.parquet --labels l.parquet";
    let (json, message) = folder.done(&format!(
        "{line} --metric macro-f1 micro-f1 mean-auc --min-positives 1 --bootstrap 0"
    ));
    assert!(message.contains("1 predictions have no labels"), "{message}");
    // Label 0: TP 1, F1 1. Label 1: FP a, FN b, F1 0. Together TP 1, FP 1, FN 1.
    let values: Vec<f64> = (0..3).map(|row| json[row]["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [0.5, 0.5, 0.5]);
    assert_eq!(json[0]["split"], "test");
    assert_eq!(json[0]["method"], "fixed:0.5");
    assert!(json[0]["low"].is_null() && json[0]["high"].is_null());
    let (json, _) = folder.done(line);
    let [low, high] = ["low", "high"].map(|key| json[0][key].as_f64().unwrap());
    assert!(low <= 0.5 && 0.5 <= high, "{json}");
    folder.text("l.csv", "Id,Target\na,0\nx,1\n");
    folder.done("labels --csv l.csv --label-names names.txt --out l.parquet");
    assert!(folder.refusal(line).contains("1 labelled samples have no prediction: x"));
    assert_eq!(folder.run(&format!("{line} --metric macro-g3")).status.code(), Some(2));
}

#[test]
fn logits_and_broken_tables_are_not_imported() {
    let folder = Folder::new();
    folder.text("p.csv", "Id,x,y\na,0.5,0.5\nb,0.5,3.7\n");
    let message = folder.refusal("import --csv p.csv --out out");
    assert!(message.contains("sample b, label 1 (y): 3.7 is not a probability"), "{message}");
    assert!(message.contains("apply the sigmoid first"), "{message}");
    folder.text("p.csv", "Id,x,y\na,0.5,nan\n");
    assert!(folder.refusal("import --csv p.csv --out out").contains("sample a, label 1 (y): NaN"));
    folder.text("p.csv", "x,y\n0.5,0.5\n");
    assert!(folder.refusal("import --csv p.csv --out out").contains("no column of ids"));
    folder.text("ids.csv", "Id\na\nb\n");
    assert!(
        folder.refusal("import --csv p.csv --ids ids.csv --out out").contains("2 ids for 1 rows")
    );
    folder.text("p.csv", "Id,fold,x\na,0,0.5\nb,0,0.5\n");
    assert!(folder.refusal("import --csv p.csv --out out").contains("1 is not a number of folds"));
    folder.text("p.csv", "Id,y,x\na,0,0.5\n");
    folder.text("names.txt", "x\ny\n");
    let message = folder.refusal("import --csv p.csv --label-names names.txt --out out");
    assert!(message.contains("another order"), "{message}");
    folder.text("p.npy", "PK not a zip");
    assert!(folder.refusal("import --npy p.npy --ids ids.csv --out out").contains("p.npy"));
    assert_eq!(folder.run("import --npy p.npy --out out").status.code(), Some(2));
    assert_eq!(folder.run("import --out out").status.code(), Some(2));
}

#[test]
fn real_probabilities_become_a_real_submission() {
    let (Some(array), Some(template)) =
        (shared("probabilities/DenseNet121.npz"), shared("kaggle-tables/sample_submission.csv"))
    else {
        return;
    };
    let folder = Folder::new();
    folder.done(&format!("import --npy {array} --key pred --ids {template} --out p.parquet"));
    folder.thresholds(&hpa_core::ATLAS_LABEL_NAMES, &Provenance::new(&()));
    let line = "submit --predictions p.parquet --thresholds t.parquet";
    folder.done(&format!("{line} --template {template} --out s.csv"));
    let ours = std::fs::read_to_string(folder.path("s.csv")).unwrap();
    // A submission that was accepted once has the same header, ids, order and line ends.
    let Some(accepted) = shared("kaggle-tables/submission_lb539.csv") else { return };
    let accepted = std::fs::read_to_string(accepted).unwrap();
    let ids = |text: &str| -> Vec<String> {
        text.split('\n').map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&ours), ids(&accepted));
    assert!(!ours.contains('\r') && ours.contains(",0 25\n"));
    let Some(labels) = shared("probabilities/test_labels_128.csv") else { return };
    folder.done(&format!("labels --csv {labels} --out l.parquet"));
    let line = "score --predictions p.parquet --thresholds t.parquet --labels l.parquet";
    let (json, message) = folder.done(&format!("{line} --metric macro-f1 mean-auc --bootstrap 50"));
    assert!(message.contains("11574 predictions have no labels"), "{message}");
    assert!(json[1]["value"].as_f64().unwrap() > 0.9, "{json}");
}

#[test]
fn yeast_goes_through() {
    let (Some(labels), Some(probabilities)) =
        (shared("multilabel/yeast_labels.csv"), shared("multilabel/yeast_oof_logreg.csv"))
    else {
        return;
    };
    let folder = Folder::new();
    folder.done(&format!("labels --csv {labels} --one-hot --out l.parquet"));
    let line = format!("import --csv {probabilities} --id-column row --out p.parquet");
    assert_eq!(
        folder.done(&line).0,
        serde_json::json!({"samples": 2417, "labels": 14, "folds": 5})
    );
    let line = "score --predictions p.parquet --labels l.parquet --metric mean-auc --bootstrap 0";
    let (json, _) = folder.done(line);
    assert_eq!(json[0]["split"], "oof");
    assert!(json[0]["value"].as_f64().unwrap() > 0.6, "{json}");
}

#[test]
fn the_real_label_tables_are_read() {
    for (table, samples) in [("train.csv", 31_072), ("HPAv18RBGY_wodpl.csv", 74_606)] {
        let Some(path) = shared(&format!("kaggle-tables/{table}")) else { return };
        let folder = Folder::new();
        let (json, _) = folder.done(&format!("labels --csv {path} --out out"));
        assert_eq!(json["samples"], samples);
    }
}

//! The program as users call it: outputs and refusals.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, Digest, Loaded, Predictions, Provenance};
use hpa_core::LabelNames;
use hpa_tests::{TestCommand, TestDir, fixtures};

/// Samples with fold and the probabilities of labels a and b.
type Rows = [(&'static str, u64, [f32; 2])];

fn names() -> LabelNames {
    fixtures::label_names(&["a", "b"])
}

fn predictions(rows: &Rows) -> Predictions {
    let folds: Vec<u64> = rows.iter().map(|row| row.1).collect();
    let rows: Vec<(&str, &[f32])> = rows.iter().map(|row| (row.0, row.2.as_slice())).collect();
    fixtures::predictions(&names(), &rows, Some(&folds))
}

fn lineage(models: &str) -> Provenance {
    Provenance::new(&())
        .with_ancestor("folds", Digest::of_bytes(b"folds"))
        .with_ancestor("models", Digest::of_bytes(models.as_bytes()))
}

const FIRST: &Rows = &[("x", 0, [0.9, 0.2]), ("y", 1, [0.5, 0.4]), ("z", 1, [0.1, 0.6])];
const SECOND: &Rows = &[("z", 1, [0.3, 0.6]), ("x", 0, [0.5, 0.8]), ("y", 1, [0.5, 0.4])];

struct Folder(TestDir);

impl Folder {
    /// With two members of the same samples in different order.
    fn new() -> Self {
        let folder = Self(TestDir::new());
        folder.member("one", &predictions(FIRST));
        folder.member("two", &predictions(SECOND));
        folder
    }

    fn member(&self, name: &str, predictions: &Predictions) {
        let path = self.0.path(&format!("predictions/{name}/p.parquet"));
        predictions.write(&path, &lineage(name)).unwrap();
    }

    /// The same thresholds for both labels, one per fold.
    fn thresholds(&self, name: &str, folds: Option<[f64; 2]>, models: &str) {
        let folds = folds.as_ref().map(<[f64; 2]>::as_slice);
        let path = self.0.path(&format!("thresholds/{name}/t.parquet"));
        fixtures::thresholds(&names(), 0.5, folds).write(&path, &lineage(models)).unwrap();
    }

    fn command(&self, method: &str, more: &[&str]) -> TestCommand {
        let line = "--out predictions/both/p.parquet --predictions predictions/one/p.parquet \
                    predictions/two/p.parquet --method";
        self.0.program(env!("CARGO_BIN_EXE_hpa-ensemble")).words(line).args([method]).args(more)
    }

    fn combined(&self, method: &str, more: &[&str]) -> Loaded<Predictions> {
        self.command(method, more).succeeds();
        Predictions::read(&self.0.path("predictions/both/p.parquet")).unwrap()
    }

    fn refusal(&self, method: &str, more: &[&str]) -> String {
        let message = self.command(method, more).fails(1);
        assert!(!self.0.path("predictions/both").exists(), "something was written");
        message
    }
}

const THRESHOLDS: [&str; 3] =
    ["--thresholds", "thresholds/one/t.parquet", "thresholds/two/t.parquet"];

#[test]
fn members_are_combined_in_the_order_of_the_first() {
    let folder = Folder::new();
    let average = folder.combined("average", &[]);
    assert_eq!(average.probabilities, [0.7, 0.5, 0.5, 0.4, 0.2, 0.6]);
    assert_eq!(
        (&average.ids, &average.folds),
        (&predictions(FIRST).ids, &predictions(FIRST).folds)
    );
    let models = ["one", "two"].map(|name| Digest::of_bytes(name.as_bytes()));
    assert_eq!(average.origin.ancestor("models"), Some(Digest::combine(&models)));
    assert_eq!(average.origin.ancestor("folds"), Some(Digest::of_bytes(b"folds")));
    let largest = folder.combined("max", &[]);
    assert_eq!(largest.probabilities, [0.9, 0.8, 0.5, 0.4, 0.3, 0.6]);
}

#[test]
fn or_applies_to_each_fold_its_own_thresholds() {
    let folder = Folder::new();
    folder.thresholds("one", Some([0.95, 0.45]), "one");
    folder.thresholds("two", Some([0.5, 0.99]), "two");
    let decided = folder.combined("or", &THRESHOLDS);
    // x (fold 0): only two predicts b. y (fold 1): only one predicts a. z (fold 1): one predicts b.
    assert_eq!(decided.probabilities, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn or_takes_only_the_members_own_thresholds() {
    let folder = Folder::new();
    assert!(folder.command("or", &[]).fails(2).contains("--thresholds"));
    assert!(folder.refusal("or", &THRESHOLDS[..2]).contains("help: "));
    folder.thresholds("one", Some([0.5; 2]), "one");
    folder.thresholds("two", None, "two");
    let swapped = ["--thresholds", "thresholds/two/t.parquet", "thresholds/one/t.parquet"];
    assert!(folder.refusal("or", &swapped).contains("in the place of those of one"));
    assert!(folder.refusal("or", &THRESHOLDS).contains("not fitted fold by fold"));
    folder.thresholds("two", Some([0.5; 2]), "two of another run");
    assert!(folder.refusal("or", &THRESHOLDS).contains("from another run"));
    assert!(folder.refusal("max", &THRESHOLDS).contains("the other methods take none"));
}

#[test]
fn thresholds_may_be_in_any_folder() {
    let folder = Folder::new();
    folder.thresholds("first", Some([0.95, 0.45]), "one");
    folder.thresholds("second", Some([0.5, 0.99]), "two");
    let elsewhere = ["--thresholds", "thresholds/first/t.parquet", "thresholds/second/t.parquet"];
    assert_eq!(folder.combined("or", &elsewhere).probabilities, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn members_of_other_samples_folds_or_labels_are_refused() {
    let folder = Folder::new();
    folder.member("two", &predictions(&SECOND[..2]));
    let message = folder.refusal("average", &[]);
    assert!(
        message.contains("two/p.parquet lacks 1 samples of")
            && message.contains("one/p.parquet: y"),
        "{message}"
    );
    folder.member("two", &predictions(&[("z", 0, [0.3, 0.6]), SECOND[1], SECOND[2]]));
    assert!(folder.refusal("average", &[]).contains("z in fold 0, not 1"));
    let mut without = predictions(SECOND);
    without.folds = None;
    folder.member("two", &without);
    assert!(folder.refusal("average", &[]).contains("no fold column"));
    let mut renamed = predictions(SECOND);
    renamed.names = fixtures::label_names(&["a", "c"]);
    folder.member("two", &renamed);
    assert!(folder.refusal("average", &[]).contains("label 1 differs"));
}

#[test]
fn the_first_twenty_samples_that_differ_are_listed() {
    let folder = Folder::new();
    let mut many = predictions(SECOND);
    for number in 0..30 {
        many.ids.push(format!("s{number}").parse().unwrap());
        many.probabilities.extend([0.5, 0.5]);
        let column = many.folds.as_mut().unwrap();
        column.folds.push(column.folds[0]);
    }
    folder.member("two", &many);
    let message = folder.refusal("average", &[]);
    assert!(message.contains("lacks 30 samples of") && message.contains("s19, …"), "{message}");
}

#[test]
fn a_member_given_twice_and_an_absent_one_are_refused() {
    let folder = Folder::new();
    let twice = ["--predictions", "predictions/one/p.parquet"];
    assert!(folder.refusal("max", &twice).contains("same file"));
    let absent = ["--predictions", "predictions/no/p.parquet"];
    assert!(folder.refusal("max", &absent).contains("help: "));
}

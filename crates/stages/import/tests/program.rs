//! The program as users call it.

use hpa_tests::{TestCommand, TestDir, shared_file};

fn import(folder: &TestDir, flags: &str) -> TestCommand {
    folder.program(env!("CARGO_BIN_EXE_hpa-import")).words(flags)
}

#[test]
fn logits_and_broken_tables_are_not_imported() {
    let folder = TestDir::new();
    let fails = |flags: &str| import(&folder, flags).fails(1);
    folder.write("p.csv", "Id,x,y\na,0.5,0.5\nb,0.5,3.7\n");
    let message = fails("--csv p.csv --out out");
    assert!(message.contains("sample b, label 1 (y): 3.7 is not a probability"), "{message}");
    assert!(message.contains("apply the sigmoid first"), "{message}");
    folder.write("p.csv", "Id,x,y\na,0.5,nan\n");
    assert!(fails("--csv p.csv --out out").contains("sample a, label 1 (y): NaN"));
    folder.write("p.csv", "x,y\n0.5,0.5\n");
    assert!(fails("--csv p.csv --out out").contains("no column of ids"));
    folder.write("ids.csv", "Id\na\nb\n");
    assert!(fails("--csv p.csv --ids ids.csv --out out").contains("2 ids for 1 rows"));
    folder.write("p.csv", "Id,fold,x\na,0,0.5\nb,0,0.5\n");
    assert!(fails("--csv p.csv --out out").contains("1 is not a number of folds"));
    folder.write("p.csv", "Id,y,x\na,0,0.5\n");
    folder.write("names.txt", "x\ny\n");
    let message = fails("--csv p.csv --label-names names.txt --out out");
    assert!(message.contains("another order"), "{message}");
    folder.write("p.npy", "PK not a zip");
    assert!(fails("--npy p.npy --ids ids.csv --out out").contains("p.npy"));
    drop(import(&folder, "--npy p.npy --out out").fails(2));
    drop(import(&folder, "--out out").fails(2));
    assert!(!folder.path("out").exists());
}

#[test]
fn real_tables_and_arrays_are_imported() {
    let folder = TestDir::new();
    if let Some(table) = shared_file("multilabel/yeast_oof_logreg.csv") {
        let json = import(&folder, "--id-column row --out p.parquet --csv").args([table]).json();
        assert_eq!(json, serde_json::json!({"samples": 2417, "labels": 14, "folds": 5}));
    }
    let (Some(array), Some(template)) = (
        shared_file("probabilities/DenseNet121.npz"),
        shared_file("kaggle-tables/sample_submission.csv"),
    ) else {
        return;
    };
    let command = import(&folder, "--key pred --out p.parquet --npy").args([array]);
    let json = command.words("--ids").args([template]).json();
    assert_eq!(json, serde_json::json!({"samples": 11702, "labels": 28, "folds": null}));
}

//! The program as users call it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, Labels};
use hpa_tests::{TestCommand, TestDir, shared_file};

fn command(folder: &TestDir, flags: &str) -> TestCommand {
    folder.program(env!("CARGO_BIN_EXE_hpa-labels")).words(flags)
}

/// The rows of the labels file, as `id labels`.
fn rows(folder: &TestDir, name: &str) -> Vec<String> {
    let labels = Labels::read(&folder.path(name)).unwrap();
    labels.rows.iter().map(|row| format!("{} {}", row.id, row.labels)).collect()
}

#[test]
fn labels_of_several_tables_are_joined() {
    let folder = TestDir::new();
    folder.write("one.csv", "\u{feff}Id,Target\r\nb,3 0\r\na,27\r\n");
    folder.write("two.csv", "Target,Id\n7,c\n0 3,b\n");
    let json = command(&folder, "--csv one.csv two.csv --out out").json();
    assert_eq!((&json["samples"], &json["labels"]), (&3.into(), &28.into()));
    assert_eq!(rows(&folder, "out"), ["b 0 3", "a 27", "c 7"]);
}

#[test]
fn wrong_labels_are_named() {
    let folder = TestDir::new();
    for (text, expected) in [
        ("Id,Target\na,28\n", "line 2: sample a: there is no label 28"),
        ("Id,Target\na,abc\n", "\"abc\" is not a label"),
        ("Id,Target\n../a,1\n", "line 2: \"../a\" is not a sample id"),
        ("Id,Target\na,1\na,1\n", "line 3: sample a is on line 2"),
        ("Id,Target\n", "no rows"),
        ("", "it is empty"),
        ("Id;Target\na;1\n", "not separated by commas"),
    ] {
        folder.write("bad.csv", text);
        let message = command(&folder, "--csv bad.csv --out out").fails(1);
        assert!(message.contains("bad.csv") && message.contains(expected), "{message}");
        assert!(!folder.path("out").exists());
    }
    folder.write("names.txt", "only one\n");
    folder.write("good.csv", "Id,Target\na,1\n");
    let message = command(&folder, "--csv good.csv --label-names names.txt --out out").fails(1);
    assert!(message.contains("there is no label 1: with 1 labels"), "{message}");
    assert!(command(&folder, "--csv absent.csv --out out").fails(1).contains("absent.csv"));
}

#[test]
fn one_hot_tables_are_read() {
    let folder = TestDir::new();
    folder.write("hot.csv", "x,y\n1,0\n1,1\n0,0\n");
    command(&folder, "--csv hot.csv --one-hot --out out.parquet").succeeds();
    let labels = Labels::read(&folder.path("out.parquet")).unwrap();
    assert_eq!(labels.names.as_slice(), ["x", "y"]);
    assert_eq!(rows(&folder, "out.parquet"), ["0 0", "1 0 1", "2 "]);
    folder.write("hot.csv", "x,y\n1,0\n0.5,1\n");
    let message = command(&folder, "--csv hot.csv --one-hot --out out").fails(1);
    assert!(message.contains("sample 1, label 0 (x): 0.5 is neither"), "{message}");
}

#[test]
fn the_real_label_tables_are_read() {
    for (table, samples) in [("train.csv", 31_072), ("HPAv18RBGY_wodpl.csv", 74_606)] {
        let Some(path) = shared_file(&format!("kaggle-tables/{table}")) else { return };
        let folder = TestDir::new();
        let json = command(&folder, "--out out --csv").args([path]).json();
        assert_eq!(json["samples"], samples);
    }
}

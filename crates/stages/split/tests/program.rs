//! `hpa-split` as a program: on tables, on images, and on invalid input.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::{Artifact, Digest, FoldRow, Folds, Labels, read_label_csv};
use hpa_core::LabelNames;
use hpa_tests::fixtures::{self, image_row, write_shard};
use hpa_tests::{TestCommand, TestDir, shared_file};
use std::path::PathBuf;
use std::process::Command;

/// A folder with `labels.parquet`: samples `s0`, `s1` … with these labels.
fn dir_with_labels(labels: &[&str]) -> TestDir {
    let dir = TestDir::new();
    write_labels(&dir, labels);
    dir
}

fn write_labels(dir: &TestDir, labels: &[&str]) {
    let rows: Vec<(String, String)> =
        (0..).zip(labels).map(|(n, labels)| (format!("s{n}"), (*labels).to_owned())).collect();
    fixtures::write(&fixtures::labels(&LabelNames::atlas(), &rows), &dir.path("labels.parquet"));
}

/// A folder with the labels of a CSV table.
fn dir_with_table(csv: PathBuf) -> TestDir {
    let names = LabelNames::atlas();
    let rows = read_label_csv(&[csv], &names).unwrap();
    let dir = TestDir::new();
    fixtures::write(&Labels { names, rows }, &dir.path("labels.parquet"));
    dir
}

/// Writes a shard with these ids and the same hash in all channels.
fn write_images(dir: &TestDir, name: &str, images: &[(&str, u64)]) {
    let rows = images.iter().map(|(id, hash)| {
        let mut row = image_row(id, 2, vec![0; 16]);
        row.phash = [*hash; 4];
        row
    });
    write_shard(&dir.path(name), 2, rows);
}

fn split(dir: &TestDir, flags: &str) -> TestCommand {
    dir.program(env!("CARGO_BIN_EXE_hpa-split"))
        .words("--labels labels.parquet --seed 1 --out folds.parquet")
        .words(flags)
}

/// The rows of the folds file of a run that must succeed, and its log.
fn folds(dir: &TestDir, flags: &str) -> (Vec<FoldRow>, String) {
    let log = split(dir, flags).succeeds().stderr;
    (Folds::read(&dir.path("folds.parquet")).unwrap().value.rows, log)
}

/// The message of a run that must fail and leave no output.
#[track_caller]
fn refusal(dir: &TestDir, flags: &str) -> String {
    let message = split(dir, flags).fails(1);
    for entry in std::fs::read_dir(dir.root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name != "folds.parquet" && !name.contains("partial"), "{name} was left");
    }
    message
}

#[test]
fn images_duplicate_lists_and_exclusions_combine() {
    let dir = dir_with_labels(&["0", "0", "1", "1", "0 1", "2"]);
    // s1 and s2 are near duplicates; s5 has no image; s9 has no label.
    let hashes = [u64::MAX, 0xff00, 0xff0f, 0x1234_5678_0000_0000, 0x0f0f_0f0f_0f0f_0f0f, 1 << 40];
    let ids = ["s0", "s1", "s2", "s3", "s4", "s9"];
    write_images(&dir, "images.parquet", &ids.into_iter().zip(hashes).collect::<Vec<_>>());
    dir.write("duplicates.txt", "s4,elsewhere\r\nelsewhere,s0\r\n");
    dir.write("skipped.csv", "Id,Reason\ns5,no green image\n");
    let flags =
        "--images images.parquet --duplicates duplicates.txt --exclude skipped.csv --folds 3";
    let (rows, log) = folds(&dir, flags);
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["s0", "s1", "s2", "s3", "s4"]);
    assert_eq!(rows.iter().map(|row| row.group).collect::<Vec<_>>(), [0, 1, 1, 2, 0]);
    assert!(rows[0].fold == rows[4].fold && rows[1].fold == rows[2].fold, "{rows:?}");
    for words in [
        "1 labelled samples are excluded",
        "1 ids of the list",
        "1 images are not used",
        "2 groups of duplicates have different labels",
    ] {
        assert!(log.contains(words), "{log}");
    }
}

#[test]
fn groups_and_leaks_are_listed_without_writing_folds() {
    let dir = dir_with_labels(&["0", "0 3", "1", "1"]);
    write_images(&dir, "test.parquet", &[("t0", 0xff01), ("t1", 1 << 50), ("t2", 0xff03)]);
    let train = [("s0", 0xff00), ("s1", 0xff0f), ("s2", u64::MAX), ("s3", u64::MAX << 32)];
    write_images(&dir, "images.parquet", &train);
    let settings = "--images images.parquet --folds 2 --hash-distance 4";
    let lists = "--test-images test.parquet --out-groups groups.csv --out-leaks leaks.csv";
    let run = dir
        .program(env!("CARGO_BIN_EXE_hpa-split"))
        .words("--labels labels.parquet --seed 1 --json")
        .words(&format!("{settings} {lists}"))
        .succeeds();
    let warning = "warning: 2 test samples are near duplicates of a training sample";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert_eq!(dir.text("groups.csv"), "Group,Id,Labels,Agree\n0,s0,0,no\n0,s1,0 3,no\n");
    let pairs = "t0,s0,1,1,1\nt0,s1,3,3,3\nt2,s0,2,2,2\nt2,s1,2,2,2\n";
    assert_eq!(dir.text("leaks.csv"), format!("Id,Twin,Red,Green,Blue\n{pairs}"));
    let summary = run.json();
    assert_eq!((&summary["leaks"], &summary["conflicts"]), (&2.into(), &1.into()));
    assert!(!dir.path("folds.parquet").exists());
    // The search for leaks does not change the folds.
    let with_lists = folds(&dir, &format!("{settings} {lists}")).0;
    assert_eq!(with_lists, folds(&dir, settings).0);
}

#[test]
fn the_published_tables_split_to_within_one_sample_per_label() {
    for (table, samples) in [("train.csv", 31_072), ("HPAv18RBGY_wodpl.csv", 74_606)] {
        let Some(csv) = shared_file(&format!("kaggle-tables/{table}")) else { continue };
        let dir = dir_with_table(csv);
        for seed in 1..=3 {
            let summary = split(&dir, &format!("--folds 5 --seed {seed}")).json();
            assert!(summary["largest_deviation"].as_f64().unwrap() <= 1.0, "{summary}");
            let sizes = summary["fold_sizes"].as_array().unwrap().iter();
            assert_eq!(sizes.map(|size| size.as_u64().unwrap()).sum::<u64>(), samples);
            if table == "train.csv" {
                let rarest = |fold: usize| summary["label_counts"][fold][27].as_u64().unwrap();
                let mut counts: Vec<u64> = (0..5).map(rarest).collect();
                counts.sort_unstable();
                assert_eq!(counts, [2, 2, 2, 2, 3]);
            }
        }
    }
}

#[test]
fn the_published_duplicates_stay_in_one_fold() {
    let (Some(csv), Some(list)) =
        (shared_file("kaggle-tables/train.csv"), shared_file("kaggle-tables/train_duplicates.txt"))
    else {
        return;
    };
    let dir = dir_with_table(csv);
    let (rows, _) = folds(&dir, &format!("--folds 5 --duplicates {}", list.display()));
    let fold: std::collections::BTreeMap<String, _> =
        rows.iter().map(|row| (row.id.to_string(), (row.fold, row.group))).collect();
    let mut known = 0;
    for line in std::fs::read_to_string(&list).unwrap().lines() {
        let assigned: Vec<_> = line.split(',').filter_map(|id| fold.get(id)).collect();
        known += assigned.len();
        assert!(assigned.windows(2).all(|pair| pair[0] == pair[1]), "{line}");
    }
    assert!(known >= 200, "{known}");
}

#[test]
fn a_duplicate_list_that_is_not_a_text_file_is_refused() {
    let dir = dir_with_labels(&["0", "1"]);
    let path = dir.path("list");
    let refused = || refusal(&dir, "--folds 2 --duplicates list");
    assert!(refused().contains("list"));
    std::fs::create_dir(&path).unwrap();
    assert!(refused().contains("regular file"));
    std::fs::remove_dir(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(refused().contains("regular file"));
    std::fs::remove_file(&path).unwrap();
    dir.write("list", "s0,s\0\n");
    assert!(refused().contains("control character"));
}

#[test]
fn labelled_samples_without_an_image_are_listed() {
    let dir = dir_with_labels(&["0"; 30]);
    write_images(&dir, "images.parquet", &[("s0", 9)]);
    let message = refusal(&dir, "--folds 2 --images images.parquet");
    assert!(message.starts_with("error: 29 labelled samples have no image: s1, s2"), "{message}");
    assert!(message.contains("s20, …") && message.contains("--exclude"), "{message}");
}

#[test]
fn invalid_input_is_refused() {
    let dir = dir_with_labels(&["0", "1"]);
    assert!(refusal(&dir, "--folds 3").contains("at most 2"));
    dir.write("list.txt", "s0,s1\n");
    let message = refusal(&dir, "--folds 2 --duplicates list.txt");
    assert!(message.contains("2 folds of 1 groups"), "{message}");
    dir.write("list.txt", "s0,../s1\n");
    let message = refusal(&dir, "--folds 2 --duplicates list.txt");
    assert!(message.contains("list.txt line 1") && message.contains("../s1"), "{message}");
    dir.write("skipped.csv", "s0,gone\n");
    let message = refusal(&dir, "--folds 2 --exclude skipped.csv");
    assert!(message.contains("skipped.csv") && message.contains("no column Id"), "{message}");
    let message = refusal(&dir, "--folds 2 --images labels.parquet");
    assert!(message.contains("labels.parquet"), "{message}");
    write_labels(&dir, &[]);
    assert!(refusal(&dir, "--folds 2").contains("nothing to split"));
    dir.write("labels.parquet", "PAR1 not really PAR1");
    assert!(refusal(&dir, "--folds 2").contains("labels.parquet"));
}

#[test]
fn usage_errors_exit_with_2() {
    let dir = dir_with_labels(&["0", "1"]);
    let _ = split(&dir, "--folds 1").fails(2);
    for (old, new) in [("--skipped list.csv", "--exclude"), ("--out-twins a.csv", "--out-leaks")] {
        let message = split(&dir, &format!("--folds 2 {old}")).fails(2);
        assert!(message.contains(new), "{message}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let dir = dir_with_labels(&["0", "1", "0 3", "2", "0 1", "2 5"].repeat(50));
    let digest = |flags: &str| {
        split(&dir, &format!("--folds 4 {flags}")).succeeds();
        Digest::of_file(&dir.path("folds.parquet")).unwrap()
    };
    assert_eq!(digest("--threads 1"), digest("--threads 2"));
    assert_ne!(digest("--threads 1"), digest("--seed 2"));
}

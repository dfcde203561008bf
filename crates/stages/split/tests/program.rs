//! The program as users call it: on tables, on pictures, and on what is wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_artifacts::read_label_csv;
use hpa_artifacts::{
    Artifact, Digest, FoldRow, Folds, ImageRow, ImageWriter, LabelRow, Labels, Provenance,
};
use hpa_core::{LabelNames, LabelSet};
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

    /// Writes `labels.parquet`: samples `s0`, `s1` … with these labels.
    fn labels(&self, labels: &[&str]) {
        let row = |(number, text): (usize, &&str)| LabelRow {
            id: format!("s{number}").parse().unwrap(),
            labels: LabelSet::parse(text, &LabelNames::atlas()).unwrap(),
        };
        let rows = labels.iter().enumerate().map(row).collect();
        let labels = Labels { names: LabelNames::atlas(), rows };
        labels.write(&self.path("labels.parquet"), &Provenance::new(&())).unwrap();
    }

    /// Writes `images.parquet` with these ids and the same hash in all channels.
    fn images(&self, images: &[(&str, u64)]) {
        let path = self.path("images.parquet");
        let mut writer = ImageWriter::create(&path, 2, &Provenance::new(&())).unwrap();
        for (id, hash) in images {
            let (id, image) = (id.parse().unwrap(), vec![0; 16]);
            let (phash, digest) = ([*hash; 4], [0; 32]);
            writer.push(&ImageRow { id, height: 2, width: 2, image, phash, digest }).unwrap();
        }
        writer.finish().unwrap();
    }

    fn run(&self, more: &[&str]) -> Output {
        let arguments = "--labels labels.parquet --seed 1 --out folds.parquet";
        Command::new(env!("CARGO_BIN_EXE_hpa-split"))
            .current_dir(self.0.path())
            .args(arguments.split(' '))
            .args(more)
            .output()
            .unwrap()
    }

    /// The message of a run that must fail and leave nothing.
    fn refusal(&self, more: &[&str]) -> String {
        let output = self.run(more);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        let left = std::fs::read_dir(self.0.path()).unwrap();
        for name in left.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            assert!(name != "folds.parquet" && !name.contains("partial"), "{name}");
        }
        message
    }

    fn folds(&self, more: &[&str]) -> (Vec<FoldRow>, String) {
        let output = self.run(more);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{message}");
        (Folds::read(&self.path("folds.parquet")).unwrap().value.rows, message)
    }
}

fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("HPA_SHARED").map_or_else(|| "../shared".into(), PathBuf::from);
    let path = root.join(shared).join("data").join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

#[test]
fn pictures_lists_and_skips_decide_together() {
    let folder = Folder::new();
    folder.labels(&["0", "0", "1", "1", "0 1", "2"]);
    // s1 and s2 look alike; s5 has no picture; s9 has no label.
    let hashes = [u64::MAX, 0xff00, 0xff0f, 0x1234_5678_0000_0000, 0x0f0f_0f0f_0f0f_0f0f, 1 << 40];
    let names = ["s0", "s1", "s2", "s3", "s4", "s9"];
    folder.images(&names.into_iter().zip(hashes).collect::<Vec<_>>());
    folder.text("twins.txt", "s4,elsewhere\r\nelsewhere,s0\r\n");
    folder.text("skipped.csv", "Id,Reason\ns5,no green picture\n");
    let flags = "--images images.parquet --duplicates twins.txt --exclude skipped.csv --folds 3";
    let (rows, message) = folder.folds(&flags.split(' ').collect::<Vec<_>>());
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["s0", "s1", "s2", "s3", "s4"]);
    assert_eq!(rows.iter().map(|row| row.group).collect::<Vec<_>>(), [0, 1, 1, 2, 0]);
    assert!(rows[0].fold == rows[4].fold && rows[1].fold == rows[2].fold, "{rows:?}");
    for told in ["1 labelled samples are excluded", "1 ids of the list", "1 images are not used"] {
        assert!(message.contains(told), "{message}");
    }
    assert!(message.contains("2 groups of duplicates have different labels"), "{message}");
}

#[test]
fn groups_and_twins_are_listed_and_folds_are_not_needed_for_that() {
    let folder = Folder::new();
    folder.labels(&["0", "0 3", "1", "1"]);
    folder.images(&[("t0", 0xff01), ("t1", 1 << 50), ("t2", 0xff03)]);
    std::fs::rename(folder.path("images.parquet"), folder.path("test.parquet")).unwrap();
    folder.images(&[("s0", 0xff00), ("s1", 0xff0f), ("s2", u64::MAX), ("s3", u64::MAX << 32)]);
    let flags = "--images images.parquet --test-images test.parquet --folds 2 \
                 --out-groups groups.csv --out-leaks twins.csv --hash-distance 4 --json";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let output = Command::new(env!("CARGO_BIN_EXE_hpa-split"))
        .current_dir(folder.0.path())
        .args(["--labels", "labels.parquet", "--seed", "1"])
        .args(&flags)
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{message}");
    assert!(
        message.contains("warning: 2 test samples are near duplicates of a training"),
        "{message}"
    );
    let read = |name| std::fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(read("groups.csv"), "Group,Id,Labels,Agree\n0,s0,0,no\n0,s1,0 3,no\n");
    let pairs = "t0,s0,1,1,1\nt0,s1,3,3,3\nt2,s0,2,2,2\nt2,s1,2,2,2\n";
    assert_eq!(read("twins.csv"), format!("Id,Twin,Red,Green,Blue\n{pairs}"));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["leaks"], &summary["conflicts"]), (&2.into(), &1.into()));
    assert!(!folder.path("folds.parquet").exists());
    // With --out the folds are the same with and without a look at the test part.
    let (rows, _) = folder.folds(&flags);
    assert_eq!(
        rows,
        folder
            .folds(
                &flags[..2]
                    .iter()
                    .chain(&flags[4..6])
                    .chain(&flags[10..12])
                    .copied()
                    .collect::<Vec<_>>()
            )
            .0
    );
}

#[test]
fn the_larger_table_of_version_18_splits_to_within_one_sample_a_label() {
    let Some(csv) = shared("kaggle-tables/HPAv18RBGY_wodpl.csv") else { return };
    let folder = Folder::new();
    let rows = read_label_csv(&[csv], &LabelNames::atlas()).unwrap();
    assert_eq!(rows.len(), 74_606);
    let labels = Labels { names: LabelNames::atlas(), rows };
    labels.write(&folder.path("labels.parquet"), &Provenance::new(&())).unwrap();
    let output = folder.run(&["--folds", "5", "--json"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["largest_deviation"].as_f64().unwrap() <= 1.0, "{summary}");
}

#[test]
fn the_published_duplicates_stay_in_one_fold() {
    let (Some(csv), Some(list)) =
        (shared("kaggle-tables/train.csv"), shared("kaggle-tables/train_duplicates.txt"))
    else {
        return;
    };
    let folder = Folder::new();
    let rows = read_label_csv(&[csv], &LabelNames::atlas()).unwrap();
    let labels = Labels { names: LabelNames::atlas(), rows };
    labels.write(&folder.path("labels.parquet"), &Provenance::new(&())).unwrap();
    let list_text = list.to_str().unwrap();
    let (rows, _) = folder.folds(&["--folds", "5", "--duplicates", list_text]);
    let fold: std::collections::BTreeMap<String, _> =
        rows.iter().map(|row| (row.id.to_string(), (row.fold, row.group))).collect();
    let text = std::fs::read_to_string(&list).unwrap();
    let mut known = 0;
    for line in text.lines() {
        let places: Vec<_> = line.split(',').filter_map(|id| fold.get(id)).collect();
        known += places.len();
        assert!(places.windows(2).all(|two| two[0] == two[1]), "{line}");
    }
    assert!(known >= 200, "{known}");
}

#[test]
fn a_list_of_duplicates_that_is_no_text_is_refused() {
    let folder = Folder::new();
    folder.labels(&["0", "1"]);
    let refused = || folder.refusal(&["--folds", "2", "--duplicates", "twins"]);
    assert!(refused().contains("twins"));
    std::fs::create_dir(folder.path("twins")).unwrap();
    assert!(refused().contains("not a regular file"));
    std::fs::remove_dir(folder.path("twins")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("twins")).status().unwrap().success());
    assert!(refused().contains("not a regular file"));
    std::fs::remove_file(folder.path("twins")).unwrap();
    folder.text("twins", "s0,s\0\n");
    assert!(refused().contains("control character"));
}

#[test]
fn a_labelled_sample_without_a_picture_is_named() {
    let folder = Folder::new();
    folder.labels(&["0"; 30]);
    folder.images(&[("s0", 9)]);
    let message = folder.refusal(&["--folds", "2", "--images", "images.parquet"]);
    assert!(message.starts_with("error: 29 labelled samples have no image: s1, s2"), "{message}");
    assert!(message.contains("s20, …") && message.contains("--exclude"), "{message}");
}

#[test]
fn what_cannot_be_split_is_refused() {
    let folder = Folder::new();
    folder.labels(&["0", "1"]);
    assert!(folder.refusal(&["--folds", "3"]).contains("at most 2"));
    folder.text("twins.txt", "s0,s1\n");
    let message = folder.refusal(&["--folds", "2", "--duplicates", "twins.txt"]);
    assert!(message.contains("2 folds of 1 groups"), "{message}");
    folder.text("twins.txt", "s0,../s1\n");
    let message = folder.refusal(&["--folds", "2", "--duplicates", "twins.txt"]);
    assert!(message.contains("twins.txt line 1") && message.contains("../s1"), "{message}");
    folder.text("skipped.csv", "s0,gone\n");
    let message = folder.refusal(&["--folds", "2", "--exclude", "skipped.csv"]);
    assert!(message.contains("skipped.csv") && message.contains("no column Id"), "{message}");
    let message = folder.refusal(&["--folds", "2", "--images", "labels.parquet"]);
    assert!(message.contains("labels.parquet"), "{message}");
    folder.labels(&[]);
    assert!(folder.refusal(&["--folds", "2"]).contains("nothing to split"));
    folder.text("labels.parquet", "PAR1 not really PAR1");
    assert!(folder.refusal(&["--folds", "2"]).contains("labels.parquet"));
    assert_eq!(folder.run(&["--folds", "1"]).status.code(), Some(2));
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    folder.labels(&["0", "1", "0 3", "2", "0 1", "2 5"].repeat(50));
    let digest = |flags: &[&str]| {
        folder.folds(&[&["--folds", "4"], flags].concat());
        Digest::of_file(&folder.path("folds.parquet")).unwrap()
    };
    assert_eq!(digest(&["--threads", "1"]), digest(&["--threads", "2"]));
    assert_ne!(digest(&["--threads", "1"]), digest(&["--seed", "2"]));
}

#[test]
fn the_real_table_splits_to_within_one_sample_a_label() {
    let Some(csv) = shared("kaggle-tables/train.csv") else { return };
    let folder = Folder::new();
    let rows = read_label_csv(&[csv], &LabelNames::atlas()).unwrap();
    let labels = Labels { names: LabelNames::atlas(), rows };
    labels.write(&folder.path("labels.parquet"), &Provenance::new(&())).unwrap();
    for seed in ["1", "2", "3"] {
        let output = folder.run(&["--folds", "5", "--json", "--seed", seed]);
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(summary["largest_deviation"].as_f64().unwrap() <= 1.0, "{summary}");
        let mut rare: Vec<u64> =
            (0..5).map(|fold| summary["label_counts"][fold][27].as_u64().unwrap()).collect();
        rare.sort_unstable();
        assert_eq!(rare, [2, 2, 2, 2, 3]);
    }
}

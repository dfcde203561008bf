//! The program as it is called: flags, exit status, messages, real pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hpa_artifacts::ImageStore;

fn hpa_preprocess(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hpa-preprocess"))
        .args(arguments)
        .output()
        .expect("set up by the test")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("set up by the test")
}

/// The real samples, where they are at hand.
fn real_samples() -> Option<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("HPA_SHARED").map_or("../shared".into(), PathBuf::from);
    let folder = workspace.join(shared).join("data/hpa-sample");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no real samples in {} (set HPA_SHARED)", folder.display());
    None
}

#[test]
fn real_samples_become_shards_of_either_part() {
    let Some(data) = real_samples() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (table, part, rows) in [
        ("train.csv", "train", 48),
        ("sample_submission.csv", "test", 12),
        ("test_labels.csv", "test", 12),
    ] {
        let out = folder.path().join(format!("{table}.parquet"));
        let (table, images) = (data.join(table), data.join(part));
        let ran = hpa_preprocess(&[
            "--csv",
            text(&table),
            "--images",
            text(&images),
            "--size-px",
            "64",
            "--json",
            "--out",
            text(&out),
        ]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let json: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!((&json["samples"], &json["skipped"]), (&rows.into(), &0.into()));
        assert!(json["samples_per_second"].as_f64().unwrap() > 0.0);
        let store = ImageStore::open(&[out]).unwrap();
        assert_eq!((store.len(), store.size_px()), (rows, 64));
    }
    let tables = ["train.csv", "sample_submission.csv"];
    assert_eq!(tables.map(|t| folder.path().join(format!("{t}.parquet")).exists()), [true; 2]);
}

#[test]
fn a_configuration_gives_the_size_and_the_shard_counts() {
    let Some(data) = real_samples() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("preprocess.toml");
    let toml = b"size_px = 32\ntrain_shards = 2\ntest_shards = 1\nfilter = \"lanczos\"\n";
    hpa_artifacts::atomic::write_bytes(&config, toml).unwrap();
    let (table, images) = (data.join("train.csv"), data.join("train"));
    let shards = [0, 1].map(|index| {
        let out = folder.path().join(format!("{index}.parquet"));
        let shard = format!("{index}/2");
        let ran = hpa_preprocess(&[
            "--config",
            text(&config),
            "--csv",
            text(&table),
            "--images",
            text(&images),
            "--shard",
            &shard,
            "--out",
            text(&out),
        ]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        out
    });
    let store = ImageStore::open(&shards).unwrap();
    assert_eq!((store.len(), store.size_px()), (48, 32));
}

#[test]
fn mistakes_end_with_status_1_one_message_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("train.csv");
    let out = folder.path().join("deep/out.parquet");
    for (rows, words) in [
        ("", "is empty"),
        ("Id,Target\n", "no rows"),
        ("Id,Labels\na,1\n", "Id and Target"),
        ("Id,Target\n../a,1\n", "not a sample id"),
        ("Id,Target\na,28\n", "there is no label 28"),
        ("Id,Target\na,abc\n", "\"abc\" is not a label"),
        ("Id,Target\na,1\na,1\n", "already"),
        ("Id,Target\na,1\n", "sample a: there is no a_red.png"),
    ] {
        hpa_artifacts::atomic::write_bytes(&table, rows.as_bytes()).unwrap();
        let ran = hpa_preprocess(&[
            "--csv",
            text(&table),
            "--images",
            text(folder.path()),
            "--size-px",
            "64",
            "--out",
            text(&out),
        ]);
        let message = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{message}");
        assert!(message.contains(words) && !message.contains("panicked"), "{message}");
        assert!(!out.exists() && ran.stdout.is_empty());
    }
}

#[test]
fn the_skipped_are_listed_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let (table, out) = (folder.path().join("train.csv"), folder.path().join("out.parquet"));
    let list = folder.path().join("skipped.csv");
    hpa_artifacts::atomic::write_bytes(&table, b"Id,Target\na,1\n").unwrap();
    let ran = hpa_preprocess(&[
        "--csv",
        text(&table),
        "--images",
        text(folder.path()),
        "--size-px",
        "8",
        "--out",
        text(&out),
        "--out-skipped",
        text(&list),
        "--json",
    ]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("\"skipped\":1"));
    let listed = std::fs::read_to_string(list).unwrap();
    assert!(listed.starts_with("Id,Reason\na,there is no a_red.png"), "{listed}");
}

#[test]
fn usage_errors_end_with_status_2() {
    for arguments in
        [&["--size-px", "64"][..], &["--shard", "2/2"], &["--size-px", "0"], &["--filter", "best"]]
    {
        assert_eq!(hpa_preprocess(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert!(hpa_preprocess(&["--help"]).status.success());
}

//! Up-to-date check: a shard is kept if nothing it was made from has changed, and only then.

use std::time::{Duration, SystemTime};

use crate::dataset::{Dataset, grey_png};

/// Four samples, of which `d` cannot be read.
fn dataset() -> Dataset {
    let dataset = Dataset::new(&["a", "b", "c", "d"], 16);
    dataset.write("d_red.png", b"not an image");
    dataset
}

/// Runs the program; whether it found the shard up to date.
fn is_up_to_date(dataset: &Dataset, flags: &str) -> bool {
    let json = dataset.preprocess(&format!("--out-skipped skipped.csv {flags}")).json();
    assert_eq!((&json["samples"], &json["skipped"]), (&3.into(), &1.into()));
    json["up_to_date"].as_bool().unwrap()
}

#[test]
fn with_unchanged_inputs_only_the_modification_time_changes() {
    let dataset = dataset();
    assert!(!is_up_to_date(&dataset, "--size-px 8"));
    let (shard, list) = (dataset.bytes("out.parquet"), dataset.text("skipped.csv"));
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let file = std::fs::OpenOptions::new().append(true).open(dataset.path("out.parquet")).unwrap();
    file.set_modified(old).unwrap();
    dataset.remove("skipped.csv");
    // Labels are not an input of a shard, and neither is the number of threads.
    dataset.write("table.csv", "Target,Id\n5,a\n6,b\n7,c\n8,d\n");
    assert!(is_up_to_date(&dataset, "--size-px 8 --threads 1"));
    assert!(dataset.bytes("out.parquet") == shard && dataset.text("skipped.csv") == list);
    assert!(file.metadata().unwrap().modified().unwrap() > old);
}

#[test]
fn any_change_of_inputs_or_settings_makes_the_shard_again() {
    let dataset = dataset();
    let lanczos = "--size-px 9 --filter lanczos";
    assert!(!is_up_to_date(&dataset, "--size-px 8"));
    assert!(!is_up_to_date(&dataset, "--size-px 9"), "another size");
    assert!(!is_up_to_date(&dataset, lanczos), "another filter");
    let before = dataset.bytes("out.parquet");
    dataset.write("b_yellow.png", grey_png(16, 77));
    assert!(!is_up_to_date(&dataset, lanczos), "another image");
    assert!(dataset.bytes("out.parquet") != before);
    dataset.write("d_red.png", b"not an image either");
    assert!(!is_up_to_date(&dataset, lanczos), "another file of a skipped sample");
    dataset.write_table("Target", &["b", "a", "c", "d"]);
    assert!(!is_up_to_date(&dataset, lanczos), "another order");
    assert!(is_up_to_date(&dataset, lanczos));
}

#[test]
fn rows_of_other_shards_do_not_matter() {
    let dataset = Dataset::new(&["s0", "s1", "s2", "s3", "s4", "s5"], 8);
    let all = dataset.text("table.csv");
    dataset.preprocess("--size-px 8 --shard 0/2").succeeds();
    let own = dataset.ids();
    dataset.write_table("Target", &own.iter().map(String::as_str).collect::<Vec<_>>());
    let up_to_date = |flags: &str| dataset.preprocess(flags).json()["up_to_date"].clone();
    assert_eq!(up_to_date("--size-px 8 --shard 0/2"), true);
    dataset.write("table.csv", all);
    assert_eq!(up_to_date("--size-px 8 --shard 0/2"), true);
    assert_eq!(up_to_date("--size-px 8 --shard 1/2"), false);
}

#[test]
fn a_damaged_shard_is_made_again() {
    let dataset = dataset();
    assert!(!is_up_to_date(&dataset, "--size-px 8"));
    let shard = dataset.bytes("out.parquet");
    let mut damaged = shard.clone();
    damaged[60] ^= 1;
    dataset.write("out.parquet", damaged);
    assert!(!is_up_to_date(&dataset, "--size-px 8"));
    assert!(dataset.bytes("out.parquet") == shard);
}

#[test]
fn a_shard_with_skipped_samples_is_not_up_to_date_without_out_skipped() {
    let dataset = dataset();
    assert!(!is_up_to_date(&dataset, "--size-px 8"));
    let message = dataset.preprocess("--size-px 8").fails(1);
    assert!(message.contains("sample d: d_red.png: neither"), "{message}");
}

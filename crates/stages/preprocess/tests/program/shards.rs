//! Contents of shards: rows, order, hashes, sizes, skipped samples.

use std::os::unix::fs::symlink;

use hpa_artifacts::ImageStore;
use hpa_core::Channel;
use hpa_tests::shared_file;

use crate::dataset::{Dataset, level};

#[test]
fn a_shard_has_the_pixels_in_the_order_of_the_table() {
    let dataset = Dataset::new(&["s0", "s1", "s2"], 16);
    dataset.write_table("Target", &["s2", "s1", "s0"]);
    let json = dataset.preprocess("--size-px 16").json();
    assert_eq!((&json["samples"], &json["skipped"]), (&3.into(), &0.into()));
    assert!(json["samples_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(dataset.ids(), ["s2", "s1", "s0"]);
    let store = dataset.store();
    assert_eq!(store.size_px(), 16);
    let seeds = (0..Channel::COUNT).map(|channel| Channel::COUNT + channel);
    let expected: Vec<u8> =
        seeds.flat_map(|seed| (0..256).map(move |pixel| level(seed, pixel))).collect();
    assert_eq!(store.read_pixels(&[1]).unwrap(), expected);
    let summary = &store.summaries().unwrap()[1];
    assert_eq!((summary.height, summary.width), (16, 16));
    assert_eq!(summary.digest, *blake3::hash(&expected).as_bytes());
    assert!(summary.phash.iter().all(|&hash| hash != 0));
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    // More than two batches; links, because writing synced files takes seconds.
    let dataset = Dataset::new(&["s0", "s1", "s2"], 8);
    let ids: Vec<String> = (0..300).map(|n| format!("link{n}")).collect();
    for (number, id) in ids.iter().enumerate() {
        for channel in Channel::ALL {
            let target = format!("s{}_{channel}.png", number % 3);
            symlink(target, dataset.path(&format!("{id}_{channel}.png"))).unwrap();
        }
    }
    dataset.write_table("Target", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let bytes = |threads: &str| {
        dataset.preprocess(&format!("--size-px 8 --threads {threads}")).succeeds();
        let bytes = dataset.bytes("out.parquet");
        dataset.remove("out.parquet");
        bytes
    };
    let sequential = bytes("1");
    assert!(sequential == bytes("2") && sequential == bytes("5"));
}

#[test]
fn every_sample_is_in_exactly_one_shard() {
    let ids: Vec<String> = (0..40).map(|n| format!("s{n:02}")).collect();
    let dataset = Dataset::new(&ids.iter().map(String::as_str).collect::<Vec<_>>(), 8);
    let mut seen = Vec::new();
    for index in 0..3 {
        dataset.preprocess(&format!("--size-px 8 --shard {index}/3")).succeeds();
        seen.extend(dataset.ids());
    }
    seen.sort();
    assert_eq!(seen, ids);
}

#[test]
fn samples_of_different_sizes_become_one_size() {
    let dataset = Dataset::new(&["large", "small"], 32);
    dataset.write_sample("small", 8, 1);
    let run = dataset.preprocess("--size-px 16").succeeds();
    assert!(run.stderr.contains("1 of 2 samples are smaller than 16 px"), "{}", run.stderr);
    let summaries = dataset.store().summaries().unwrap();
    assert_eq!((summaries[0].width, summaries[1].width), (32, 8));
}

#[test]
fn skipped_samples_are_listed_and_the_others_written() {
    let dataset = Dataset::new(&["a", "b", "c", "d"], 16);
    dataset.write("b_green.png", b"\x89PNG");
    dataset.remove("d_yellow.png");
    for column in ["Target", "Predicted"] {
        dataset.write_table(column, &["a", "b", "c", "d"]);
        let json = dataset.preprocess("--size-px 8 --out-skipped skipped.csv").json();
        assert_eq!((&json["samples"], &json["skipped"]), (&2.into(), &2.into()));
        let list = dataset.text("skipped.csv");
        let lines: Vec<&str> = list.lines().collect();
        assert_eq!(lines[..2], ["Id,Reason", "b,b_green.png: the PNG signature is damaged"]);
        assert!(lines[2].starts_with("d,there is no d_yellow.png"), "{list}");
        assert_eq!(dataset.ids(), ["a", "c"]);
    }
}

#[test]
fn a_configuration_sets_the_size_and_the_real_samples_are_read() {
    let Some(samples) = shared_file("hpa-sample") else { return };
    let dataset = Dataset::empty();
    dataset.write("preprocess.toml", "size_px = 32\nfilter = \"lanczos\"\n");
    for (table, part, rows) in [
        ("train.csv", "train", 48),
        ("sample_submission.csv", "test", 12),
        ("test_labels.csv", "test", 12),
    ] {
        let shards = [0, 1].map(|index| {
            let out = dataset.path(&format!("{table}-{index}.parquet"));
            let paths = [("--csv", samples.join(table)), ("--images", samples.join(part))];
            let flags = paths.iter().flat_map(|(flag, path)| [flag.as_ref(), path.as_os_str()]);
            dataset
                .preprocess_only(&format!("--config preprocess.toml --shard {index}/2"))
                .args(flags)
                .args(["--out".as_ref(), out.as_os_str()])
                .succeeds();
            out
        });
        let store = ImageStore::open(&shards).unwrap();
        assert_eq!((store.len(), store.size_px()), (rows, 32));
    }
}

#[test]
fn usage_errors_exit_with_2() {
    let dataset = Dataset::new(&["a"], 8);
    for flags in ["", "--size-px 8 --shard 2/2", "--size-px 0", "--size-px 8 --filter best"] {
        let _ = dataset.preprocess(flags).fails(2);
    }
    for (old, new) in [("--size 8", "--size-px"), ("--one-colour", "--rgb-channel")] {
        let message = dataset.preprocess(old).fails(2);
        assert!(message.contains(new), "{message}");
    }
    dataset.preprocess_only("--help").succeeds();
}

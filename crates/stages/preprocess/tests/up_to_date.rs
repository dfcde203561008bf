//! A shard whose inputs have not changed is confirmed, and only such a one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use hpa_artifacts::atomic;
use hpa_core::Channel;

struct Folder(tempfile::TempDir);

impl Folder {
    /// Four samples, of which `d` cannot be read.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (seed, id) in (0..).zip(["a", "b", "c", "d"]) {
            for channel in Channel::ALL {
                folder.draw(&format!("{id}_{channel}.png"), seed);
            }
        }
        folder.put("d_red.png", b"not a picture");
        folder.put("table.csv", b"Id,Target\na,1\nb,2\nc,3\nd,4\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        atomic::write_bytes(&self.path(name), bytes).unwrap();
    }

    fn draw(&self, name: &str, seed: usize) {
        let mut bytes = Vec::new();
        let levels: Vec<u8> =
            (0..256).map(|v: usize| u8::try_from(v * (seed + 3) % 251).unwrap()).collect();
        let mut encoder = png::Encoder::new(&mut bytes, 16, 16);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&levels).unwrap();
        self.put(name, &bytes);
    }

    /// Whether the run confirmed the shard; its other flags are `more`.
    fn confirms(&self, more: &[&str]) -> bool {
        let output = Command::new(env!("CARGO_BIN_EXE_hpa-preprocess"))
            .args("--csv table.csv --images . --out out.parquet --json".split(' '))
            .args("--out-skipped skipped.csv".split(' '))
            .args(more)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["samples"], &json["skipped"]), (&3.into(), &1.into()));
        json["up_to_date"].as_bool().unwrap()
    }

    fn shard(&self) -> (Vec<u8>, String) {
        let list = std::fs::read_to_string(self.path("skipped.csv")).unwrap();
        (std::fs::read(self.path("out.parquet")).unwrap(), list)
    }
}

#[test]
fn unchanged_inputs_are_confirmed_and_only_the_time_of_the_shard_moves() {
    let folder = Folder::new();
    assert!(!folder.confirms(&["--size-px", "8"]));
    let made = folder.shard();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let file = std::fs::OpenOptions::new().append(true).open(folder.path("out.parquet")).unwrap();
    file.set_modified(old).unwrap();
    std::fs::remove_file(folder.path("skipped.csv")).unwrap();
    // Labels and other tables' rows are no inputs of a shard; threads leave no trace.
    folder.put("table.csv", b"Target,Id\n5,a\n6,b\n7,c\n8,d\n");
    assert!(folder.confirms(&["--size-px", "8", "--threads", "1"]));
    assert_eq!(folder.shard(), made);
    assert!(file.metadata().unwrap().modified().unwrap() > old);
}

#[test]
fn any_change_of_inputs_or_settings_makes_the_shard_anew() {
    let folder = Folder::new();
    assert!(!folder.confirms(&["--size-px", "8"]));
    assert!(!folder.confirms(&["--size-px", "9"]), "another size");
    assert!(!folder.confirms(&["--size-px", "9", "--filter", "lanczos"]), "another filter");
    let before = folder.shard().0;
    folder.draw("b_yellow.png", 77);
    assert!(!folder.confirms(&["--size-px", "9", "--filter", "lanczos"]), "another picture");
    assert!(folder.shard().0 != before);
    folder.put("d_red.png", b"not a picture either");
    assert!(!folder.confirms(&["--size-px", "9", "--filter", "lanczos"]), "a skipped one's file");
    folder.put("table.csv", b"Id,Target\nb,2\na,1\nc,3\nd,4\n");
    assert!(!folder.confirms(&["--size-px", "9", "--filter", "lanczos"]), "another order");
    assert!(folder.confirms(&["--size-px", "9", "--filter", "lanczos"]));
}

#[test]
fn a_damaged_shard_is_not_confirmed() {
    let folder = Folder::new();
    assert!(!folder.confirms(&["--size-px", "8"]));
    let made = folder.shard().0;
    let mut damaged = made.clone();
    damaged[60] ^= 1;
    folder.put("out.parquet", &damaged);
    assert!(!folder.confirms(&["--size-px", "8"]));
    assert!(folder.shard().0 == made);
}

#[test]
fn a_shard_that_left_samples_out_does_not_pass_for_a_whole_one() {
    let folder = Folder::new();
    assert!(!folder.confirms(&["--size-px", "8"]));
    let output = Command::new(env!("CARGO_BIN_EXE_hpa-preprocess"))
        .args("--csv table.csv --images . --out out.parquet --size-px 8".split(' '))
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("sample d: d_red.png: neither"));
}

//! Bad input to the programs as a user would give it: exit status 1, one clear message that
//! names the sample or file, nothing half-written, no panic.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test stops at the first surprise; a table of cases is long"
)]

use hpa_tests::{files, program, text};
use std::path::{Path, PathBuf};
use std::process::Command;

const PLANES: [&str; 4] = ["red", "green", "blue", "yellow"];

/// A folder with a few samples of 16 px in Kaggle's layout.
struct Samples {
    folder: tempfile::TempDir,
}

impl Samples {
    fn new(csv: &str) -> Self {
        let samples = Self { folder: tempfile::tempdir().unwrap() };
        samples.write("train.csv", csv.as_bytes());
        for id in ["a", "b"] {
            for plane in PLANES {
                samples.write(&format!("train/{id}_{plane}.png"), &png(16, 16));
            }
        }
        samples
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        hpa_artifacts::atomic::write_bytes(&self.path(name), bytes).unwrap();
    }

    /// Runs `hpa-preprocess` and returns its exit status and message.
    fn preprocess(&self) -> (Option<i32>, String) {
        let mut command = Command::new(program("hpa-preprocess"));
        command.arg("--csv").arg(self.path("train.csv")).arg("--images").arg(self.path("train"));
        command.args(["--size-px", "16", "--out"]).arg(self.path("out/images.parquet"));
        outcome(command)
    }

    fn labels(&self) -> (Option<i32>, String) {
        let mut command = Command::new(program("hpa-labels"));
        command.arg("--csv").arg(self.path("train.csv"));
        command.arg("--out").arg(self.path("out/labels.parquet"));
        outcome(command)
    }

    /// Asserts a refusal that says these words and leaves nothing.
    fn refused(&self, (status, said): (Option<i32>, String), words: &[&str]) {
        assert_eq!(status, Some(1), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        let left: Vec<String> = files_or_none(&self.path("out"));
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

fn files_or_none(folder: &Path) -> Vec<String> {
    if folder.is_dir() { files(folder).into_keys().collect() } else { Vec::new() }
}

fn outcome(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("the program starts");
    (output.status.code(), text(&output))
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = (0..width * height).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

const GOOD: &str = "Id,Target\na,0 3\nb,25\n";

#[test]
fn good_samples_pass() {
    let samples = Samples::new(GOOD);
    let (status, said) = samples.preprocess();
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(files_or_none(&samples.path("out")), ["images.parquet"]);
}

#[test]
fn a_missing_channel_names_sample_and_channel() {
    let samples = Samples::new(GOOD);
    std::fs::remove_file(samples.path("train/b_blue.png")).unwrap();
    samples.refused(samples.preprocess(), &["b_blue.png"]);
}

#[test]
fn a_truncated_or_misnamed_picture_names_the_file() {
    let samples = Samples::new(GOOD);
    samples.write("train/b_red.png", &png(16, 16)[..80]);
    samples.refused(samples.preprocess(), &["b_red.png"]);
    samples.write("train/b_red.png", b"\xff\xd8\xff\xe0 this is a JPEG");
    samples.refused(samples.preprocess(), &["b_red.png", "JPEG"]);
    samples.write("train/b_red.png", b"");
    samples.refused(samples.preprocess(), &["b_red.png"]);
}

#[test]
fn planes_of_two_sizes_name_the_sample() {
    let samples = Samples::new(GOOD);
    samples.write("train/b_red.png", &png(32, 32));
    samples.refused(samples.preprocess(), &["b"]);
}

#[test]
fn wrong_tables_name_the_line() {
    for (csv, words) in [
        ("Id,Target\na,28\n", ["28", "0 to 27"]),
        ("Id,Target\na,abc\n", ["abc", "0 to 27"]),
        ("Id,Target\na,0\na,1\n", ["sample a", "line 3"]),
        ("Id,Target\n../a,0\n", ["../a", "not"]),
        ("Id,Target\n", ["train.csv", ""]),
        ("", ["train.csv", "empty"]),
        ("Name,Target\na,0\n", ["Id", ""]),
    ] {
        let samples = Samples::new(csv);
        samples.refused(samples.labels(), &words);
        samples.refused(samples.preprocess(), &words);
    }
}

/// No digest protects a table from elsewhere, and its reader panics on some damage: whatever byte
/// is wrong, the program ends with 0 or 1 and never says that it is at fault itself.
#[test]
fn damage_of_a_foreign_table_is_never_called_a_bug() {
    let samples = Samples::new(GOOD);
    let (status, said) = samples.labels();
    assert_eq!(status, Some(0), "{said}");
    let ours = std::fs::read(samples.path("out/labels.parquet")).unwrap();
    // Without the names of its own entries nothing says that the table is ours.
    let foreign =
        replaced(&replaced(&ours, b"digest\x18", b"tsegid\x18"), b"schema\x18", b"amehcs\x18");
    let (split, mut refused) = (program("hpa-split"), 0);
    for place in (4..foreign.len()).step_by(7) {
        let mut bytes = foreign.clone();
        bytes[place] ^= 0xff;
        samples.write("foreign.parquet", &bytes);
        let mut command = Command::new(&split);
        command.arg("--labels").arg(samples.path("foreign.parquet"));
        command.args(["--folds", "2", "--seed", "1", "--out"]).arg(samples.path("folds.parquet"));
        let (status, said) = outcome(command);
        assert!(matches!(status, Some(0 | 1)), "byte {place}: {said}");
        refused += usize::from(status == Some(1));
    }
    assert!(refused > 0, "some damage is seen");
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(place) = bytes.windows(old.len()).position(|window| window == old) {
        bytes[place..place + old.len()].copy_from_slice(new);
    }
    bytes
}

#[test]
fn foreign_and_broken_parquet_is_refused_by_every_reader() {
    let samples = Samples::new(GOOD);
    samples.write("foreign.parquet", b"PAR1 but not really PAR1");
    let foreign = samples.path("foreign.parquet");
    let out = samples.path("out/x");
    let refuse = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(program(name));
        for argument in arguments {
            match *argument {
                "FOREIGN" => command.arg(&foreign),
                "OUT" => command.arg(&out),
                other => command.arg(other),
            };
        }
        samples.refused(outcome(command), &["foreign.parquet"]);
    };
    refuse("hpa-split", &["--labels", "FOREIGN", "--folds", "3", "--seed", "1", "--out", "OUT"]);
    refuse("hpa-threshold", &["--predictions", "FOREIGN", "--labels", "FOREIGN", "--out", "OUT"]);
    refuse("hpa-ensemble", &["--method", "max", "--predictions", "FOREIGN", "--out", "OUT"]);
    refuse(
        "hpa-predict",
        &["--model", "FOREIGN", "--images", "FOREIGN", "--device", "cpu", "--out", "OUT"],
    );
    refuse(
        "hpa-score",
        &["--predictions", "FOREIGN", "--thresholds", "FOREIGN", "--labels", "FOREIGN"],
    );
    let template = samples.path("train.csv");
    let template = template.to_str().unwrap();
    refuse(
        "hpa-submit",
        &[
            "--predictions",
            "FOREIGN",
            "--thresholds",
            "FOREIGN",
            "--template",
            template,
            "--out",
            "OUT",
        ],
    );
}

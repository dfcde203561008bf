//! Invalid tables and damaged artefacts as input: every program exits with status 1 and a message
//! that names the file, writes nothing and does not panic.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hpa_tests::{TestCommand, TestDir, program};

const TABLE: &str = "Id,Target\na,0 3\nb,25\n";

fn command(dir: &TestDir, name: &str, line: &str) -> TestCommand {
    dir.program(program(name).to_str().unwrap()).words(line)
}

/// The message of a program that must refuse its input and write nothing to `out`.
#[track_caller]
fn refusal(dir: &TestDir, name: &str, line: &str) -> String {
    let message = command(dir, name, line).fails(1);
    assert!(!message.contains("panicked"), "{message}");
    assert!(!dir.path("out").exists(), "{message}");
    message
}

#[test]
fn invalid_tables_are_refused_with_the_line() {
    let dir = TestDir::new();
    for (csv, words) in [
        ("Id,Target\na,28\n", ["28", "0 to 27"]),
        ("Id,Target\na,abc\n", ["abc", "0 to 27"]),
        ("Id,Target\na,0\na,1\n", ["sample a", "line 3"]),
        ("Id,Target\n../a,0\n", ["../a", "not"]),
        ("Id,Target\n", ["train.csv", ""]),
        ("", ["train.csv", "empty"]),
        ("Name,Target\na,0\n", ["Id", ""]),
    ] {
        dir.write("train.csv", csv);
        let message = refusal(&dir, "hpa-labels", "--csv train.csv --out out");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

/// No digest protects a table that another program wrote, and the Parquet crate panics on some
/// damage: whichever byte is wrong, the program exits with 0 or 1 and reports no bug.
#[test]
fn damage_of_an_external_table_is_never_reported_as_a_bug() {
    let dir = TestDir::new();
    dir.write("train.csv", TABLE);
    command(&dir, "hpa-labels", "--csv train.csv --out labels.parquet").succeeds();
    // Without our metadata keys the table counts as external.
    let ours = dir.bytes("labels.parquet");
    let without_digest = replace_all(&ours, b"digest\x18", b"tsegid\x18");
    let external = replace_all(&without_digest, b"schema\x18", b"amehcs\x18");
    let mut refused = 0;
    for position in (4..external.len()).step_by(7) {
        let mut bytes = external.clone();
        bytes[position] ^= 0xff;
        dir.write("external.parquet", bytes);
        let line = "--labels external.parquet --folds 2 --seed 1 --out folds.parquet";
        let run = command(&dir, "hpa-split", line).run();
        assert!(matches!(run.status, Some(0 | 1)), "byte {position}: {}", run.stderr);
        refused += usize::from(run.status == Some(1));
    }
    assert!(refused > 0, "some damage is detected");
}

fn replace_all(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(start) = bytes.windows(old.len()).position(|window| window == old) {
        bytes[start..start + old.len()].copy_from_slice(new);
    }
    bytes
}

#[test]
fn invalid_parquet_is_refused_by_every_reader() {
    let dir = TestDir::new();
    dir.write("train.csv", TABLE);
    dir.write("bad.parquet", b"PAR1 but not really PAR1");
    for (name, line) in [
        ("hpa-split", "--labels BAD --folds 3 --seed 1 --out out"),
        ("hpa-threshold", "--predictions BAD --labels BAD --out out"),
        ("hpa-ensemble", "--method max --predictions BAD --out out"),
        ("hpa-predict", "--model BAD --images BAD --device cpu --out out"),
        ("hpa-score", "--predictions BAD --thresholds BAD --labels BAD"),
        ("hpa-submit", "--predictions BAD --thresholds BAD --template train.csv --out out"),
    ] {
        let message = refusal(&dir, name, &line.replace("BAD", "bad.parquet"));
        assert!(message.contains("bad.parquet"), "{name}: {message}");
    }
}

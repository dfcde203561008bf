//! Everything that can be wrong with pictures and tables, in the training and the test part.
//!
//! Each case runs the program as a user does, with 1 GiB of address space and 20 seconds,
//! and must end with exit status 1, a message that names what is wrong, and no file.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::{Command, Output};

use hpa_artifacts::{ImageStore, atomic};
use hpa_core::Channel;

mod pictures;

use pictures::{broken_pictures, grey, of_kind, rows};

/// A folder of the samples `a`, `b` and `c`, all sound, and where the shard would go.
struct Folder(tempfile::TempDir);

/// Both parts of a data set, by the name of their column of labels.
const PARTS: [&str; 2] = ["Target", "Predicted"];
/// Ends a program that hangs, and one that takes more than 1 GiB.
const LIMITS: &str = "ulimit -v 1048576; exec timeout 20 \"$@\"";

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for id in ["a", "b", "c"] {
            for channel in Channel::ALL {
                folder.put(&format!("{id}_{channel}.png"), &grey(16, 8, &rows(16)));
            }
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        atomic::write_bytes(&self.path(name), bytes).unwrap();
    }

    fn run(&self, more: &[&str]) -> Output {
        Command::new("bash")
            .args(["-c", LIMITS, "-", env!("CARGO_BIN_EXE_hpa-preprocess")])
            .args("--csv table.csv --images . --size-px 8 --threads 2 --out out.parquet".split(' '))
            .args(more)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn table(&self, column: &str) {
        self.put("table.csv", format!("Id,{column}\na,1\nb,2\nc,3\n").as_bytes());
    }

    /// The message of a run that must fail and leave nothing.
    fn refusal(&self, case: &str) -> String {
        let output = self.run(&[]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{case}: {message}");
        assert!(
            message.starts_with("error: ") && !message.contains("panicked"),
            "{case}: {message}"
        );
        assert!(message.len() < 10_000, "{case}: a message of {} bytes", message.len());
        self.assert_nothing_left(case);
        message
    }

    fn assert_nothing_left(&self, case: &str) {
        for entry in std::fs::read_dir(self.0.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name != "out.parquet" && !name.contains("partial"), "{case}: {name}");
        }
    }
}

#[test]
fn broken_pictures_are_refused_with_sample_file_and_cause_in_either_part() {
    let folder = Folder::new();
    for (case, bytes, words) in broken_pictures() {
        folder.put("b_green.png", &bytes);
        for part in PARTS {
            folder.table(part);
            let message = folder.refusal(case);
            assert!(
                message.contains("sample b: b_green.png") && message.contains(words),
                "{case}: {message}"
            );
        }
    }
}

#[test]
fn what_stands_in_place_of_a_file_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let path = folder.path("b_green.png");
    let shell = |line: &str| {
        let mut command = Command::new("bash");
        assert!(command.args(["-c", line, "-"]).arg(&path).status().unwrap().success());
    };
    for (make, words) in [
        ("true", "there is no b_green.png"),
        ("mkdir $1", "b_green.png is not a regular file"),
        ("mkfifo $1", "b_green.png is not a regular file"),
        ("ln -s /dev/zero $1", "b_green.png is not a regular file"),
        ("ln -s b_green.png $1", "b_green.png cannot be read"),
        ("ln -s nowhere $1", "there is no b_green.png"),
        // Whoever runs this, root too, may open this file and may not read its first byte.
        ("ln -s /proc/self/mem $1", "b_green.png cannot be read"),
    ] {
        shell("rm -rf $1");
        shell(make);
        for part in PARTS {
            folder.table(part);
            let message = folder.refusal(make);
            assert!(message.contains("sample b: ") && message.contains(words), "{make}: {message}");
        }
    }
}

#[test]
fn the_same_things_in_place_of_the_table_are_refused() {
    let folder = Folder::new();
    let path = folder.path("table.csv");
    for (make, words) in [
        ("true", "cannot read the table"),
        ("mkdir $1", "not a regular file"),
        ("mkfifo $1", "not a regular file"),
        ("ln -s /dev/zero $1", "not a regular file"),
        ("ln -s table.csv $1", "cannot read the table"),
        ("ln -s /proc/self/mem $1", "cannot read the table"),
    ] {
        let line = format!("rm -rf $1; {make}");
        let mut command = Command::new("bash");
        assert!(command.args(["-c", &line, "-"]).arg(&path).status().unwrap().success());
        let message = folder.refusal(make);
        assert!(message.contains("table.csv") && message.contains(words), "{make}: {message}");
    }
}

/// Tables that are refused in either part: `LABELS` stands for the column's name.
const BROKEN_TABLES: [(&str, &str); 31] = [
    ("", "is empty"),
    ("\u{feff}", "is empty"),
    ("Id,LABELS\n", "no rows"),
    ("Id;LABELS\na;1\n", "not parted by commas"),
    ("Id\tLABELS\na\t1\n", "not parted by commas"),
    ("LABELS\n1\n", "expected columns Id"),
    ("Id\na\n", "expected columns Id"),
    ("id,LABELS\na,1\n", "expected columns Id"),
    ("Id,Label\na,1\n", "expected columns Id"),
    ("Id,LABELS,Id\na,1,b\n", "two columns Id"),
    ("Id,LABELS\na,1\0\n", "control character"),
    ("Id,LABELS\na,\"1\n", "quote is not closed"),
    ("Id,LABELS\na,1,2\n", "3 fields where the header has 2"),
    ("Id,LABELS\na,28\n", "there is no label 28"),
    ("Id,LABELS\na,-1\n", "\"-1\" is not a label"),
    ("Id,LABELS\na,1e9\n", "\"1e9\" is not a label"),
    ("Id,LABELS\na,1000000000\n", "there is no label 1000000000"),
    ("Id,LABELS\na,NaN\n", "\"NaN\" is not a label"),
    ("Id,LABELS\na,abc\n", "\"abc\" is not a label"),
    ("Id,LABELS\na,1 1\n", "label 1 occurs twice"),
    ("Id,LABELS\n,1\n", "a sample id is empty"),
    ("Id,LABELS\na,1\na,1\n", "line 3: sample a is on line 2 already"),
    ("Id,LABELS\na/b,1\n", "not a sample id"),
    ("Id,LABELS\n..,1\n", "not a sample id"),
    ("Id,LABELS\n/etc/passwd,1\n", "not a sample id"),
    ("Id,LABELS\n\"a\nb\",1\n", "not a sample id"),
    ("Id,LABELS\na\u{7},1\n", "control character"),
    ("Id,LABELS\n=1+1,1\n", "not a sample id"),
    ("Id,LABELS\n@SUM(A1),1\n", "not a sample id"),
    ("Id,LABELS\n-1,1\n", "not a sample id"),
    ("Id,LABELS\n<script>,1\n", "not a sample id"),
];

#[test]
fn broken_tables_are_refused_in_either_part() {
    let folder = Folder::new();
    for (table, words) in BROKEN_TABLES {
        for part in PARTS {
            folder.put("table.csv", table.replace("LABELS", part).as_bytes());
            let message = folder.refusal(table);
            assert!(
                message.contains("table.csv") && message.contains(words),
                "{table:?}: {message}"
            );
        }
    }
    folder.put("table.csv", b"Id,Target\na,\n");
    assert!(folder.refusal("empty labels").contains("sample a has no labels"));
    folder.put("table.csv", b"Id,Predicted\na,\xff\n");
    assert!(folder.refusal("no UTF-8").contains("line 2 is not UTF-8"));
    let long = [b"Id,Target\n", &vec![b'1'; 100 << 20][..]].concat();
    folder.put("table.csv", &long);
    assert!(folder.refusal("one long line").contains("line 2 has 104857600 bytes"));
}

#[test]
fn spreadsheets_tables_are_read() {
    let folder = Folder::new();
    for table in [
        "\u{feff}Id,Target\r\na,1\r\nb,2\r\n",
        "\"Target\",\"note\",\"Id\"\n\"1 2\",\"x, \"\"y\"\"\",\"a\"\n2,,b\n",
        "Predicted,Id\n,a\n,b",
    ] {
        folder.put("table.csv", table.as_bytes());
        let output = folder.run(&[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let store = ImageStore::open(&[folder.path("out.parquet")]).unwrap();
        assert_eq!(store.ids().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a", "b"]);
        std::fs::remove_file(folder.path("out.parquet")).unwrap();
    }
}

#[test]
fn conflicts_between_tables_are_listed() {
    let folder = Folder::new();
    folder.table("Target");
    folder.put("more.csv", b"Id,Target\na,1\nb,7\nc,8\n");
    let output = folder.run(&["--csv", "more.csv"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("2 errors") && message.contains("more.csv line 3: sample b"));
    folder.assert_nothing_left("conflicts");
}

#[test]
fn the_largest_pictures_fit_into_a_gibibyte() {
    let folder = Folder::new();
    folder.table("Target");
    let row = [&[0][..], &[7; 2 * 4096]].concat();
    let large = of_kind(4096, 4096, (16, 0), &row.repeat(4096));
    folder.put("large.png", &large);
    for id in ["a", "b", "c"] {
        for channel in Channel::ALL {
            let path = folder.path(&format!("{id}_{channel}.png"));
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("large.png", &path).unwrap();
        }
    }
    let output = folder.run(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_skipped_sample_is_listed_with_its_reason_and_the_rest_is_written() {
    let folder = Folder::new();
    for part in PARTS {
        folder.table(part);
        folder.put("b_green.png", b"\x89PNG");
        let output = folder.run(&["--out-skipped", "skipped.csv"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let list = std::fs::read_to_string(folder.path("skipped.csv")).unwrap();
        let reason = "b,b_green.png: the PNG signature is damaged\n";
        assert_eq!(list, format!("Id,Reason\n{reason}"));
        let store = ImageStore::open(&[folder.path("out.parquet")]).unwrap();
        assert_eq!(store.len(), 2);
    }
}

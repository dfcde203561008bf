//! Invalid tables: each is refused in either part, with file and reason, and leaves no output.
//! What else the reader of tables refuses is tested where it is written.

use std::process::Command;

use crate::dataset::Dataset;

#[test]
fn invalid_tables_are_refused_in_either_part() {
    let dataset = Dataset::new(&["a", "b"], 8);
    for (table, words) in [
        ("", "is empty"),
        ("Id,LABELS\n", "no rows"),
        ("Id;LABELS\na;1\n", "commas"),
        ("Id,Label\na,1\n", "expected columns Id"),
        ("Id,LABELS\na,28\n", "there is no label 28"),
        ("Id,LABELS\na,1\na,1\n", "line 3: sample a"),
        ("Id,LABELS\n../a,1\n", "not a sample id"),
        ("Id,LABELS\n=1+1,1\n", "not a sample id"),
        ("Id,LABELS\na,\"1\n", "quote is not closed"),
    ] {
        for column in ["Target", "Predicted"] {
            dataset.write("table.csv", table.replace("LABELS", column));
            let message = dataset.refusal("--size-px 8");
            assert!(message.contains("table.csv"), "{message}");
            assert!(message.contains(words), "{table:?}: {message}");
        }
    }
    dataset.write("table.csv", [b"Id,Target\n", &vec![b'1'; 100 << 20][..]].concat());
    assert!(dataset.refusal("--size-px 8").contains("line 2 has 104857600 bytes"));
}

#[test]
fn a_table_that_is_not_a_regular_file_is_refused() {
    let dataset = Dataset::new(&["a"], 8);
    for (make, words) in [
        ("true", "cannot read the table"),
        ("mkdir $1", "regular file"),
        ("mkfifo $1", "regular file"),
        ("ln -s /dev/zero $1", "regular file"),
        ("ln -s table.csv $1", "cannot read the table"),
        ("ln -s /proc/self/mem $1", "cannot read the table"),
    ] {
        make_in_place_of(&dataset, "table.csv", make);
        let message = dataset.refusal("--size-px 8");
        assert!(message.contains("table.csv") && message.contains(words), "{make}: {message}");
    }
}

/// Replaces a file by what a shell command makes at `$1`.
pub(crate) fn make_in_place_of(dataset: &Dataset, name: &str, command: &str) {
    let line = format!("rm -rf $1; {command}");
    let path = dataset.path(name);
    assert!(Command::new("bash").args(["-c", &line, "-"]).arg(path).status().unwrap().success());
}

#[test]
fn tables_written_by_spreadsheets_are_read() {
    let dataset = Dataset::new(&["a", "b"], 8);
    for table in [
        "\u{feff}Id,Target\r\na,1\r\nb,2\r\n",
        "\"Target\",\"note\",\"Id\"\n\"1 2\",\"x, \"\"y\"\"\",\"a\"\n2,,b\n",
        "Predicted,Id\n,a\n,b",
    ] {
        dataset.write("table.csv", table);
        dataset.preprocess("--size-px 8").succeeds();
        assert_eq!(dataset.ids(), ["a", "b"]);
        dataset.remove("out.parquet");
    }
}

#[test]
fn conflicts_between_tables_are_listed() {
    let dataset = Dataset::new(&["a", "b", "c"], 8);
    dataset.write("more.csv", "Id,Target\na,1\nb,7\nc,8\n");
    let message = dataset.refusal("--size-px 8 --csv more.csv");
    assert!(message.contains("2 errors") && message.contains("more.csv line 3: sample b"));
}

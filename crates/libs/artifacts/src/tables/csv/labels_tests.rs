//! What the reader of label tables accepts and refuses.

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn table(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        crate::atomic::write_bytes(&path, bytes.as_ref()).unwrap();
        path
    }
}

fn read(bytes: impl AsRef<[u8]>) -> Result<Vec<LabelRow>, CsvError> {
    let folder = Folder::new();
    read_label_csv(&[folder.table("train.csv", bytes)], &LabelNames::atlas())
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let message = read(bytes).unwrap_err().to_string();
    assert!(message.contains("train.csv"), "{message}");
    message
}

fn shown(rows: &[LabelRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{}:{}", row.id, row.labels)).collect()
}

#[test]
fn tables_of_spreadsheets_are_read() {
    for text in [
        "Id,Target\na,25 3\nb,0\n",
        "\u{feff}Id,Target\r\na,25 3\r\nb,0\r\n",
        "Id,Target\na,25 3\nb,0",
        "\"Id\",\"Target\"\n\"a\",\"3 25\"\n\"b\",\"0\"\n",
        "Target,note,Id\n25 3,\"x, y\",a\n0,,b\n",
        "Id,Target\na, 25  3 \nb,0\n\n",
    ] {
        assert_eq!(shown(&read(text).unwrap()), ["a:3 25", "b:0"], "{text:?}");
    }
}

#[test]
fn an_empty_prediction_is_legal_and_an_empty_target_is_not() {
    assert_eq!(shown(&read("Id,Predicted\na,\nb,0\n").unwrap()), ["a:", "b:0"]);
    assert!(refusal("Id,Target\na,\n").contains("line 2: sample a has no labels"));
}

#[test]
fn a_file_that_is_not_a_table_is_refused_with_the_reason() {
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"Id,Target\n", "no rows"),
        (b"Id;Target\na;3\n", "not separated by commas"),
        (b"Id\tTarget\na\t3\n", "not separated by commas"),
        (b"Id,Labels\na,3\n", "expected columns Id and Target"),
        (b"a,3\n", "expected columns"),
        (b"Id,Id,Target\na,b,3\n", "two columns Id"),
        (b"Id,Target\na,3\nb\0,3\n", "line 3 holds a control character"),
        (b"Id,Target\n\xff,3\n", "line 2 is not UTF-8"),
        (b"Id,Target\na,\"3", "line 2: a quote is not closed"),
        (b"Id,Target\nb,1\n\"a,3\nc,2\n", "line 3: a quote is not closed"),
    ] {
        let message = refusal(bytes);
        assert!(message.contains(words), "{message}");
    }
    let long = format!("Id,Target\na,{}\n", "1".repeat(1 << 17));
    assert!(refusal(long).contains("line 2 has 131074 bytes"));
}

#[test]
fn errors_of_rows_name_line_and_value() {
    for (row, words) in [
        ("a,28", "there is no label 28"),
        ("a,abc", "\"abc\" is not a label"),
        ("a,-1", "\"-1\" is not a label"),
        ("a,1e9", "\"1e9\" is not a label"),
        ("a,NaN", "\"NaN\" is not a label"),
        ("a,3 3", "label 3 occurs twice"),
        ("../a,3", "not a sample id"),
        ("/etc/passwd,3", "not a sample id"),
        (",3", "a sample id is empty"),
        ("=cmd(),3", "not a sample id"),
        ("<b>,3", "not a sample id"),
        ("\"a\nb\",3", "not a sample id"),
        ("a,3,4", "3 fields where the header has 2"),
        ("a", "1 fields where the header has 2"),
    ] {
        let message = refusal(format!("Id,Target\nok,1\n{row}\n"));
        assert!(message.contains("line 3: ") && message.contains(words), "{message}");
    }
}

#[test]
fn a_table_of_errors_alone_is_not_read_to_its_end() {
    let message = refusal("Id,Predicted\n".to_owned() + &"a,1\n".repeat(20 << 20));
    assert!(message.contains("at least 100000 errors"), "{message}");
}

#[test]
fn a_table_of_too_many_rows_is_refused_before_memory_is_short() {
    let rows = (0..=MAX_ROWS).fold("Id,Predicted\n".to_owned(), |mut text, row| {
        text.push_str(&row.to_string());
        text + ",\n"
    });
    assert!(refusal(rows).contains("more than 1500000 rows"));
}

#[test]
fn the_first_twenty_errors_are_listed() {
    let rows: Vec<String> = (0..30).map(|n| format!("s{n},99")).collect();
    let message = refusal(format!("Id,Target\n{}\n", rows.join("\n")));
    assert!(message.contains("30 errors") && message.contains("… and 10 more"), "{message}");
    assert_eq!(message.matches("there is no label 99").count(), 20);
}

#[test]
fn an_id_occurs_once_in_a_table() {
    let message = refusal("Id,Target\na,3\nb,1\na,3\n");
    assert!(message.contains("line 4: sample a is on line 2 already"), "{message}");
}

#[test]
fn tables_that_agree_are_joined_and_conflicts_are_listed() {
    let folder = Folder::new();
    let names = LabelNames::atlas();
    let first = folder.table("train.csv", "Id,Target\na,3 5\nb,1\n");
    let second = folder.table("external.csv", "Id,Target\nc,2\na,5 3\n");
    let rows = read_label_csv(&[first.clone(), second], &names).unwrap();
    assert_eq!(shown(&rows), ["a:3 5", "b:1", "c:2"]);
    let third = folder.table("other.csv", "Id,Target\na,3\nb,1\n");
    let message = read_label_csv(&[first, third], &names).unwrap_err().to_string();
    assert!(
        message.contains("other.csv line 2: sample a has labels \"3\", but \"3 5\""),
        "{message}"
    );
    assert!(!message.contains("sample b"), "{message}");
}

#[test]
fn a_folder_or_a_missing_table_is_refused() {
    let folder = Folder::new();
    let names = LabelNames::atlas();
    let error = read_label_csv(&[folder.0.path().to_owned()], &names).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    let error = read_label_csv(&[folder.0.path().join("none.csv")], &names).unwrap_err();
    assert!(error.to_string().contains("none.csv"), "{error}");
}

#[test]
fn the_real_tables_are_read_whole() {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("HPA_SHARED").map_or("../shared".into(), PathBuf::from);
    let tables = workspace.join(shared).join("data/kaggle-tables");
    if !tables.is_dir() {
        eprintln!("SKIPPED: no {} (set HPA_SHARED)", tables.display());
        return;
    }
    for (name, rows) in [
        ("train.csv", 31_072),
        ("sample_submission.csv", 11_702),
        ("submission_lb539.csv", 11_702),
        ("HPAv18RBGY_wodpl.csv", 74_606),
    ] {
        let read = read_label_csv(&[tables.join(name)], &LabelNames::atlas()).unwrap();
        assert_eq!(read.len(), rows, "{name}");
    }
}

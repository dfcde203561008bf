//! CSV tables that users bring: text checks that both readers share.

pub(crate) mod ids;
pub(crate) mod label_names;
pub(crate) mod labels;
pub(crate) mod matrix;

use crate::ErrorList;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest table: several million rows.
const MAX_BYTES: u64 = 256 << 20;
/// Longest line; one id and all labels need less than 2 KiB.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Why a CSV table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The operating system reports an error.
    #[error("cannot read the table {}: {source}", path.display())]
    Io {
        /// The table.
        path: PathBuf,
        /// Its error.
        source: std::io::Error,
    },
    /// Not a table at all.
    #[error("{} is not a table: {reason}", path.display())]
    NotATable {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Invalid rows.
    #[error("{}: {errors}", path.display())]
    Rows {
        /// The table.
        path: PathBuf,
        /// Line and reason of each.
        errors: ErrorList,
    },
    /// A file of label names that holds none, too many, or one twice.
    #[error("{}: {reason}", path.display())]
    LabelNames {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Tables that disagree.
    #[error("the tables disagree on the labels of samples: {0}")]
    Conflicts(ErrorList),
}

/// The text of a table that has at least a header, without byte-order mark.
pub(crate) fn read_table_text(path: &Path) -> Result<String, CsvError> {
    let not_a_table = |reason| CsvError::NotATable { path: path.to_owned(), reason };
    let text = read_csv_text(path)?;
    if text.is_empty() {
        return Err(not_a_table("it is empty".to_owned()));
    }
    if let Some(line) = unclosed_quote(text.as_bytes()) {
        return Err(not_a_table(format!("line {line}: a quote is not closed")));
    }
    Ok(text)
}

/// The text of a regular file without byte-order mark; may be empty.
///
/// # Errors
/// When it is not a regular file, too large, not UTF-8, or has a control character or a line that
/// is too long.
pub fn read_csv_text(path: &Path) -> Result<String, CsvError> {
    let io = |source| CsvError::Io { path: path.to_owned(), source };
    let not_a_table = |reason| CsvError::NotATable { path: path.to_owned(), reason };
    // Opening a FIFO would block until a writer opens it.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(not_a_table("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(not_a_table(format!("it has more than {MAX_BYTES} bytes")));
    }
    check_lines(&bytes).map_err(not_a_table)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|&byte| byte == b'\n').count();
        not_a_table(format!("line {line} is not UTF-8"))
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// Refuses lines that are too long, and control characters.
fn check_lines(bytes: &[u8]) -> Result<(), String> {
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        if line.len() > MAX_LINE_BYTES {
            return Err(format!("line {number} has {} bytes", line.len()));
        }
        let control = line.iter().find(|&&b| b.is_ascii_control() && b != b'\t' && b != b'\r');
        if let Some(&found) = control {
            let found = char::from(found);
            return Err(format!("line {number} holds a control character {found:?}"));
        }
    }
    Ok(())
}

/// The line of a quote that is never closed, which a CSV reader takes as closed by the end of file.
///
/// Quotes count as in the `csv` crate (RFC 4180): at the start of a field one opens it, two within
/// a quoted field are a quote, and elsewhere they are text.
#[must_use]
pub fn unclosed_quote(table: &[u8]) -> Option<usize> {
    let table = table.strip_prefix(b"\xef\xbb\xbf").unwrap_or(table); // a byte-order mark
    let (mut line, mut opened, mut place) = (1, 1, Place::Start);
    for &byte in table {
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Closed, b'"') => Place::Quoted,
            (Place::Start, b'"') => {
                opened = line;
                Place::Quoted
            }
            (_, b',' | b'\n' | b'\r') => Place::Start,
            _ => Place::Text,
        };
        line += usize::from(byte == b'\n');
    }
    (place == Place::Quoted).then_some(opened)
}

/// Where in a field a byte lies.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    Text,
    Quoted,
    /// Behind a quote within a quoted field: the field's end, or half of an escaped quote.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_escaped_and_literal_quotes_are_accepted() {
        for table in
            ["", "a,b\n", "\"a\",\"b\"", "\"a\n\"\"b\"\"\",c\n", "a\"b,c\"\n", "\"a\"b\n", "\"\"\n"]
        {
            assert_eq!(unclosed_quote(table.as_bytes()), None, "{table:?}");
        }
    }

    #[test]
    fn the_line_is_that_of_the_unclosed_quote() {
        for (table, line) in
            [("\"", 1), ("a,b\nc,\"d\n", 2), ("a\"b\n\nc,\"d\n", 3), ("\"a\"\n\"b\"\"\nc", 2)]
        {
            assert_eq!(unclosed_quote(table.as_bytes()), Some(line), "{table:?}");
        }
    }
}

//! Label names from a file: one name a line, or a JSON array of texts.
//!
//! The first character that is no space decides: `[` opens an array. Lines may end in
//! `\r\n`, and empty lines at the end are no names.

use crate::{TableError, regular};
use hpa_core::LabelNames;
use std::path::Path;

/// Reads label names.
///
/// # Errors
/// When the file cannot be read, or holds no names, too many, or one twice.
pub fn read_label_names(path: &Path) -> Result<LabelNames, TableError> {
    let io = |source| TableError::Io { path: path.to_owned(), source };
    let text = std::io::read_to_string(regular::open(path).map_err(io)?).map_err(io)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let names: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| TableError::Format {
            path: path.to_owned(),
            expected: "a JSON array of names",
            reason: error.to_string(),
        })?
    } else {
        text.trim_end().lines().map(|line| line.trim().to_owned()).collect()
    };
    LabelNames::try_from(names)
        .map_err(|source| TableError::Names { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        hpa_artifacts::atomic::write_bytes(file.path(), text.as_bytes()).unwrap();
        read_label_names(file.path()).map(Into::into).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_and_arrays_are_read() {
        assert_eq!(
            read("\u{feff}nucleus\r\nnuclear rim\r\n\r\n").unwrap(),
            ["nucleus", "nuclear rim"]
        );
        assert_eq!(read(" [\"a\", \"b\"]\n").unwrap(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_list_of_names_is_refused() {
        assert!(read("").unwrap_err().contains("0 label names"));
        assert!(read("a\n\nb\n").unwrap_err().contains("empty name"));
        assert!(read("a\na\n").unwrap_err().contains("stands twice"));
        assert!(read("[\"a\", 3]").unwrap_err().contains("not a JSON array of names"));
    }
}

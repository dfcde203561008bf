//! Label names from a file: one name a line, or a JSON array of strings.
//!
//! The first character other than a space decides: `[` opens an array. Lines may end in `\r\n`;
//! empty lines at the end are ignored.

use crate::tables::csv::{CsvError, read_csv_text};
use hpa_core::LabelNames;
use std::path::Path;

/// Reads label names.
///
/// # Errors
/// When the file cannot be read, or holds no names, too many, or one twice.
pub fn read_label_names(path: &Path) -> Result<LabelNames, CsvError> {
    let wrong = |reason| CsvError::LabelNames { path: path.to_owned(), reason };
    let text = read_csv_text(path)?;
    let names: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text)
            .map_err(|error| wrong(format!("not a JSON array of names: {error}")))?
    } else {
        text.trim_end().lines().map(|line| line.trim().to_owned()).collect()
    };
    LabelNames::try_from(names).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        crate::atomic::write_bytes(file.path(), text.as_bytes()).unwrap();
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
    fn files_without_valid_names_are_refused() {
        assert!(read("").unwrap_err().contains("0 label names"));
        assert!(read("a\n\nb\n").unwrap_err().contains("empty name"));
        assert!(read("a\na\n").unwrap_err().contains("occurs twice"));
        assert!(read("[\"a\", 3]").unwrap_err().contains("not a JSON array of names"));
    }
}

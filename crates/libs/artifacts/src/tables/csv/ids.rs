//! The `Id` column of a CSV table, whatever its other columns hold.
//!
//! For a submission's template, a list of skipped samples (`Id,Reason`), and the ids of an array's
//! rows.

use crate::ErrorList;
use crate::tables::csv::{CsvError, read_table_text};
use hpa_core::SampleId;
use std::collections::HashMap;
use std::path::Path;

/// The ids of a table in order; none when it has only a header.
///
/// # Errors
/// When the file is not a table with a column `Id`, or an id is invalid or occurs twice; the message
/// has the line of the first 20.
pub fn read_id_csv(path: &Path) -> Result<Vec<SampleId>, CsvError> {
    let not_a_table = |reason| CsvError::NotATable { path: path.to_owned(), reason };
    let text = read_table_text(path)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| not_a_table(error.to_string()))?.clone();
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == "Id");
    let column = match (places.next(), places.next()) {
        (Some((column, _)), None) => column,
        (None, _) => return Err(not_a_table("it has no column Id".to_owned())),
        _ => return Err(not_a_table("it has two columns Id".to_owned())),
    };
    let mut ids = Vec::new();
    let mut lines: HashMap<SampleId, u64> = HashMap::new();
    let mut errors = ErrorList::default();
    for record in reader.records() {
        let record = record.map_err(|error| not_a_table(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        match record.get(column).unwrap_or("").parse::<SampleId>() {
            Err(error) => errors.push(format!("line {line}: {error}")),
            Ok(id) => match lines.insert(id.clone(), line) {
                Some(first) => {
                    errors.push(format!("line {line}: {id} is on line {first} already"));
                }
                None => ids.push(id),
            },
        }
    }
    match errors.count() {
        0 => Ok(ids),
        _ => Err(CsvError::Rows { path: path.to_owned(), errors }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        crate::atomic::write_bytes(file.path(), text.as_bytes()).unwrap();
        let ids = read_id_csv(file.path()).map_err(|error| error.to_string())?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn ids_come_in_the_order_of_the_rows() {
        let text = "\u{feff}Reason,Id\r\n\"no, none\",b\r\n,a\r\n";
        assert_eq!(read(text).unwrap(), ["b", "a"]);
        assert_eq!(read("Id,Reason\n").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn errors_name_the_line() {
        assert!(read("").unwrap_err().contains("it is empty"));
        assert!(read("id\na\n").unwrap_err().contains("no column Id"));
        assert!(read("Id,Id\na,a\n").unwrap_err().contains("two columns"));
        assert!(read("Id\na\nb\na\n").unwrap_err().contains("line 4: a is on line 2"));
        assert!(read("Id\n../a\n").unwrap_err().contains("line 2"));
        assert!(read("Reason,Id\nx\n").unwrap_err().contains("line 2: a sample id is empty"));
    }
}
